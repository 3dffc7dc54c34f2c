"""Intervals hold what they say they hold."""

from __future__ import annotations

import numpy as np

from models.routing.bootstrap import intervals


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    chance, held = np.random.default_rng(3), 0
    for seed in range(100):
        right = chance.random(200) < 0.7
        found = intervals(
            lambda rows, r=right: {"right": float(r[rows].mean())}, asks=200, seed=seed, draws=200
        )["right"]
        held += found["low"] <= 0.7 <= found["high"]
    assert 86 <= held <= 100


def test_a_figure_these_asks_cannot_tell_has_no_interval() -> None:
    found = intervals(lambda rows: {"apgr": None}, asks=5, seed=1, draws=10)
    assert found == {"apgr": {"value": None, "low": None, "high": None}}


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(1).random(50)
    first, again, other = (
        intervals(lambda rows: {"mean": float(values[rows].mean())}, asks=50, seed=s, draws=50)
        for s in (1, 1, 2)
    )
    assert first == again
    assert first != other
