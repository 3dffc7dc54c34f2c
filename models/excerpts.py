"""Train the excerpt ranker: which sentence of the found passages answers an ask.

Source of the labels: the handbook's hand-written asks, each with the sentence that answers it. One
half of those under `held_out` teaches, the other is what figures come from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.files import replaced
from appliance.logistic import Logistic
from appliance.ports import Embedder, Filters, Index, IndexedSentence, KnownAnswer, Vector
from appliance.records import Passage
from appliance.stages.excerpt import FEATURES, RankExcerpts, matrix
from appliance.stages.lexicon import Lexicon
from appliance.stages.stitch import KEPT, KNOWN, distinct, find_passages
from appliance.stages.text import fold, language
from appliance.store.index import SqliteIndex
from appliance.store.known_asks import KnownAsks

MOST_PASSAGES = 50  # of one document
ROLES = ("associate", "lead", "manager")


@dataclass(frozen=True, slots=True)
class LabelledAsk:
    """An ask and the sentence that answers it; an empty answer means that nothing does."""

    text: str
    document: str
    answer: str


@dataclass(frozen=True, slots=True)
class Candidates:
    """The sentences found for one ask: features (n, len(FEATURES)), labels (n,)."""

    ask: LabelledAsk
    features: NDArray[np.float32]
    labels: NDArray[np.bool_]
    passages: tuple[str, ...]  # of each sentence


@dataclass(frozen=True, slots=True)
class Without:
    """`ports.Index` without one document: what is found for an ask that nothing answers.

    Attributes:
        behind: The whole index.
        document: Whose passages are not found.
    """

    behind: Index
    document: str

    def search(
        self, text: str, *, k: int, filters: Filters, vector: Vector | None = None
    ) -> list[Passage]:
        """Return up to k passages of other documents, best first."""
        found = self.behind.search(text, k=k + MOST_PASSAGES, filters=filters, vector=vector)
        return [p for p in found if p.document != self.document][:k]

    def passage(self, passage_id: str) -> Passage | None:
        """Return one passage of another document, or None."""
        found = self.behind.passage(passage_id)
        return None if found is None or found.document == self.document else found

    def sentences(self, passage_ids: Sequence[str]) -> list[IndexedSentence]:
        """Return the sentences of the passages."""
        return self.behind.sentences(passage_ids)

    def idf(self, word: str) -> float:
        """Return how rare a word is in the whole index."""
        return self.behind.idf(word)

    def product(self, key: str) -> Mapping[str, str] | None:
        """Return a product's columns."""
        return self.behind.product(key)

    def find_products(self, text: str, *, k: int) -> list[tuple[str, float]]:
        """Return the products that a text may name."""
        return self.behind.find_products(text, k=k)


def read_asks(folder: Path, field: str) -> list[LabelledAsk]:
    """Return the labelled asks of a folder of JSONL; `field` is asks or held_out."""
    found = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            found += [LabelledAsk(text, row["doc"], row["answer"]) for text in row[field]]
    return found


def gather(
    asks: Sequence[LabelledAsk],
    *,
    index: Index,
    embedder: Embedder,
    lexicon: Lexicon,
    known: KnownAsks,
    on: date,
    without: bool = False,
) -> Iterator[Candidates]:
    """Search for each ask as the store does; yield its sentences.

    Args:
        asks: What is asked.
        index: Searched.
        embedder: The index's.
        lexicon: The chain's shorthand.
        known: The labelled asks; an ask never finds itself among them.
        on: The day of asking.
        without: Leave out the document that answers, so that nothing does.
    """
    rank = RankExcerpts(Logistic({}, 0.0), index.idf)
    for ask in asks:
        text = lexicon.expand(fold(ask.text))
        filters = Filters(
            audiences=ROLES, language=language(text), on=on, kinds=("handbook", "local")
        )
        searched: Index = Without(index, ask.document) if without else index
        vector = embedder.embed([text])[0]
        like = _like(known, searched, vector, text)
        found = find_passages(
            searched, lexicon.with_synonyms(text), vector, filters=filters, known=like
        )
        passages = distinct(found)[:KEPT]
        sentences = index.sentences([p.id for p in passages])
        if not sentences:
            continue
        rows = rank.features(
            text,
            vector,
            passages=passages,
            sentences=sentences,
            known=like,
            asked=known.asked(vector, sentences, but=text),
        )
        by_id = {p.id: p for p in passages}
        labels = [_answers(ask, by_id[s.passage], s.start, s.end) for s in sentences]
        of = tuple(s.passage for s in sentences)
        yield Candidates(ask, matrix(rows), np.array(labels, bool), of)


def _like(known: KnownAsks, index: Index, vector: Vector, text: str) -> list[KnownAnswer]:
    """Return the nearest known answers that the index holds, as many as stitching looks at."""
    found = known.nearest(vector, k=3 * KNOWN, but=text)
    return [a for a in found if index.passage(a.passage) is not None][:KNOWN]


def find_answer(ask: LabelledAsk, index: SqliteIndex) -> tuple[str, int, int] | None:
    """Return (passage id, start, end) of an ask's answer, None when it is not indexed."""
    for number in range(MOST_PASSAGES):
        passage = index.passage(f"{ask.document}#{number}")
        if passage is None:
            return None
        at = passage.text.find(ask.answer)
        if at >= 0:
            return passage.id, at, at + len(ask.answer)
    return None


def train(candidates: Sequence[Candidates]) -> Logistic:
    """Return weights fitted by logistic regression, whose loss calibrates its p."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    features = np.concatenate([c.features for c in candidates])
    labels = np.concatenate([c.labels for c in candidates])
    scaler = StandardScaler().fit(features)
    fitted = LogisticRegression(C=1.0, max_iter=2000).fit(scaler.transform(features), labels)
    weights = fitted.coef_[0] / scaler.scale_
    bias = float(fitted.intercept_[0] - weights @ scaler.mean_)
    return Logistic(dict(zip(FEATURES, map(float, weights), strict=True)), bias)


def report(model: Logistic, candidates: Sequence[Candidates]) -> dict[str, Any]:
    """Return hit@1, hit@2, how often the sentence was found at all, and calibration error.

    The expected calibration error is over the first sentence's p in ten bins of equal width.
    """
    ranks, p_first, right_first = [], [], []
    for found in candidates:
        p = np.array([model.p(dict(zip(FEATURES, row, strict=True))) for row in found.features])
        order = np.argsort(-p, kind="stable")
        places = np.flatnonzero(found.labels[order])
        ranks.append(int(places[0]) if len(places) else -1)
        p_first.append(float(p[order[0]]))
        right_first.append(bool(found.labels[order[0]]))
    n = max(1, len(ranks))
    return {
        "asks": len(ranks),
        "hit@1": round(sum(r == 0 for r in ranks) / n, 4),
        "hit@2": round(sum(0 <= r < 2 for r in ranks) / n, 4),
        "found": round(sum(r >= 0 for r in ranks) / n, 4),
        "ece": round(calibration_error(p_first, right_first), 4),
    }


def write(model: Logistic, path: Path, *, figures: dict[str, Any]) -> None:
    """Write the weights as the release's `ranker/excerpts.json`."""
    table = {"weights": model.weights, "bias": model.bias, "figures": figures}
    with replaced(path) as file:
        file.write(json.dumps(table, indent=1, sort_keys=True) + "\n")


def _answers(ask: LabelledAsk, passage: Passage, start: int, end: int) -> bool:
    said = passage.text[start:end].strip()
    same = bool(ask.answer) and (said in ask.answer or ask.answer in said)
    return same and passage.document.endswith(ask.document)


def calibration_error(
    p: Sequence[float], right: Sequence[bool], weights: NDArray[np.float64] | None = None
) -> float:
    """Return the expected calibration error in ten bins of equal width; each ask counts alike."""
    odds, truth = np.array(p, np.float64), np.array(right, np.float64)
    share = np.ones(len(odds)) if weights is None else weights
    bins = np.minimum((odds * 10).astype(int), 9)
    inside = [bins == b for b in range(10)]
    gaps = [abs((share * (odds - truth))[i].sum()) for i in inside]
    return float(sum(gaps) / max(share.sum(), 1e-9))
