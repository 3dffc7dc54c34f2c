"""Which sentence of the passages answers the ask: a small learned ranker over sentences.

Its probability is calibrated on held-out asks (`models/excerpts.py`); it orders what the specialist
reads, picks what the quote lane says and tells the ladder when nothing answers.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from appliance.logistic import Logistic
from appliance.ports import Answerability, Asked, IndexedSentence, KnownAnswer, Vector
from appliance.records import Excerpt, Passage, ValueKind
from appliance.stages import asked as labelled
from appliance.stages.stems import STOP, content, stem
from appliance.stages.text import words
from appliance.values import find_values

FEATURES = (
    "cosine",
    "cosine_lead",
    "coverage",
    "coverage_title",
    "coverage_lead",
    "pairs",
    "passage",
    "passage_cosine",
    "asks_value",
    "has_asked_value",
    "lacks_asked_value",
    "opening",
    "long",
    "known",
    "known_lead",
    "known_passage",
    *labelled.FEATURES,
    "asked_lead",
    "asked_coverage_lead",
)
LEADS = (
    ("cosine", "cosine_lead"),
    ("coverage", "coverage_lead"),
    ("known", "known_lead"),
    ("asked", "asked_lead"),
    ("asked_coverage", "asked_coverage_lead"),
)
NOTHING = Asked()
# What kind of value a question asks for. Order matters: the first that fits is taken.
_ASKED: tuple[tuple[str, frozenset[ValueKind]], ...] = (
    ("how long", frozenset({ValueKind.DURATION, ValueKind.DATE})),
    ("how many days", frozenset({ValueKind.DURATION})),
    ("how much", frozenset({ValueKind.MONEY, ValueKind.PERCENT})),
    ("how many", frozenset({ValueKind.COUNT, ValueKind.DURATION})),
    ("how old", frozenset({ValueKind.AGE, ValueKind.DURATION})),
    ("what age", frozenset({ValueKind.AGE, ValueKind.DURATION})),
    ("how often", frozenset({ValueKind.DURATION, ValueKind.COUNT})),
    ("how far", frozenset({ValueKind.SIZE})),
    ("what time", frozenset({ValueKind.TIME, ValueKind.DURATION})),
    ("when", frozenset({ValueKind.TIME, ValueKind.DATE, ValueKind.DURATION})),
    ("percent(?:age)?", frozenset({ValueKind.PERCENT})),
    ("fees?", frozenset({ValueKind.MONEY, ValueKind.PERCENT})),
    ("limits?", frozenset({ValueKind.MONEY, ValueKind.COUNT, ValueKind.DURATION})),
    ("cuánt[oa]", frozenset({ValueKind.MONEY, ValueKind.PERCENT, ValueKind.DURATION})),
    ("cuánt[oa]s", frozenset({ValueKind.COUNT, ValueKind.DURATION})),
)
# Whole words: a "coffee" maker asks for no fee. Test: unit/stages/test_excerpt.py.
_CUES = tuple((re.compile(rf"\b{cue}\b"), kinds) for cue, kinds in _ASKED)


@dataclass(frozen=True, slots=True)
class RankExcerpts:
    """Order the sentences of a few passages by how likely they answer."""

    model: Logistic  # over FEATURES
    idf: Callable[[str], float]
    judge: Answerability | None = None  # asked instead of `model` where the release has one

    def __call__(
        self,
        text: str,
        vector: Vector,
        *,
        passages: Sequence[Passage],
        sentences: Sequence[IndexedSentence],
        known: Sequence[KnownAnswer] = (),
        asked: Sequence[Asked] = (),
    ) -> tuple[Excerpt, ...]:
        """Return every sentence with its probability, likeliest first; ties in reading order.

        Args:
            text: The ask.
            vector: Of the ask.
            passages: What was found.
            sentences: Theirs.
            known: Answers to like questions, best first.
            asked: The labelled questions of each sentence; none where there are none at all.
        """
        rows = self.features(
            text, vector, passages=passages, sentences=sentences, known=known, asked=asked
        )
        found = [
            Excerpt(s.passage, s.start, s.end, p)
            for s, p in zip(sentences, self._odds(rows), strict=True)
        ]
        return tuple(sorted(found, key=lambda e: -e.p))

    def _odds(self, rows: Sequence[dict[str, float]]) -> list[float]:
        if self.judge is None or not rows:
            return [self.model.p(row) for row in rows]
        found: list[float] = self.judge(matrix(rows)).tolist()
        return found

    def features(
        self,
        text: str,
        vector: Vector,
        *,
        passages: Sequence[Passage],
        sentences: Sequence[IndexedSentence],
        known: Sequence[KnownAnswer] = (),
        asked: Sequence[Asked] = (),
    ) -> list[dict[str, float]]:
        """Return one row of `FEATURES` per sentence."""
        if not sentences:
            return []
        by_id = {p.id: p for p in passages}
        cosines = np.stack([s.vector for s in sentences]) @ vector
        query = _Query.of(text, self.idf)
        titles = {p.id: query.covered(_titled(p.title)) for p in passages}
        rows = []
        like = asked or [NOTHING] * len(sentences)
        for sentence, cosine, questions in zip(sentences, cosines.tolist(), like, strict=True):
            passage = by_id[sentence.passage]
            said = _said(passage.text[sentence.start : sentence.end])
            row = query.features(said)
            row |= labelled.asked_features(
                query.idf, questions, stems=said.stems, total=query.total
            )
            row["coverage_title"] = titles[sentence.passage]
            row["cosine"], row["passage"] = cosine, passage.score
            row["opening"] = float(sentence.start == 0)
            rows.append(row)
        _add_known(rows, sentences, known)
        _compare(rows, sentences)
        return rows


def matrix(rows: Sequence[Mapping[str, float]]) -> NDArray[np.float32]:
    """Return rows of features as numbers, (n, len(FEATURES))."""
    return np.array([[row[name] for name in FEATURES] for row in rows], dtype=np.float32)


def _add_known(
    rows: list[dict[str, float]], sentences: Sequence[IndexedSentence], known: Sequence[KnownAnswer]
) -> None:
    """Add how near a labelled question of the sentence, and of its passage, lies to the ask."""
    of_passage: dict[str, list[KnownAnswer]] = {}
    for answer in known:
        of_passage.setdefault(answer.passage, []).append(answer)
    for row, sentence in zip(rows, sentences, strict=True):
        near = of_passage.get(sentence.passage, ())
        here = [a.cosine for a in near if a.start < sentence.end and sentence.start < a.end]
        row["known"] = max(here, default=0.0)
        row["known_passage"] = max((0.0, *(a.cosine for a in near)))


def _compare(rows: list[dict[str, float]], sentences: Sequence[IndexedSentence]) -> None:
    """Add what only the whole field tells: how far each sentence leads the best of the others."""
    for name, lead in LEADS:
        ordered = sorted((row[name] for row in rows), reverse=True)
        first, second = ordered[0], ordered[1] if len(ordered) > 1 else 0.0
        for row in rows:
            row[lead] = row[name] - (second if row[name] == first else first)
    best: dict[str, float] = {}
    for row, sentence in zip(rows, sentences, strict=True):
        best[sentence.passage] = max(best.get(sentence.passage, 0.0), row["cosine"])
    for row, sentence in zip(rows, sentences, strict=True):
        row["passage_cosine"] = best[sentence.passage]


@dataclass(frozen=True, slots=True)
class _Query:
    idf: Mapping[str, float]  # content stems of the ask
    total: float
    pairs: frozenset[tuple[str, str]]
    asked: frozenset[ValueKind]

    @classmethod
    def of(cls, text: str, idf: Callable[[str], float]) -> _Query:
        found = [w for w in words(text) if w not in STOP]
        weights = {stem(w): idf(w) for w in found}
        lowered = text.lower()
        asked = next((kinds for cue, kinds in _CUES if cue.search(lowered)), frozenset())
        stems = [stem(w) for w in found]
        pairs = frozenset(itertools.pairwise(stems))
        return cls(weights, sum(weights.values()) or 1.0, pairs, asked)

    def features(self, said: _Said) -> dict[str, float]:
        """Return what the sentence's own words tell."""
        has_value = not self.asked.isdisjoint(said.kinds)
        return {
            "coverage": self.covered(said.stems),
            "pairs": len(self.pairs & said.pairs) / 3.0,
            "asks_value": float(bool(self.asked)),
            "has_asked_value": float(has_value),
            "lacks_asked_value": float(bool(self.asked) and not has_value),
            "long": said.count / 20.0,
        }

    def covered(self, stems: AbstractSet[str]) -> float:
        """Return the share of the ask's words among `stems`, weighed by rarity."""
        return sum([w for s, w in self.idf.items() if s in stems]) / self.total


@dataclass(frozen=True, slots=True)
class _Said:
    """A sentence's content stems and values."""

    stems: frozenset[str]
    pairs: frozenset[tuple[str, str]]  # neighbours
    count: int
    kinds: frozenset[ValueKind]


@lru_cache(maxsize=2048)
def _said(sentence: str) -> _Said:
    """Read a sentence; remembered, for a handbook's are few."""
    stems = content(sentence)
    kinds = frozenset(v.kind for v in find_values(sentence))
    return _Said(frozenset(stems), frozenset(itertools.pairwise(stems)), len(stems), kinds)


@lru_cache(maxsize=1024)
def _titled(title: str) -> frozenset[str]:
    return frozenset(stem(w) for w in words(title))
