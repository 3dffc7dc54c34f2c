"""Candidates of words and vectors, joined: features and a small logistic regression.

Blind rank fusion can lose to BM25 alone; weights learned on labelled asks do not. What a
ranker says is the probability that the passage answers the ask, as calibrated as its training asks
were like the store's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.damage import found
from appliance.engines.small_onnx import SmallGraph
from appliance.errors import DamagedRelease
from appliance.store.token_rows import Hits
from appliance.store.words import Term

SCHEMA = "1"
K1, B = 1.2, 0.75  # BM25's usual constants; Source: Robertson & Zaragoza 2009
TITLE_WEIGHT = 2.0  # a word of the title path counts as two of the text
WINDOW = 12  # words; two neighbouring windows stand for a sentence
NEAR = 3  # words between two that are still taken for a pair
FEATURES = (
    "bm25",  # of the passage, over the most this ask could score
    "bm25_gap",  # to the best candidate's
    "bm25_rank",  # 1 / (1 + rank)
    "cosine",
    "cosine_gap",
    "cosine_rank",
    "coverage",  # share of the ask's words in title or text, weighted by rarity
    "title_coverage",
    "window_coverage",  # best stretch of about a sentence
    "pairs",  # share of the ask's neighbouring words that are neighbours here
    "rarest",  # the ask's rarest known word is here
    "sentence_cosine",  # of the passage's nearest sentence
    "sentence_gap",
    "sentence_rank",
    "document_bm25_gap",  # of the document's best passage
    "document_cosine_gap",
    "title_share",  # share of the title's words that the ask names
    "length",  # log of words
    "is_product",
    "product_title",  # the same for a product: how much of its name the ask names,
    "product_coverage",  # of the ask it covers,
    "product_bm25_gap",  # and how far it is from the best
    "is_identified",  # the ask holds its SKU, EAN or model number
)
Matrix = NDArray[np.float32]  # (candidates, features)
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pool:
    """The candidates of one ask; every array has one element per candidate."""

    tokens: tuple[NDArray[np.uint32], ...]  # title term ids, 0, text term ids
    cosine: Floats
    sentence_cosine: Floats  # the passage's own where its sentences have no vectors
    document: NDArray[np.int32]
    is_product: NDArray[np.bool_]
    is_identified: NDArray[np.bool_]


class Scorer(Protocol):
    """What tells how likely a candidate answers."""

    def probabilities(self, features: Matrix) -> Floats:
        """Return the probability that each row's passage answers, shape (candidates,)."""
        ...


class OnnxRanker:
    """A release's `ranker.onnx`: the same weights as a `Ranker`'s, in an open format."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            DamagedRelease: It is missing, cut short, foreign, or made for another program.
        """
        self._graph = SmallGraph(path, known=FEATURES, inputs={"features"})
        self.figures = self._graph.figures
        self.probabilities(np.zeros((1, len(FEATURES)), np.float32))  # a wrong graph is found here

    def probabilities(self, features: Matrix) -> Floats:
        """Return the probability that each row's passage answers, shape (candidates,)."""
        found: Floats = self._graph.run(features=self._graph.taken(features))
        return found


def load_ranker(given: Scorer | Path) -> Scorer:
    """Return the ranker in a file, ONNX by its ending, else JSON; one that is loaded, as it is.

    Raises:
        DamagedRelease: It is missing, cut short or foreign.
    """
    if not isinstance(given, Path):
        return given
    return OnnxRanker(given) if given.suffix == ".onnx" else Ranker.load(given)


@dataclass(frozen=True, slots=True)
class Ranker:
    """Learned weights; see models/ranker.py for how."""

    mean: Floats
    scale: Floats
    weights: Floats
    bias: float
    figures: dict[str, Any] = field(default_factory=dict)

    def probabilities(self, features: Matrix) -> Floats:
        """Return the probability that each row's passage answers, shape (candidates,)."""
        logits = ((features - self.mean) / self.scale) @ self.weights + self.bias
        odds = np.exp(-np.clip(logits, -30.0, 30.0))
        return (1.0 / (1.0 + odds)).astype(np.float32)

    def as_json(self) -> str:
        """Return the release's ranker.json."""
        table = {
            name: {"mean": float(m), "scale": float(s), "weight": float(w)}
            for name, m, s, w in zip(FEATURES, self.mean, self.scale, self.weights, strict=True)
        }
        content = {"schema": SCHEMA, "features": table, "bias": self.bias, "figures": self.figures}
        return json.dumps(content, indent=2) + "\n"

    @classmethod
    def load(cls, path: Path) -> Ranker:
        """Read a ranker.json.

        Raises:
            DamagedRelease: It is missing, cut short, or knows other features than this program.
        """
        hint = "Fetch the release again, or train one with: backroom models ranker --help"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["schema"] != SCHEMA or tuple(content["features"]) != FEATURES:
                strange = sorted(set(content["features"]) ^ set(FEATURES))
                raise DamagedRelease(
                    f"Ranker {path}: expected schema {SCHEMA!r} with this program's"
                    f" {len(FEATURES)} features in their order, found schema"
                    f" {content['schema']!r} with {len(content['features'])}"
                    + (f"; {strange[0]!r} is not in both." if strange else "."),
                    hint=hint,
                )
            rows = [content["features"][name] for name in FEATURES]
            numbers = np.array([[r["mean"], r["scale"], r["weight"]] for r in rows], np.float32)
            bias = float(content["bias"])
            figures = dict(content.get("figures", {}))
        except OSError as error:
            raise DamagedRelease(f"No ranker at {path}: {error.strerror}.", hint=hint) from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DamagedRelease(
                f"Ranker {path} cannot be read: expected schema, features and bias as JSON, found"
                f" {found(error)}.",
                hint=hint,
            ) from error
        if not np.isfinite(numbers).all() or (numbers[:, 1] <= 0).any():
            raise DamagedRelease(f"Ranker {path} holds numbers that cannot be weights.", hint=hint)
        mean, scale, weights = numbers.T.copy()
        return cls(mean, scale, weights, bias, figures)


def untrained() -> Ranker:
    """Return a ranker of equal odds for all: what training starts from."""
    zeros = np.zeros(len(FEATURES), np.float32)
    return Ranker(zeros, np.ones(len(FEATURES), np.float32), zeros, 0.0)


def features(terms: Sequence[Term], pool: Pool, *, mean_length: float) -> Matrix:
    """Return one row per candidate, columns as FEATURES, each about 0 to 1."""
    count = len(pool.tokens)
    out = np.zeros((count, len(FEATURES)), dtype=np.float32)
    column = {name: out[:, i] for i, name in enumerate(FEATURES)}
    column["cosine"][:] = pool.cosine
    column["cosine_gap"][:] = pool.cosine - pool.cosine.max()
    column["cosine_rank"][:] = _reciprocal_rank(pool.cosine)
    column["sentence_cosine"][:] = pool.sentence_cosine
    column["sentence_gap"][:] = pool.sentence_cosine - pool.sentence_cosine.max()
    column["sentence_rank"][:] = _reciprocal_rank(pool.sentence_cosine)
    column["document_cosine_gap"][:] = _of_document(pool.cosine, pool.document) - pool.cosine.max()
    column["is_product"][:] = pool.is_product
    column["is_identified"][:] = pool.is_identified
    lengths = np.array([len(t) for t in pool.tokens])
    column["length"][:] = np.log1p(lengths) / 6.0
    if terms:
        _word_features(terms, pool, lengths, column, mean_length=mean_length)
    column["product_title"][:] = column["title_share"] * pool.is_product
    column["product_coverage"][:] = column["coverage"] * pool.is_product
    column["product_bm25_gap"][:] = column["bm25_gap"] * pool.is_product
    return out


def _word_features(
    terms: Sequence[Term],
    pool: Pool,
    lengths: NDArray[np.int64],
    column: dict[str, Floats],
    *,
    mean_length: float,
) -> None:
    hits = Hits.of([t.id for t in terms], pool.tokens)
    weight = np.array([t.idf for t in terms], dtype=np.float32)
    title, text = hits.counts(in_title=True), hits.counts(in_title=False)
    tf = TITLE_WEIGHT * title + text
    norm = K1 * (1.0 - B + B * lengths / max(mean_length, 1.0))
    bm25 = (weight[:, None] * tf * (K1 + 1.0) / (tf + norm)).sum(axis=0)
    total = float(weight.sum())
    share = (bm25 / (total * (K1 + 1.0))).astype(np.float32)
    column["bm25"][:] = share
    column["bm25_gap"][:] = share - share.max()
    column["bm25_rank"][:] = _reciprocal_rank(share) * (share > 0)
    column["document_bm25_gap"][:] = _of_document(share, pool.document) - share.max()
    column["coverage"][:] = weight @ (tf > 0) / total
    column["title_coverage"][:] = weight @ (title > 0) / total
    known = [j for j, t in enumerate(terms) if t.id]
    if known:
        rarest = max(known, key=lambda j: terms[j].idf)
        column["rarest"][:] = tf[rarest] > 0
    column["window_coverage"][:] = _windows(hits, weight, lengths) / total
    column["pairs"][:] = _pairs(terms, hits)
    titles = np.maximum(hits.title_lengths, 1)
    column["title_share"][:] = np.minimum((title > 0).sum(axis=0) / titles, 1.0)


def _windows(hits: Hits, weight: Floats, lengths: NDArray[np.int64]) -> Floats:
    """Return the most weight of distinct terms within two neighbouring windows, per candidate."""
    per = lengths // WINDOW + 2  # one empty at the end, so that neighbours never cross owners
    first = np.concatenate(([0], np.cumsum(per)[:-1]))
    present = np.zeros((int(per.sum()) + 1, len(weight)), dtype=np.float32)
    present[first[hits.owner] + hits.place // WINDOW, hits.term] = 1.0
    present = present.take(hits.same, axis=1)
    covered = np.maximum(present[:-1], present[1:]) @ weight
    result: Floats = np.maximum.reduceat(covered, first)
    return result


def _pairs(terms: Sequence[Term], hits: Hits) -> Floats:
    """Return the share of the ask's neighbouring terms that stand near each other here."""
    count, size = len(hits.title_lengths), len(terms)
    near = np.zeros((size * size, count), dtype=bool)
    for ahead in range(1, NEAR + 1):  # the next hits: one within NEAR words is among the next NEAR
        left, right = slice(0, -ahead), slice(ahead, None)
        close = (hits.at[right] - hits.at[left] <= NEAR) & (hits.owner[right] == hits.owner[left])
        near[(hits.term[left] * size + hits.term[right])[close], hits.owner[left][close]] = True
    order = hits.same[sorted(range(size), key=lambda j: terms[j].place)]
    pairs = order[:-1] * size + order[1:]
    found = near[pairs].sum(axis=0, dtype=np.float32)
    result: Floats = found / np.float32(max(len(pairs), 1))
    return result


def _reciprocal_rank(values: Floats) -> Floats:
    """Return 1 / (1 + rank), the best value 1; equal values share the better rank."""
    descending = np.sort(values)[::-1]
    ranks = np.searchsorted(-descending, -values, side="left")
    result: Floats = (1.0 / (1.0 + ranks)).astype(np.float32)
    return result


def _of_document(values: Floats, document: NDArray[np.int32]) -> Floats:
    """Return for each candidate the best value within its document."""
    _, inverse = np.unique(document, return_inverse=True)
    best = np.full(inverse.max() + 1, -np.inf, dtype=np.float32)
    np.maximum.at(best, inverse, values)
    result: Floats = best[inverse]
    return result
