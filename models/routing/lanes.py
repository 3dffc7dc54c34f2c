"""Lane odds from recorded outcomes: per lane, features of an ask -> p that its answer is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.errors import BadInput
from appliance.logistic import Logistic
from appliance.records import LaneName
from models.outcomes import fit, is_calibration
from models.routing.outcome_file import NOT_OURS, Outcome

FEWEST = 20  # outcomes of a lane, under which its odds are not fitted
CARD_ONLY = ("card_cosine", "card_close")
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LocalAnswers:
    """What the store answers by itself, in one array per thing, all of one length.

    Attributes:
        lane: The lane whose answer it is; "" where the store has none.
        p: That the answer is right; -1 where there is none.
        right: Whether it was.
    """

    lane: tuple[str, ...]
    p: Floats
    right: NDArray[np.bool_]

    @property
    def is_told(self) -> NDArray[np.bool_]:
        """Where the store has an answer."""
        return self.p >= 0


def halves(outcomes: Sequence[Outcome]) -> tuple[list[Outcome], list[Outcome]]:
    """Return the asks that fit and those that report, by their text; the same in every run."""
    ours = [o for o in outcomes if is_calibration(o.text or o.id)]
    theirs = [o for o in outcomes if not is_calibration(o.text or o.id)]
    return ours, theirs


def fit_lanes(outcomes: Sequence[Outcome]) -> dict[str, Logistic]:
    """Return each lane's odds; a lane with fewer than `FEWEST` outcomes has none.

    Raises:
        BadInput: No lane has enough outcomes, or none comes with features.
    """
    if not any(o.features for o in outcomes):
        raise BadInput(
            f"None of the {len(outcomes)} outcomes has features to tell lanes from.",
            hint='Record "features", or name a trained router with --router and give the texts.',
        )
    found: dict[str, Logistic] = {}
    for lane in sorted({name for o in outcomes for name in o.lanes}):
        mine = [o for o in outcomes if lane in o.lanes]
        if len(mine) >= FEWEST and lane != LaneName.HANDOFF:
            rows = [_seen(lane, o.features) for o in mine]
            found[lane] = fit(rows, [o.lanes[lane].right for o in mine])
    if not found:
        raise BadInput(
            f"No lane has {FEWEST} outcomes to fit; there are {len(outcomes)} asks.",
            hint="Replay more asks: backroom models router replay --help",
        )
    return found


def best_local(outcomes: Sequence[Outcome], models: Mapping[str, Logistic]) -> LocalAnswers:
    """Return, per ask, the local lane whose odds are best and what came of it.

    Of equal odds the first by name is taken; a lane without an outcome cannot be chosen.
    """
    lanes, p, right = [], [], []
    for one in outcomes:
        odds = {n: models[n].p(_seen(n, one.features)) for n in sorted(one.local) if n in models}
        lane = max(odds, key=lambda n: odds[n]) if odds else ""
        lanes.append(lane)
        p.append(odds.get(lane, -1.0))
        right.append(bool(lane) and one.lanes[lane].right)
    return LocalAnswers(tuple(lanes), np.array(p, dtype=float), np.array(right, dtype=bool))


def said_answers(outcomes: Sequence[Outcome]) -> LocalAnswers:
    """Return what the store's ladder said in the end; nothing where it handed over or was mute."""
    lanes, p, right = [], [], []
    for one in outcomes:
        said = one.said
        is_told = said is not None and said.lane not in NOT_OURS
        lanes.append(said.lane if said is not None and is_told else "")
        p.append(said.p if said is not None and is_told else -1.0)
        right.append(said is not None and is_told and one.lanes[said.lane].right)
    return LocalAnswers(tuple(lanes), np.array(p, dtype=float), np.array(right, dtype=bool))


def feature_rows(outcomes: Sequence[Outcome], names: Sequence[str]) -> Floats:
    """Return the features as a matrix, (asks, names); 0 for one an ask lacks."""
    rows = [[o.features.get(name, 0.0) for name in names] for o in outcomes]
    return np.array(rows, dtype=float).reshape(len(outcomes), len(names))


def _seen(lane: str, features: Mapping[str, float]) -> Mapping[str, float]:
    """Return what a lane is told from.

    The card lane sees the nearness of the card alone: all else would learn that the asks at hand
    are seldom about cards.
    """
    if lane != LaneName.CARD or not any(name in features for name in CARD_ONLY):
        return features
    return {name: features.get(name, 0.0) for name in CARD_ONLY}
