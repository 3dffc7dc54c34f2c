"""Admitted -> Routed: which lanes to climb, in which order, how likely each is right, and why."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.logistic import Logistic
from appliance.ports import Embedder, Index, Vector
from appliance.records import Admitted, LaneName, LaneOdds, Query, Routed
from appliance.stages.text import words

POLICY = "policy"
OUT_OF_SCOPE = "out_of_scope"
DRAFTING = (LaneName.CARD, LaneName.LOOKUP, LaneName.SPECIALIST, LaneName.GENERALIST)


class CardIndex(Protocol):
    """Nearest answer card."""

    def nearest(
        self, vector: Vector, *, audiences: Sequence[str], language: str, on: date
    ) -> tuple[str, float]:
        """Return (card id, cosine) of the nearest readable card in force; ('', 0.0) when none."""
        ...


@dataclass(frozen=True, slots=True)
class RouterModel:
    """Weights trained at headquarters (`models/router.py`).

    Attributes:
        intents: Names of the classes, `out_of_scope` among them.
        weights: (intents, dim + words), over the ask's embedding and its hashed words.
        bias: (intents,).
        lanes: Per lane, a logistic regression over the features of an ask.
        out_of_scope_at: In-scope probability below which only a hand-over is left.
        try_at: Probability below which a lane is not tried.
    """

    intents: tuple[str, ...]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    lanes: Mapping[str, Logistic]
    out_of_scope_at: float
    try_at: Mapping[str, float]

    def intent_odds(self, inputs: NDArray[np.float32]) -> dict[str, float]:
        """Return the softmax over intents of one input row, shape (dim + words,)."""
        scores = self.weights @ inputs + self.bias
        odds = np.exp(scores - scores.max())
        odds /= odds.sum()
        return {name: float(p) for name, p in zip(self.intents, odds, strict=True)}

    def lane_p(self, lane: LaneName, features: Mapping[str, float]) -> float:
        """Return the calibrated probability that `lane` answers right; 0 for one never trained."""
        known = self.lanes.get(lane.value)
        return known.p(features) if known else 0.0


WORD_BUCKETS = 512


def hashed_words(text: str) -> NDArray[np.float32]:
    """Return a unit row of hashed words and word pairs, shape (WORD_BUCKETS,).

    An embedding alone blurs "how much" and "how many"; the words keep them apart.
    """
    found = words(text)
    row = np.zeros(WORD_BUCKETS, dtype=np.float32)
    for token in [*found, *(f"{a} {b}" for a, b in itertools.pairwise(found))]:
        row[zlib.crc32(token.encode()) % WORD_BUCKETS] += 1.0
    norm = float(np.linalg.norm(row))
    return row / norm if norm else row


@dataclass(frozen=True, slots=True)
class Route:
    """Admitted -> Routed."""

    model: RouterModel
    embedder: Embedder
    index: Index
    cards: CardIndex
    line_is_configured: bool

    def __call__(self, admitted: Admitted) -> Routed:
        """Return the ladder; a refused ask gets the hand-over alone."""
        query = admitted.query
        vector = self.embedder.embed([query.standalone])[0]
        odds = self.model.intent_odds(np.concatenate([vector, hashed_words(query.standalone)]))
        subject, product = self._subject(query)
        card, cosine = self.cards.nearest(
            vector,
            audiences=admitted.grant.audiences,
            language=query.language,
            on=admitted.ask.asked_at.date(),
        )
        features = lane_features(query, odds, product=product, cosine=cosine)
        in_scope = 1.0 - odds.get(OUT_OF_SCOPE, 0.0)
        live = [name for name in odds if name != OUT_OF_SCOPE]
        intent = max(live, key=lambda name: odds[name])
        lanes, reasons = self._ladder(admitted, features, in_scope)
        return Routed(
            ask=admitted.ask,
            query=query,
            masked=admitted.masked,
            grant=admitted.grant,
            intent=intent if in_scope >= self.model.out_of_scope_at else OUT_OF_SCOPE,
            in_scope=in_scope,
            lanes=lanes,
            reasons=(f"{intent} {odds[intent]:.2f}", *reasons),
            subject=subject,
            card=card,
            features=tuple(features.items()),
        )

    def _subject(self, query: Query) -> tuple[tuple[str, ...], float]:
        """Return (SKUs the ask is about, likeliest first; score of the first in [0, 1])."""
        named = [e.value for e in query.entities if e.kind in {"sku", "ean", "model"}]
        for value in named:
            if row := self.index.product(value):
                return (row["sku"],), 1.0
        if query.subject and not query.is_follow_up:
            return query.subject, 1.0
        found = self.index.find_products(query.standalone, k=3)
        if query.subject and (not found or found[0][1] < SAME_PRODUCT_AT):
            return query.subject, 1.0
        return tuple(sku for sku, _ in found), found[0][1] if found else 0.0

    def _ladder(
        self, admitted: Admitted, features: Mapping[str, float], in_scope: float
    ) -> tuple[tuple[LaneOdds, ...], tuple[str, ...]]:
        handoff = LaneOdds(LaneName.HANDOFF, 1.0)
        if not admitted.grant.allowed:
            return (handoff,), (f"refused by {admitted.grant.rule}",)
        if in_scope < self.model.out_of_scope_at:
            return (handoff,), (f"out of scope: {in_scope:.2f} in scope",)
        odds = {lane: self.model.lane_p(lane, features) for lane in (*DRAFTING, LaneName.QUOTE)}
        reasons = [f"{lane.value} {p:.2f}" for lane, p in odds.items()]
        if not self.line_is_configured:
            odds.pop(LaneName.GENERALIST)
            reasons.append("generalist: no line is configured")
        tried = [
            LaneOdds(lane, p)
            for lane, p in odds.items()
            if p >= self.model.try_at.get(lane.value, 0.0) and lane is not LaneName.QUOTE
        ]
        tried.sort(key=lambda o: -o.p)
        # The quote is the floor under every draft, not a rival: it is always there, never first
        # unless nothing else is worth trying.
        quote = LaneOdds(LaneName.QUOTE, odds[LaneName.QUOTE])
        return (*tried, quote, handoff), tuple(reasons)


SAME_PRODUCT_AT = 0.6  # below this a follow-up's words do not name a product of their own


def lane_features(
    query: Query, odds: Mapping[str, float], *, product: float, cosine: float
) -> dict[str, float]:
    """Return what the lanes' odds are computed from, each about between 0 and 1."""
    policy, out = odds.get(POLICY, 0.0), odds.get(OUT_OF_SCOPE, 0.0)
    live = max(0.0, 1.0 - policy - out)
    return {
        "card_cosine": cosine,
        "card_close": max(0.0, cosine - 0.8) * 5.0,
        "policy": policy,
        "live": live,
        "out_of_scope": out,
        "product": product,
        "live_product": live * product,
        "identifier": float(any(e.kind in {"sku", "ean", "order"} for e in query.entities)),
        "follow_up": float(query.is_follow_up),
        "spanish": float(query.language == "es"),
        "long": float(len(query.text.split()) > 20),
    }
