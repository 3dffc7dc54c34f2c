"""What each lane would have answered, and whether it was right: what routing is trained on.

The handbook's `held_out` asks are split in two by their text: one half fits and calibrates, the
other half reports. The specialist never saw either, so its p is not flattered.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from appliance.backroom import Store
from appliance.errors import BackroomError
from appliance.lanes.specialist import SpecialistLane
from appliance.logistic import Logistic
from appliance.meter import Meter
from appliance.ports import Vectors
from appliance.records import Draft, LaneName, Role, Stitched
from appliance.stages.intent import POLICY
from appliance.stages.route import card_features
from appliance.stages.text import words
from appliance.store.cards import Cards
from appliance.turns import RestingLane
from appliance.values import find_values, same_value
from models.excerpts import LabelledAsk
from models.intents import LiveAsk

# Of the drafts a model lane may speak. Not 0.95: drafts that were 95 % right on the calibration
# asks were 89 % right on the golden questions, and what they displace is a quote, which is never
# wrong about whose words it says.
PRECISION = 0.99
SAME_WORDS = 0.7  # of the answer's words, in either direction
LANES = (LaneName.CARD, LaneName.LOOKUP, LaneName.SPECIALIST, LaneName.QUOTE)
DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One lane tried on one ask."""

    lane: LaneName
    features: Mapping[str, float]  # of the ask, as routing sees it
    signals: Mapping[str, float]  # of the draft; empty when the lane found nothing
    is_none: bool
    is_right: bool


def is_calibration(text: str) -> bool:
    """Tell which half an ask belongs to; the same in every run."""
    return zlib.crc32(text.encode()) % 2 == 0


def try_handbook(store: Store, asks: Iterable[LabelledAsk]) -> Iterator[Trial]:
    """Try every lane on asks whose answering sentence is known."""
    for ask in asks:
        stitched = stitched_for(store, ask.text)
        for lane in LANES:
            draft = draft_by(store, lane, stitched)
            yield _trial(stitched, lane, draft, is_right=answers(draft, ask))


def try_live(store: Store, asks: Iterable[LiveAsk]) -> Iterator[Trial]:
    """Try every lane on questions for live facts; only the lookup lane can be right."""
    for ask in asks:
        stitched = stitched_for(store, ask.text)
        draft = draft_by(store, LaneName.LOOKUP, stitched)
        told = draft is not None and not draft.is_none
        subject = (ask.subject,) if ask.subject else ()
        is_right = told and stitched.intent == ask.intent and stitched.subject[:1] == subject
        yield _trial(stitched, LaneName.LOOKUP, draft, is_right=is_right)
        for lane in (LaneName.CARD, LaneName.SPECIALIST, LaneName.QUOTE):
            yield _trial(stitched, lane, None, is_right=False)


def answers(draft: Draft | None, ask: LabelledAsk) -> bool:
    """Tell whether a draft says what the labelled sentence says: its values and its words."""
    if draft is None or draft.is_none:
        return False
    return says(" ".join(s.text for s in draft.sentences), ask)


def says(said: str, ask: LabelledAsk) -> bool:
    """Tell whether a text says what the labelled sentence says."""
    values = find_values(said)
    if not all(any(same_value(v, w) for w in values) for v in find_values(ask.answer)):
        return False
    wanted, found = set(words(ask.answer)), set(words(said))
    return len(wanted & found) >= SAME_WORDS * min(len(wanted), len(found))


def try_cards(cards: Cards, vectors: Vectors) -> Iterator[Trial]:
    """Try each card's asks against all the others: right when the nearest is of the same card.

    Args:
        cards: In the order of the vectors' rows.
        vectors: (asks, dim), unit.
    """
    owners = [card.id for card in cards for _ in card.asks]
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1.0)
    for row, owner in enumerate(owners):
        nearest = int(cosines[row].argmax())
        found = card_features(float(cosines[row, nearest]))
        yield Trial(LaneName.CARD, found, {}, is_none=False, is_right=owners[nearest] == owner)


def fit(rows: Sequence[Mapping[str, float]], right: Sequence[bool]) -> Logistic:
    """Return a logistic regression over named features; constant when all outcomes agree."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    names = sorted({name for row in rows for name in row})
    share = (sum(right) + 1) / (len(right) + 2)
    if len(set(right)) < 2 or not names:
        return Logistic({}, float(np.log(share / (1 - share))))
    matrix = np.array([[row.get(name, 0.0) for name in names] for row in rows])
    fitted = LogisticRegression(C=1.0, max_iter=5000).fit(matrix, right)
    weights = dict(zip(names, map(float, fitted.coef_[0]), strict=True))
    return Logistic(weights, float(fitted.intercept_[0]))


def lane_models(trials: Sequence[Trial]) -> dict[str, Logistic]:
    """Return, per lane, features of an ask -> p that the lane is right.

    The card lane is told from the nearness of the card alone: all else would learn that handbook
    asks are seldom about cards.
    """
    return {
        lane.value: fit(
            [_seen(t) for t in trials if t.lane is lane],
            [t.is_right for t in trials if t.lane is lane],
        )
        for lane in LANES
    }


def _seen(trial: Trial) -> Mapping[str, float]:
    if trial.lane is not LaneName.CARD:
        return trial.features
    return {name: trial.features.get(name, 0.0) for name in ("card_cosine", "card_close")}


def least_p(trials: Sequence[Trial], model: Logistic, lane: LaneName) -> float:
    """Return the least p at which a lane's drafts are right as often as `PRECISION` asks for.

    When no p reaches it, the highest seen: the lane then hardly ever speaks.
    """
    told = [t for t in trials if t.lane is lane and t.signals]
    ranked = sorted(((model.p(t.signals), t.is_right) for t in told), reverse=True)
    least, right = 1.0, 0
    for n, (p, is_right) in enumerate(ranked, 1):
        right += is_right
        if right / n >= PRECISION:
            least = p
    return round(min(least, 0.99), 4)


def draft_model(trials: Sequence[Trial], lane: LaneName) -> Logistic:
    """Return signals of a lane's draft -> p that it is right."""
    told = [t for t in trials if t.lane is lane and not t.is_none and t.signals]
    return fit([t.signals for t in told], [t.is_right for t in told])


def figures(
    trials: Sequence[Trial], models: Mapping[str, Logistic], draft: Logistic
) -> dict[str, Any]:
    """Return how often each lane was right, and how well its p is calibrated."""
    table: dict[str, Any] = {}
    for lane in LANES:
        mine = [t for t in trials if t.lane is lane]
        p = [models[lane.value].p(t.features) for t in mine]
        right = [t.is_right for t in mine]
        table[lane.value] = {
            "asks": len(mine),
            "right": round(float(np.mean(right)), 4),
            "brier": round(float(np.mean((np.array(p) - np.array(right)) ** 2)), 4),
        }
    told = [t for t in trials if t.lane is LaneName.SPECIALIST and t.signals]
    p = [draft.p(t.signals) for t in told]
    table["specialist_draft"] = {
        "told": len(told),
        "right": round(float(np.mean([t.is_right for t in told])), 4) if told else None,
        "auroc": _auroc(p, [t.is_right for t in told]),
    }
    return table


def unfitted() -> dict[str, Any]:
    """Return odds to start from, before any outcome was recorded."""
    return {
        "card": row_of(Logistic({"card_cosine": 20.0}, -17.0)),
        "lookup": row_of(Logistic({"live_product": 6.0, "live": 3.0}, -3.0)),
        "specialist": row_of(Logistic({POLICY: 4.0}, -2.0)),
        "quote": row_of(Logistic({POLICY: 3.0}, -2.0)),
    }


def row_of(model: Logistic) -> dict[str, Any]:
    """Return a model as a release carries it."""
    return {"weights": dict(model.weights), "bias": model.bias}


def draft_row(model: Logistic, accept_at: float) -> dict[str, Any]:
    """Return the odds of a lane's drafts, and from which p one is said."""
    return {**row_of(model), "accept_at": accept_at}


def stitched_for(store: Store, text: str) -> Stitched:
    """Return an ask with its evidence, as a manager would have it, with time for every lane."""
    ask = store.make_ask(text, role=Role.MANAGER, deadline_s=DEADLINE_S)
    return store.pipeline.evidence(ask, meter=Meter(store.clock.monotonic))


def draft_by(store: Store, lane: LaneName, stitched: Stitched) -> Draft | None:
    """Return what a lane would say, however unsure it is; None when it cannot be asked."""
    speaker = store.pipeline.answer.lanes[lane]
    speaker = speaker.lane if isinstance(speaker, RestingLane) else speaker
    if isinstance(speaker, SpecialistLane):
        speaker = replace(speaker, accept_at=0.0)  # every draft is to be seen to its end
    try:
        return speaker.draft(stitched, remaining_s=DEADLINE_S)
    except BackroomError:
        return None


def _trial(stitched: Stitched, lane: LaneName, draft: Draft | None, *, is_right: bool) -> Trial:
    signals = dict(draft.signals) if draft else {}
    is_none = draft is None or draft.is_none
    return Trial(lane, dict(stitched.features), signals, is_none, is_right)


def _auroc(p: Sequence[float], right: Sequence[bool]) -> float | None:
    if len(set(right)) < 2:
        return None
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415

    return round(float(roc_auc_score(right, p)), 4)
