"""Labelled examples as a file: `text,label`; a label is an intent or `out_of_scope`."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.errors import BadInput
from appliance.stages.intent import OUT_OF_SCOPE
from appliance.stages.text import fold

COLUMNS = ("text", "label")
FEWEST = 2  # examples of an intent: one to learn from, one to see how it is told
LONGEST = 8_000  # characters of a text
SAID = 'a header line "text,label", then a line per example'
_NEARLY = {"oos", "out of scope", "out-of-scope", "outofscope", "none", "unknown"}


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question and the name of what it is about."""

    text: str  # folded
    label: str
    line: int = 0

    @property
    def is_ours(self) -> bool:
        """Whether it is in scope."""
        return self.label != OUT_OF_SCOPE


@dataclass(frozen=True, slots=True)
class Examples:
    """What a file held; `repeats` were given twice with the same label and are kept once."""

    rows: tuple[Labelled, ...]
    repeats: int = 0

    @property
    def intents(self) -> tuple[str, ...]:
        """Names of the intents in scope, sorted."""
        return tuple(sorted({r.label for r in self.rows if r.is_ours}))

    @property
    def ours(self) -> tuple[Labelled, ...]:
        """Examples in scope."""
        return tuple(r for r in self.rows if r.is_ours)

    @property
    def foreign(self) -> tuple[Labelled, ...]:
        """Examples out of scope."""
        return tuple(r for r in self.rows if not r.is_ours)


def read_training(path: Path) -> Examples:
    """Return the examples a router is trained on.

    Raises:
        BadInput: The file cannot be used; the message names the line and the remedy.
    """
    found = read_examples(path)
    counts = Counter(r.label for r in found.ours)
    if len(counts) < 2:
        names = ", ".join(sorted(counts)) or "none"
        raise BadInput(
            f"{path} has {len(counts)} intent in scope ({names}); a router tells at least two"
            " apart.",
            hint="Add examples of another intent.",
        )
    few = sorted(name for name, n in counts.items() if n < FEWEST)
    if few:
        raise BadInput(
            f"{path}: {_named(few)} {'has' if len(few) == 1 else 'have'} one example; an intent"
            f" needs {FEWEST} at the least, and 10 to be told well.",
            hint="Add examples, or leave the intent out.",
        )
    return found


def read_validation(path: Path, *, intents: Sequence[str]) -> Examples:
    """Return the examples a threshold is chosen on.

    Raises:
        BadInput: The file cannot be used, or has an intent the training examples lack.
    """
    found = read_examples(path)
    if not found.ours:
        raise BadInput(
            f"{path} has no example in scope; a threshold is chosen on questions of the store.",
            hint="Add held-out questions with their intents.",
        )
    unknown = next((r for r in found.ours if r.label not in set(intents)), None)
    if unknown is not None:
        raise BadInput(
            f"{path}, line {unknown.line}: the intent {unknown.label!r} is not among the"
            f" {len(intents)} of the training examples.",
            hint=f"A question that is not the store's is labelled {OUT_OF_SCOPE}.",
        )
    return found


def read_examples(path: Path) -> Examples:
    """Return a file's examples, each text once.

    Raises:
        BadInput: It cannot be read, lacks a column or a field, or labels one text twice.
    """
    kept: dict[str, Labelled] = {}
    repeats = 0
    for row in _rows(path):
        key = row.text.casefold()
        before = kept.get(key)
        if before is None:
            kept[key] = row
        elif before.label == row.label:
            repeats += 1
        else:
            raise BadInput(
                f"{path}: the text of line {row.line} is {row.label!r} there and"
                f" {before.label!r} on line {before.line}.",
                hint="A text has one label: remove one of the two lines.",
            )
    if not kept:
        raise BadInput(f"{path} holds no examples; expected {SAID}.")
    return Examples(tuple(kept.values()), repeats)


def _rows(path: Path) -> list[Labelled]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            places = _columns(path, next(reader, None))
            return [_labelled(path, r, places, reader.line_num) for r in reader if any(r)]
    except UnicodeDecodeError as exc:
        raise BadInput(
            f"{path} is not UTF-8 text: byte {exc.start:,} is {exc.object[exc.start]:#04x}.",
            hint="Save it as CSV in UTF-8.",
        ) from exc
    except OSError as exc:
        raise BadInput(
            f"{path} cannot be read: {exc.strerror}.", hint="Check --examples and --validation."
        ) from exc
    except csv.Error as exc:
        raise BadInput(f"{path} is not a CSV table: {exc}.", hint=f"Expected {SAID}.") from exc


def _columns(path: Path, header: Sequence[str] | None) -> tuple[int, int]:
    if header is None:
        raise BadInput(f"{path} is empty; expected {SAID}.")
    names = [name.strip().lower() for name in header]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise BadInput(
            f"{path} has no column {' and no column '.join(missing)}; its header is"
            f" {', '.join(header)[:80]!r}.",
            hint=f"Expected {SAID}.",
        )
    return names.index(COLUMNS[0]), names.index(COLUMNS[1])


def _labelled(path: Path, row: Sequence[str], places: tuple[int, int], line: int) -> Labelled:
    if len(row) <= max(places):
        raise BadInput(
            f"{path}, line {line}: {len(row)} fields, expected {max(places) + 1}.",
            hint='A text with a comma stands in quotes: "yes, but when",returns',
        )
    text, label = fold(row[places[0]]), fold(row[places[1]])
    if not text or not label:
        raise BadInput(
            f"{path}, line {line}: the {'label' if text else 'text'} is empty.",
            hint="Fill it in or remove the line.",
        )
    if len(text) > LONGEST:
        raise BadInput(
            f"{path}, line {line}: the text has {len(text):,} characters; a question has at most"
            f" {LONGEST:,}.",
            hint="Is a quote left open? A text with a quote doubles it.",
        )
    if label.lower() in _NEARLY:
        raise BadInput(
            f"{path}, line {line}: the label {label!r} is not an intent's name.",
            hint=f"What is not the store's business is labelled {OUT_OF_SCOPE}.",
        )
    return Labelled(text, label, line)


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(repr(n) for n in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
