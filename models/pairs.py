"""Labelled pairs, `pairs.jsonl`: asks with what was read, the right answer and where it stands.

One JSON object a line:

    {"ask": "how long do I have to return headphones?",
     "passages": [{"id": "returns#2", "title": "Returns › Electronics", "text": "…"}],
     "facts": [{"id": "stock:1001", "title": "stock Lark Buds", "text": "…"}],
     "answer": "Opened headphones can be returned within 14 days.",
     "source": "returns#2",
     "weight": 1.0}

A `source` of two ids says that both are needed together; `null` that nothing of what was read
answers.

`passages` or `facts` may be left out, and `weight` too; nothing else may, or may come on top.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.errors import BadInput
from appliance.lanes.prompt import MOST_SOURCES, SlottedSource, slotted_sources
from appliance.stages.text import sentence_spans, word_set
from appliance.values import find_values, same_value

KEYS = frozenset({"ask", "passages", "facts", "answer", "source", "weight"})
TEXT_KEYS = frozenset({"id", "title", "text"})
SHAPE = 'Write {"ask", "passages", "facts", "answer", "source", "weight"}; see models/pairs.py.'


@dataclass(frozen=True, slots=True)
class Text:
    """A passage or a live fact, as it was read."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Pair:
    """An ask and its right answer."""

    ask: str
    passages: tuple[Text, ...]
    facts: tuple[Text, ...]
    answer: str
    source: tuple[str, ...]  # ids of what answers: one, two together, or none
    weight: float
    line: int  # in its file, from 1


@dataclass(frozen=True, slots=True)
class Laid:
    """A pair as the specialist meets it: at most eight sentences, one of them right."""

    sources: tuple[SlottedSource, ...]
    places: tuple[int, ...]  # of the right one, of the two that answer together, or none
    is_copy: bool  # the answer is that sentence, word for word


def read_pairs(path: Path) -> tuple[Pair, ...]:
    """Return the pairs of a file, in its order.

    Raises:
        BadInput: Missing, empty, or a line that is no pair; the line and the remedy are named.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"No pairs at {path}: {error.strerror}.", hint=SHAPE) from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 from byte {error.start:,} on.", hint=SHAPE) from error
    rows = [(n, row) for n, row in enumerate(text.split("\n"), start=1) if row.strip()]
    if not rows:
        raise BadInput(
            f"{path} holds no pairs: the file is empty.",
            hint="Export labels first, or write one JSON object a line.",
        )
    return tuple(_pair(row, line, f"{path}, line {line}") for line, row in rows)


def lay(pair: Pair) -> Laid:
    """Return what the specialist reads for a pair: facts first, then sentences, as in a store.

    Where there are more than eight, what would be cut off and is right takes the last places.
    """
    rows = [(f.id, f.title, f.text) for f in pair.facts]
    rows += [
        (p.id, p.title, p.text[start:end])
        for p in pair.passages
        for start, end in sentence_spans(p.text)
    ]
    right = [_nearest(rows, source, pair.answer) for source in pair.source]
    late = [at for at in right if at >= MOST_SOURCES - len(right)]
    kept = [at for at in range(len(rows)) if at not in late][: MOST_SOURCES - len(late)] + late
    sources = slotted_sources([rows[at] for at in kept])
    is_copy = len(right) == 1 and _same(rows[right[0]][2], pair.answer)
    return Laid(sources, tuple(kept.index(at) for at in right), is_copy)


def _nearest(rows: Sequence[tuple[str, str, str]], source: str, answer: str) -> int:
    """Return the sentence of a source that says the answer, or else shares most words with it."""
    said = word_set(answer)
    own = [i for i, row in enumerate(rows) if row[0] == source]
    return max(own, key=lambda i: (_same(rows[i][2], answer), len(said & word_set(rows[i][2])), -i))


def _pair(row: str, line: int, where: str) -> Pair:
    try:
        table = json.loads(row)
    except ValueError as error:
        raise BadInput(f"{where} is not JSON: {error}.", hint=SHAPE) from error
    if not isinstance(table, dict):
        raise BadInput(f"{where} is no JSON object but {type(table).__name__}.", hint=SHAPE)
    if unknown := sorted(set(table) - KEYS):
        raise BadInput(f"{where} has unknown keys: {', '.join(unknown)}.", hint=SHAPE)
    source = _source(table, where)
    pair = Pair(
        ask=_string(table, "ask", where),
        passages=tuple(_texts(table, "passages", where)),
        facts=tuple(_texts(table, "facts", where)),
        answer=_string(table, "answer", where) if source else "",
        source=source,
        weight=_weight(table.get("weight", 1.0), where),
        line=line,
    )
    _check(pair, where)
    return pair


def _source(table: Mapping[str, Any], where: str) -> tuple[str, ...]:
    found = table.get("source", "")
    if found is None:
        return ()
    named = found if isinstance(found, list) else [found]
    is_named = all(isinstance(name, str) and name for name in named)
    if not is_named or not 1 <= len(named) <= 2 or len(set(named)) < len(named):
        raise BadInput(
            f"{where} has no source." if found in ("", []) else f"{where}: source is {found!r}.",
            hint="Name the passage or fact that answers, or two; null where nothing does.",
        )
    return tuple(named)


def _check(pair: Pair, where: str) -> None:
    texts = {t.id: t.text for t in (*pair.facts, *pair.passages)}
    if not texts:
        raise BadInput(
            f"{where} has neither passages nor facts.", hint="Give what was read for the ask."
        )
    if len(texts) < len(pair.facts) + len(pair.passages):
        raise BadInput(f"{where} has two texts of one id.", hint="An id names one text.")
    if missing := [name for name in pair.source if name not in texts]:
        raise BadInput(
            f"{where} has source {missing[0]!r}; it read {', '.join(map(repr, texts))}.",
            hint="The source must be one of the passages or facts of its own line.",
        )
    there = [v for name in pair.source for v in find_values(texts[name])]
    for value in find_values(pair.answer) if len(pair.source) == 1 else ():
        if not any(same_value(value, v) for v in there):
            raise BadInput(
                f"{where}: the answer says {value.text!r}, its source {pair.source[0]!r} does not.",
                hint="A value comes from the source. Correct the answer or name another source.",
            )


def _texts(table: Mapping[str, Any], key: str, where: str) -> Iterator[Text]:
    rows = table.get(key, [])
    if not isinstance(rows, list):
        raise BadInput(f"{where}: {key} is no list.", hint=SHAPE)
    for row in rows:
        if not isinstance(row, dict) or set(row) != TEXT_KEYS:
            raise BadInput(
                f"{where}: {key} holds {json.dumps(row, ensure_ascii=False)[:80]}.",
                hint='Each is {"id", "title", "text"}.',
            )
        yield Text(*(_string(row, k, f"{where}, {key}") for k in ("id", "title", "text")))


def _string(table: Mapping[str, Any], key: str, where: str) -> str:
    found = table.get(key)
    if not isinstance(found, str) or not (found.strip() or key == "title"):
        raise BadInput(f"{where}: {key} is {found!r}; expected text.", hint=SHAPE)
    return found


def _weight(found: Any, where: str) -> float:
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    if not is_number or not math.isfinite(found) or found <= 0:
        raise BadInput(
            f"{where}: weight is {found!r}; expected a number above 0.",
            hint="Leave the line out instead of giving it no weight.",
        )
    return float(found)


def _same(a: str, b: str) -> bool:
    return _folded(a) == _folded(b)


def _folded(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().casefold()
