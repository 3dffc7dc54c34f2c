"""How well an embedder finds the sentence that answers an ask, and the section of a manual."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.errors import BadInput
from appliance.ports import Embedder
from models.embedder_data import Pair, Shelf
from models.embedder_halves import Halves

MEASURED_TOKENS = 256
Figures = dict[str, dict[str, float]]


class Exam:
    """Held-out asks over the sentences in force, and a public manual's questions."""

    def __init__(
        self, halves: Halves, shelf: Shelf, held_out: Sequence[Pair], *, on: date, manual: Path
    ) -> None:
        """Prepare everything up to the layers that learn.

        Raises:
            BadInput: The manual's folder has no questions or sections.
        """
        self._halves = halves
        in_force = shelf.in_force(on)
        self.pairs = [p for p in held_out if in_force[p.sentence]]
        self._pool = np.flatnonzero(in_force)
        texts = [shelf.rows[i].text for i in self._pool.tolist()]
        self._texts = halves.lower(texts, tokens=MEASURED_TOKENS)
        asks = [shelf.prepared(p.ask) for p in self.pairs]
        self._asks = halves.lower(asks, tokens=MEASURED_TOKENS)
        self._right = np.stack([shelf.same(p.sentence)[self._pool] for p in self.pairs])
        self._spanish = np.array([shelf.rows[p.sentence].language == "es" for p in self.pairs])
        sections, questions, self._gold = manual_questions(manual)
        self._sections = halves.lower(sections, tokens=MEASURED_TOKENS)
        self._questions = halves.lower(questions, tokens=MEASURED_TOKENS)

    def handbook(self) -> Figures:
        """Return hit@1, hit@5 and MRR of the held-out asks, by language."""
        score = self._halves.rows(self._asks) @ self._halves.rows(self._texts).T
        ranks = ranks_of(score.numpy(), self._right)
        return {
            "all": figures_of(ranks),
            "en": figures_of(ranks[~self._spanish]),
            "es": figures_of(ranks[self._spanish]),
        }

    def manual(self) -> dict[str, float]:
        """Return hit@1, hit@5 and MRR of questions over the manual's sections."""
        score = self._halves.rows(self._questions) @ self._halves.rows(self._sections).T
        return figures_of(ranks_of(score.numpy(), self._gold))


def served(
    embedder: Embedder, shelf: Shelf, held_out: Sequence[Pair], *, on: date, manual: Path
) -> Figures:
    """Return the figures of an embedder as the store runs it: held out, by language, and manual_qa.

    Raises:
        BadInput: The manual's folder has no questions or sections.
    """
    in_force = shelf.in_force(on)
    pairs = [p for p in held_out if in_force[p.sentence]]
    pool = np.flatnonzero(in_force)
    rows = embedder.embed([shelf.rows[i].text for i in pool.tolist()])
    asks = embedder.embed([shelf.prepared(p.ask) for p in pairs])
    right = np.stack([shelf.same(p.sentence)[pool] for p in pairs])
    spanish = np.array([shelf.rows[p.sentence].language == "es" for p in pairs])
    ranks = ranks_of(asks @ rows.T, right)
    sections, questions, gold = manual_questions(manual)
    found = embedder.embed(questions) @ embedder.embed(sections).T
    return {
        "held out": figures_of(ranks),
        "held out, en": figures_of(ranks[~spanish]),
        "held out, es": figures_of(ranks[spanish]),
        "manual_qa": figures_of(ranks_of(found, gold)),
    }


def manual_questions(folder: Path) -> tuple[list[str], list[str], NDArray[np.bool_]]:
    """Return section texts, questions, and (questions, sections) which answers which."""
    try:
        sections, questions = (
            [json.loads(x) for x in (folder / name).read_text(encoding="utf-8").splitlines()]
            for name in ("sections.jsonl", "questions.jsonl")
        )
    except OSError as error:
        raise BadInput(f"Cannot read the manual: {error}.") from error
    asked = [q for q in questions if q["gold_sections"]]
    gold = np.array([[s["id"] in q["gold_sections"] for s in sections] for q in asked])
    texts = [f"{s['title']}: {s['text']}" for s in sections]
    return texts, [q["question"] for q in asked], gold


def ranks_of(score: NDArray[np.float32], right: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return, (asks,), how many wrong rows come before the best right one."""
    best = np.where(right, score, -np.inf).max(axis=1, keepdims=True)
    ranks: NDArray[np.int64] = ((score > best) & ~right).sum(axis=1)
    return ranks


def figures_of(ranks: NDArray[np.int64]) -> dict[str, float]:
    """Return the share of ranks under 1 and under 5, and their mean reciprocal."""
    if not len(ranks):
        return {"asks": 0.0}
    return {
        "hit@1": round(float((ranks < 1).mean()), 4),
        "hit@5": round(float((ranks < 5).mean()), 4),
        "MRR": round(float((1 / (ranks + 1)).mean()), 4),
    }
