"""Train and measure the ranker that joins words and vectors (`appliance/store/ranker.py`).

Trained on one half of the labelled files' `held_out` asks, which the embedder was not tuned on, and
on asks made from the catalogue; measured on the other half, and on public data where that is at
hand (never trained on it).
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.errors import BadInput
from appliance.ports import Embedder, Filters, Vector
from appliance.store.index import POOL, SqliteIndex
from appliance.store.ranker import FEATURES, Ranker

EVERYONE = ("associate", "lead", "manager")
ANYTHING = Filters(audiences=EVERYONE)
SEED = 7
PRODUCT_ASKS = 1_500
# Raw shares and cosines, whose scale is that of one embedder and one handbook, are not learnt from:
# their gaps and ranks among an ask's candidates tell as much here, and more on a foreign manual.
SCALED = ("bm25", "cosine", "sentence_cosine", "length")
DEPTH = 50  # how far down an answer is looked for
# Wordings of asks about a product; the last third is kept for measuring.
PRODUCT_WORDINGS = (
    "{name}",
    "tell me about the {name}",
    "{label} of the {name}",
    "what is the {label} of {name}",
    "{name} {label}",
    "do we carry {name}",
    "customer asks for the {label} on a {name}",
    "where do I find the {label} for {name}",
    "whats the {label} on the {name}?",
)


@dataclass(frozen=True, slots=True)
class Labelled:
    """An ask and what answers it: a sentence of a document, or any passage of one of them."""

    text: str
    documents: frozenset[str]
    answer: str = ""  # "" : any passage of the documents answers
    filters: Filters = ANYTHING


@dataclass(frozen=True, slots=True)
class Score:
    """Share of asks answered by the first hit, by one of five, and the mean reciprocal rank."""

    name: str
    hit_1: float
    hit_5: float
    mrr: float


@dataclass(frozen=True, slots=True)
class Table:
    """What was measured on one set of asks."""

    name: str
    asks: int
    scores: tuple[Score, ...]
    calibration_error: float  # expected, of the first hit's probability, ten equal bins


def read_labelled(
    folder: Path,
    field: str,
    *,
    on: date,
    prepare: Callable[[str], str] | None = None,
    kinds: tuple[str, ...] = (),
    language: Callable[[str], str] | None = None,
) -> list[Labelled]:
    """Return the labelled asks of a folder of JSONL.

    Args:
        folder: Files of {"doc", "answer", "asks", "held_out"} lines.
        field: asks or held_out.
        on: Day on which the asks are asked; documents not in force then are not searched.
        prepare: What the store does to an ask before it searches.
        kinds: Kinds of passages searched, as in `Filters`.
        language: Tells an ask's language, by which passages are then filtered.

    Raises:
        BadInput: There are none.
    """
    found = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            for text in row[field]:
                spoken = language(text) if language else None
                filters = Filters(audiences=EVERYONE, on=on, kinds=kinds, language=spoken)
                ready = prepare(text) if prepare else text
                found.append(Labelled(ready, frozenset({row["doc"]}), row["answer"], filters))
    if not found:
        raise BadInput(f"{folder} holds no labelled asks (*.jsonl).")
    return found


def product_asks(catalog: Sequence[dict[str, str]], *, held_out: bool) -> list[Labelled]:
    """Return made asks that name one product in full; other products and wordings when held out."""
    dice = random.Random(SEED + held_out)  # noqa: S311 - a seed, not a secret
    half = [row for i, row in enumerate(catalog) if (i % 3 == 0) == held_out]
    cut = len(PRODUCT_WORDINGS) * 2 // 3
    wordings = PRODUCT_WORDINGS[cut:] if held_out else PRODUCT_WORDINGS[:cut]
    asks = []
    for row in dice.sample(half, min(len(half), PRODUCT_ASKS // (1 + 2 * held_out))):
        labels = [key for key in ("price", "warranty", "aisle", "size", "colour") if row.get(key)]
        label = dice.choice(labels or ["price"])
        text = dice.choice(wordings).format(name=row["name"], label=label)
        sku = next(row[key] for key in ("sku", "id") if row.get(key))
        asks.append(Labelled(text.lower() if dice.random() < 0.5 else text, frozenset({sku})))
    return asks


def read_manual_qa(folder: Path) -> list[Labelled]:
    """Return the public manual's questions, for measuring only."""
    lines = (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [
        Labelled(row["question"], frozenset(row["gold_sections"]))
        for row in rows
        if row["gold_sections"]
    ]


def train(index: SqliteIndex, asks: Sequence[Labelled], *, embedder: Embedder) -> Ranker:
    """Return weights fitted to tell the passages that answer from the others of their pools."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    rows, labels = [], []
    for ask, vector in _with_vectors(asks, embedder):
        numbers, features, _ = index.candidates(
            ask.text, k=POOL, filters=ask.filters, vector=vector
        )
        if len(numbers):
            rows.append(features)
            labels.append(_labels(index, ask, numbers))
    table, label = np.concatenate(rows).astype(np.float64), np.concatenate(labels)
    mean, scale = table.mean(axis=0), table.std(axis=0)
    scale[scale < 1e-6] = 1.0
    learnt = np.array([name not in SCALED for name in FEATURES])
    # No class weights: the pools are what the store will see, so the odds are already right.
    model = LogisticRegression(C=1.0, max_iter=2_000)
    model.fit((table - mean) / scale * learnt, label)
    return Ranker(
        mean.astype(np.float32),
        scale.astype(np.float32),
        (model.coef_[0] * learnt).astype(np.float32),
        float(model.intercept_[0]),
        {"trained_on": {"asks": len(asks), "candidates": len(label)}},
    )


def measure(
    index: SqliteIndex, asks: Sequence[Labelled], *, embedder: Embedder, name: str
) -> Table:
    """Return hit@1, hit@5 and MRR of BM25 alone, of vectors alone and of both joined."""
    ranks: dict[str, list[int]] = {"BM25": [], "vectors": [], "hybrid": []}
    sure: list[float] = []
    right: list[bool] = []
    for ask, vector in _with_vectors(asks, embedder):
        words, _ = index.by_words(ask.text, k=4 * DEPTH, filters=ask.filters)
        near, _ = index.by_vector(vector, k=4 * DEPTH, filters=ask.filters)
        numbers, _, scores = index.candidates(
            ask.text, k=4 * DEPTH, filters=ask.filters, vector=vector
        )
        order = np.lexsort((numbers, -scores))
        for kind, found in (("BM25", words), ("vectors", near), ("hybrid", numbers[order])):
            ranks[kind].append(_rank(index, ask, found))
        if len(order):
            sure.append(float(scores[order[0]]))
            right.append(bool(_labels(index, ask, numbers[order[:1]])[0]))
    scores_of = tuple(_score(kind, found) for kind, found in ranks.items())
    return Table(name, len(asks), scores_of, _calibration_error(np.array(sure), np.array(right)))


def figures(tables: Sequence[Table]) -> dict[str, Any]:
    """Return measured tables as ranker.json keeps them."""
    return {
        table.name: {
            "asks": table.asks,
            "calibration_error": round(table.calibration_error, 4),
            **{
                s.name: {
                    "hit@1": round(s.hit_1, 4),
                    "hit@5": round(s.hit_5, 4),
                    "mrr": round(s.mrr, 4),
                }
                for s in table.scores
            },
        }
        for table in tables
    }


def _with_vectors(
    asks: Sequence[Labelled], embedder: Embedder
) -> Iterator[tuple[Labelled, Vector]]:
    for start in range(0, len(asks), 64):
        batch = asks[start : start + 64]
        yield from zip(batch, embedder.embed([a.text for a in batch]), strict=True)


def _labels(index: SqliteIndex, ask: Labelled, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    wanted = " ".join(ask.answer.split())
    return np.array(
        [
            p.document in ask.documents and wanted in " ".join(p.text.split())
            for p in index.passages(numbers.tolist())
        ],
        dtype=bool,
    )


def _rank(index: SqliteIndex, ask: Labelled, numbers: NDArray[np.int64]) -> int:
    """Return the rank, from 0, of the first answer; −1 when it is not among the first DEPTH.

    Where a whole document answers, its passages count once, as in `search --by document`.
    """
    found = _labels(index, ask, numbers)
    if ask.answer:
        places = np.flatnonzero(found[:DEPTH])
        return int(places[0]) if len(places) else -1
    documents = [p.document for p in index.passages(numbers.tolist())]
    for rank, document in enumerate(list(dict.fromkeys(documents))[:DEPTH]):
        if document in ask.documents:
            return rank
    return -1


def _score(name: str, ranks: Sequence[int]) -> Score:
    found = np.array(ranks)
    hit = found >= 0
    mrr = float(np.where(hit, 1.0 / (1.0 + np.maximum(found, 0)), 0.0).mean())
    return Score(name, float((found == 0).mean()), float((hit & (found < 5)).mean()), mrr)


def _calibration_error(sure: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    bins = np.minimum((sure * 10).astype(int), 9)
    return float(
        sum(
            abs(sure[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean()
            for b in range(10)
            if (bins == b).any()
        )
    )
