"""Admitted -> Routed: which lanes to climb, in which order, how likely each is right, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from appliance.logistic import Logistic
from appliance.ports import Embedder, Index, Known, Vector
from appliance.records import Admitted, LaneName, LaneOdds, Query, Routed
from appliance.stages.excerpt import stem
from appliance.stages.intent import OUT_OF_SCOPE, POLICY, IntentModel
from appliance.stages.text import words

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
    """What routing learned at headquarters (`models/intents.py`, `models/outcomes.py`).

    Attributes:
        intent: What kind of question an ask is.
        scope: Features of an ask -> calibrated p that it is the store's business.
        lanes: Per lane, features of an ask -> calibrated p that its answer is right.
        out_of_scope_at: In-scope probability below which only a hand-over is left.
        try_at: Probability below which a lane is not tried.
    """

    intent: IntentModel
    scope: Logistic
    lanes: Mapping[str, Logistic]
    out_of_scope_at: float
    try_at: Mapping[str, float]

    def lane_p(self, lane: LaneName, features: Mapping[str, float]) -> float:
        """Return the calibrated probability that `lane` answers right; 0 for one never trained."""
        known = self.lanes.get(lane.value)
        return known.p(features) if known else 0.0


@dataclass(frozen=True, slots=True)
class Route:
    """Admitted -> Routed."""

    model: RouterModel
    embedder: Embedder
    index: Index
    cards: CardIndex
    known: Known
    line_is_configured: bool

    def __call__(self, admitted: Admitted) -> Routed:
        """Return the ladder; a refused ask gets the hand-over alone."""
        query = admitted.query
        vector = self.embedder.embed([query.standalone])[0]
        subject, product = self._subject(query)
        odds = self.model.intent.odds(_question(query), vector, product=product)
        card, cosine = self.cards.nearest(
            vector,
            audiences=admitted.grant.audiences,
            language=query.language,
            on=admitted.ask.asked_at.date(),
        )
        features = lane_features(
            query,
            odds,
            product=product,
            cosine=cosine,
            has_subject=bool(subject),
            known=max((a.cosine for a in self.known.nearest(vector, k=1)), default=0.0),
        )
        in_scope = self.model.scope.p(features)
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
        if any(e.kind in {"sku", "ean"} for e in query.entities):
            return (), 1.0  # a product is named, but not one of ours: no other may stand in for it
        if query.subject:
            return query.subject, 1.0
        found = self.index.find_products(query.standalone, k=3)
        score = found[0][1] if found else 0.0
        if score < IDENTIFIED and self._words_shared(query.standalone, found) < SHARED_WORDS:
            score *= ONE_WORD  # "rain" alone does not name the rain jacket
        if score < NAMED_AT:
            return (), score
        return tuple(sku for sku, p in found if p >= VARIANT_SHARE * found[0][1]), score

    def _words_shared(self, text: str, found: Sequence[tuple[str, float]]) -> int:
        """Return how many words of the text stand in the best product's name."""
        if not found:
            return 0
        row = self.index.product(found[0][0]) or {}
        return len({stem(w) for w in words(text)} & {stem(w) for w in words(row.get("name", ""))})

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


IDENTIFIED = 0.95  # scores of identifiers and telling parts of them start here
NAMED_AT = 0.3  # below this an ask names no product
VARIANT_SHARE = 0.9  # of the best score, that another product must reach to be meant as well
SHARED_WORDS, ONE_WORD = 2, 0.5


def _question(query: Query) -> str:
    """Return the words that tell the kind of question: a follow-up's own, without the topic."""
    return query.standalone.split(" (")[0] if query.is_follow_up else query.standalone


def lane_features(
    query: Query,
    odds: Mapping[str, float],
    *,
    product: float,
    cosine: float,
    has_subject: bool,
    known: float,
) -> dict[str, float]:
    """Return what the lanes' odds are computed from, each about between 0 and 1."""
    policy, out = odds.get(POLICY, 0.0), odds.get(OUT_OF_SCOPE, 0.0)
    live = max(0.0, 1.0 - policy - out)
    return {
        "card_cosine": cosine,
        "card_close": max(0.0, cosine - 0.8) * 5.0,
        "policy": policy,
        "live": live,
        "top_live": max((p for n, p in odds.items() if n not in {POLICY, OUT_OF_SCOPE}), default=0),
        "out_of_scope": out,
        "product": product,
        "live_product": live * product,
        "no_product": float(not has_subject),
        "known": known,
        "identifier": float(any(e.kind in {"sku", "ean", "order"} for e in query.entities)),
        "follow_up": float(query.is_follow_up),
        "spanish": float(query.language == "es"),
        "long": float(len(query.text.split()) > 20),
    }
