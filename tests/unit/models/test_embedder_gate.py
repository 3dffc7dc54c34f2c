"""The embedder's gate: what it lets pass, and what it says of the rest."""

from __future__ import annotations

from copy import deepcopy

import pytest

from models.embedder_gate import LEAST_GAIN, judge

BEFORE = {
    "held out": {"hit@1": 0.36, "hit@5": 0.62, "MRR": 0.48},
    "manual_qa": {"hit@1": 0.36, "hit@5": 0.69, "MRR": 0.50},
}


def after(held_out: float = 0.51, **manual: float) -> dict[str, dict[str, float]]:
    figures = deepcopy(BEFORE)
    figures["held out"]["hit@1"] = held_out
    figures["manual_qa"].update(manual)
    return figures


def test_five_points_more_at_no_cost_elsewhere_pass() -> None:
    assert judge(BEFORE, after(0.36 + LEAST_GAIN + 1e-9), cosine=0.99).against == ()


def test_less_than_five_points_are_refused_and_counted() -> None:
    (why,) = judge(BEFORE, after(0.40), cosine=0.99).against
    assert "+4.0 points" in why


@pytest.mark.parametrize("name", ["hit@1", "hit@5", "MRR"])
def test_anything_lost_on_the_public_manual_is_refused_by_name(name: str) -> None:
    worse = BEFORE["manual_qa"][name] - 0.001
    (why,) = judge(BEFORE, after(**{name: worse}), cosine=0.99).against
    assert name in why


def test_an_int8_graph_that_strays_from_its_source_is_refused() -> None:
    (why,) = judge(BEFORE, after(), cosine=0.9).against
    assert "0.9000" in why
