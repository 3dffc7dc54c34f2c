"""Where the scope ends: chosen on held-out questions, with or without foreign ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.routing.threshold import (
    WANTED_ACCURACY,
    WANTED_RECALL,
    HeldOut,
    choose,
    measured,
    trade,
)


def held_out(*, foreign: int = 500, right: float = 0.98, seed: int = 1) -> HeldOut:
    chance = np.random.default_rng(seed)
    return HeldOut(
        chance.normal(0.0, 0.5, 3000),
        chance.random(3000) < right,
        chance.normal(-2.0, 0.5, foreign),
    )


def test_with_foreign_questions_there_is_room_over_both_wishes() -> None:
    at = choose(held_out()).at
    found = measured(held_out(seed=2), at=at)
    assert found["in_scope_accuracy"] > WANTED_ACCURACY + 0.01
    assert found["out_of_scope_recall"] > WANTED_RECALL + 0.1


def test_where_scores_overlap_both_wishes_are_neared_alike() -> None:
    near = replace(held_out(), foreign=np.random.default_rng(3).normal(-1.2, 0.5, 500))
    found = measured(near, at=choose(near).at)
    assert found["in_scope_accuracy"] == pytest.approx(WANTED_ACCURACY, abs=0.02)
    assert found["out_of_scope_recall"] == pytest.approx(WANTED_RECALL, abs=0.08)


def test_without_foreign_questions_a_stated_share_of_our_own_is_turned_away() -> None:
    chosen = choose(held_out(foreign=0), turned_away=0.03)
    assert measured(held_out(foreign=0), at=chosen.at)["turned_away"] == pytest.approx(
        0.03, abs=2e-3
    )
    assert "turns away 3.0%" in chosen.rule


def test_a_few_foreign_questions_choose_nothing() -> None:
    assert choose(held_out(foreign=19)).at == choose(held_out(foreign=0)).at


def test_an_accuracy_out_of_reach_is_said_and_costs_no_more_of_our_own() -> None:
    chosen = choose(held_out(right=0.9))
    assert "out of reach" in chosen.rule
    assert measured(held_out(right=0.9), at=chosen.at)["turned_away"] < 0.021


def test_what_has_no_foreign_question_says_nothing_of_them() -> None:
    found = measured(held_out(foreign=0), at=0.0)
    assert (found["out_of_scope_recall"], found["auroc"]) == (None, None)
    assert trade(held_out(foreign=0)) == []
    assert len(trade(held_out())) == 35
