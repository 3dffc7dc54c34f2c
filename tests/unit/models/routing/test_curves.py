"""Calibration and sureness curves, against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from models.routing.curves import auroc, confusion, coverage_at, ece, reliability, risk_coverage


def test_auroc_counts_pairs_and_halves_ties() -> None:
    assert auroc([0.9, 0.8, 0.1], [True, True, False]) == 1.0
    assert auroc([0.1, 0.9], [True, False]) == 0.0
    assert auroc([0.5, 0.5, 0.9], [True, False, False]) == 0.25
    assert auroc([0.5], [True]) is None


def test_calibration_error_is_the_gap_weighted_by_how_many_it_concerns() -> None:
    p, right = [0.95, 0.95, 0.95, 0.95, 0.25], [True, True, True, False, False]
    assert ece(p, right) == pytest.approx(0.8 * 0.2 + 0.2 * 0.25)
    assert ece([], []) == 0.0


def test_a_bin_says_its_range_its_p_and_its_share_right() -> None:
    found = reliability([0.05, 1.0, 0.95], [False, True, False])
    assert found == [
        {"from": 0.0, "to": 0.1, "p": 0.05, "right": 0.0, "count": 1},
        {"from": 0.9, "to": 1.0, "p": pytest.approx(0.975), "right": 0.5, "count": 2},
    ]


def test_coverage_is_the_most_that_a_threshold_answers_within_the_risk() -> None:
    p = [0.9, 0.8, 0.7, 0.6]
    assert coverage_at(p, [True, True, False, True], risk=0.0) == 0.5
    assert coverage_at(p, [True, True, False, True], risk=0.25) == 1.0
    assert coverage_at(p, [False, True, True, True], risk=0.1) == 0.0


def test_asks_of_one_p_stand_or_fall_together() -> None:
    # A threshold cannot take the right one of two alike, whatever their order.
    assert coverage_at([0.9, 0.9], [True, False], risk=0.0) == 0.0
    assert coverage_at([0.9, 0.9], [False, True], risk=0.0) == 0.0


def test_risk_by_coverage_ends_at_all_asks() -> None:
    points = risk_coverage([0.9, 0.5], [True, False])
    assert points == [
        {"coverage": 0.5, "risk": 0.0, "threshold": 0.9},
        {"coverage": 1.0, "risk": 0.5, "threshold": 0.5},
    ]
    assert risk_coverage([], []) == []


def test_a_confusion_table_keeps_the_names_most_often_confused() -> None:
    truth = ["a"] * 3 + ["b"] * 3 + [f"n{i}" for i in range(30)]
    said = ["b", "b", "a", "b", "b", "a"] + [f"n{i}" for i in range(30)]
    found = confusion(truth, said, most=4)
    assert {"a", "b", "other"} <= set(found["names"])
    counts = np.array(found["counts"])
    assert counts.sum() == len(truth)
    a, b = found["names"].index("a"), found["names"].index("b")
    assert (counts[a, b], counts[b, a], counts[a, a]) == (2, 1, 1)
