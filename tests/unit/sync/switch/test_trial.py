from __future__ import annotations

import pytest

from sync.switch.trial import Answer, Figures, TrialLimits, judged

LIMITS = TrialLimits()
WELL = Figures(tuple(Answer(200.0, "quote", 0.9) for _ in range(100)))


def _answers(count: int, *, ms: float = 200.0, lane: str = "quote", p: float = 0.9) -> Figures:
    return Figures(tuple(Answer(ms, lane, p) for _ in range(count)))


def _mixed(*parts: Figures) -> Figures:
    return Figures(tuple(a for part in parts for a in part.answers))


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (Figures((), errors=3), "3 of 3 asks failed"),
        (Figures(WELL.answers, errors=10), "10 of 110 asks failed"),
        (Figures(WELL.answers, downs=15), "15 thumbs down"),
        (_mixed(_answers(90), _answers(10, ms=1000.0)), "p95 1000 ms, 200 ms before"),
        (_mixed(_answers(80), _answers(20, lane="handoff")), "20% handed over, 0% before"),
        (_answers(40, p=0.7), "mean confidence 0.70, 0.90 before"),
    ],
)
def test_a_release_that_does_worse_is_left_with_the_reason(now: Figures, why: str) -> None:
    assert why in judged(now, WELL, LIMITS)


@pytest.mark.parametrize(
    "now",
    [
        WELL,
        Figures(),  # nobody asked
        Figures((), errors=2),  # two are bad luck
        Figures(WELL.answers, errors=4),
        _answers(29, ms=9000.0, p=0.1),  # too few to judge speed and quality
        _answers(100, ms=800.0),  # twice as slow and not much
        Figures(WELL.answers, downs=9),
    ],
)
def test_a_release_against_which_nothing_speaks_stays(now: Figures) -> None:
    assert judged(now, WELL, LIMITS) == ""


def test_without_figures_of_the_release_before_speed_and_quality_are_not_judged() -> None:
    assert judged(_answers(100, ms=9000.0, p=0.1), Figures(), LIMITS) == ""
