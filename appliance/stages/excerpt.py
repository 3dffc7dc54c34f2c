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

from appliance.logistic import Logistic
from appliance.ports import IndexedSentence, KnownAnswer, Vector
from appliance.records import Excerpt, Passage, ValueKind
from appliance.stages.text import interned, words
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
)
LEADS = (("cosine", "cosine_lead"), ("coverage", "coverage_lead"), ("known", "known_lead"))
_STOP = frozenset(
    "a an the of to in on for with is are was be been do does did can could may i we you he she it"  # noqa: SIM905
    " they his her their our my your and or if at by as that this there what how who when where"
    " which much many long will would should have has had get from not no any me him them us"
    " el la los las un una de que en por para con es son se lo le y o si su mi al del hay".split()
)
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

    def __call__(
        self,
        text: str,
        vector: Vector,
        *,
        passages: Sequence[Passage],
        sentences: Sequence[IndexedSentence],
        known: Sequence[KnownAnswer] = (),
    ) -> tuple[Excerpt, ...]:
        """Return every sentence with its probability, likeliest first; ties in reading order."""
        rows = self.features(text, vector, passages=passages, sentences=sentences, known=known)
        found = [
            Excerpt(s.passage, s.start, s.end, self.model.p(row))
            for s, row in zip(sentences, rows, strict=True)
        ]
        return tuple(sorted(found, key=lambda e: -e.p))

    def features(
        self,
        text: str,
        vector: Vector,
        *,
        passages: Sequence[Passage],
        sentences: Sequence[IndexedSentence],
        known: Sequence[KnownAnswer] = (),
    ) -> list[dict[str, float]]:
        """Return one row of `FEATURES` per sentence."""
        if not sentences:
            return []
        by_id = {p.id: p for p in passages}
        cosines = np.stack([s.vector for s in sentences]) @ vector
        query = _Query.of(text, self.idf)
        titles = {p.id: query.covered(_titled(p.title)) for p in passages}
        rows = []
        for sentence, cosine in zip(sentences, cosines.tolist(), strict=True):
            passage = by_id[sentence.passage]
            row = query.features(_said(passage.text[sentence.start : sentence.end]))
            row["coverage_title"] = titles[sentence.passage]
            row["cosine"], row["passage"] = cosine, passage.score
            row["opening"] = float(sentence.start == 0)
            rows.append(row)
        _add_known(rows, sentences, known)
        _compare(rows, sentences)
        return rows


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
        found = [w for w in words(text) if w not in _STOP]
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
    stems = list(interned(stem(w) for w in words(sentence) if w not in _STOP))
    kinds = frozenset(v.kind for v in find_values(sentence))
    return _Said(frozenset(stems), frozenset(itertools.pairwise(stems)), len(stems), kinds)


@lru_cache(maxsize=1024)
def _titled(title: str) -> frozenset[str]:
    return frozenset(stem(w) for w in words(title))


def stem(word: str) -> str:
    """Return a crude stem: enough to make "returned", "returns" and "returning" one."""
    for ending in ("ations", "ation", "ings", "ing", "ers", "ies", "ied", "es", "ed", "er", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word
