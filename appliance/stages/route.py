"""Admitted -> Routed: which lanes to climb, in which order, how likely each is right, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from appliance.logistic import Logistic
from appliance.ports import Embedder, Index, Known, Vector
from appliance.records import Admitted, LaneName, LaneOdds, Query, Routed
from appliance.stages.intent import OUT_OF_SCOPE, POLICY, IntentModel
from appliance.stages.subject import Subject, subject_of, without_name
from appliance.stages.text import words
from appliance.stages.versus import pair_of

# What code reads off an ask by itself: two products and what of them is compared, a receipt's
# number. The rest is left for what the model makes of it, so that scope and rules still count.
CLEAR = 0.9
PURCHASE = "purchase"
# Of a generalist whose answers were never judged: no better than a coin's, so that each is also
# put before an expert.
UNMEASURED = 0.5
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
        pair = pair_of(query, self.index)
        subject = pair.subject if pair else subject_of(query, self.index)
        odds = self._intent_odds(query, vector, subject=subject)
        if pair:
            odds = made_clear(odds, pair.contest.family)
        elif any(e.kind == "receipt" for e in query.entities):
            odds = made_clear(odds, PURCHASE)
        card, cosine = self.cards.nearest(
            vector,
            audiences=admitted.grant.audiences,
            language=query.language,
            on=admitted.ask.asked_at.date(),
        )
        features = lane_features(
            query,
            odds,
            product=subject.score,
            cosine=cosine,
            has_subject=subject.is_named,
            known=max((a.cosine for a in self.known.nearest(vector, k=1)), default=0.0),
        )
        # Signs without a single word ask nothing, whatever their embedding lies near to.
        in_scope = self.model.scope.p(features) if words(query.standalone) else 0.0
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
            subject=subject.skus,
            card=card,
            features=tuple(features.items()),
        )

    def _intent_odds(
        self, query: Query, vector: Vector, *, subject: Subject
    ) -> Mapping[str, float]:
        """Return the odds of a question; a follow-up's own words count first, if they tell."""
        product = subject.score
        if query.is_follow_up and query.text != query.standalone:
            own = self.embedder.embed([query.text])[0]
            odds = self.model.intent.odds(query.text, own, product=product)
            if (
                max((p for n, p in odds.items() if n not in {POLICY, OUT_OF_SCOPE}), default=0)
                > 0.5
            ):
                return odds
        question = query.standalone.split(" (")[0] if query.is_follow_up else query.standalone
        bare = without_name(question, subject, self.index)
        if bare != question:
            vector = self.embedder.embed([bare])[0]
        return self.model.intent.odds(bare, vector, product=product)

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
        return (*tried, quote, *self._unmeasured(odds), handoff), tuple(reasons)

    def _unmeasured(self, odds: Mapping[LaneName, float]) -> tuple[LaneOdds, ...]:
        """Return a generalist nobody measured for this release: it answers what nobody else did."""
        is_measured = LaneName.GENERALIST.value in self.model.lanes
        if is_measured or LaneName.GENERALIST not in odds:
            return ()
        return (LaneOdds(LaneName.GENERALIST, UNMEASURED),)


def made_clear(odds: Mapping[str, float], intent: str) -> Mapping[str, float]:
    """Return odds in which an intent that code has read has at least `CLEAR`."""
    rest = sum(p for name, p in odds.items() if name != intent)
    share = min(1.0, (1.0 - CLEAR) / rest) if rest > 0 else 1.0
    kept = {name: p * share for name, p in odds.items() if name != intent}
    return {**kept, intent: 1.0 - sum(kept.values())}


def card_features(cosine: float) -> dict[str, float]:
    """Return what tells whether the nearest card answers."""
    return {"card_cosine": cosine, "card_close": max(0.0, cosine - 0.8) * 5.0}


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
        **card_features(cosine),
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
