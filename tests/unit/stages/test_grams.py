"""Grams: a text's spelling as a short row, the same on every machine."""

from __future__ import annotations

import numpy as np

from appliance.stages.grams import GRAM_BUCKETS, gram_counts, gram_row, grams

EVEN = np.ones(GRAM_BUCKETS, dtype=np.float32)


def test_words_neighbours_and_letter_runs_are_marked_with_their_kind() -> None:
    found = grams("Red kettle")
    assert {"wred", "wkettle", "p< red", "pred kettle", "pkettle >"} <= found
    assert {"c<re", "cred", "ced>", "ckett", "cettle"} <= found
    assert "cdke" not in found  # a run ends with its word


def test_a_misspelt_word_is_nearer_than_another_word() -> None:
    def near(a: str, b: str) -> float:
        return float(gram_row(a, rarity=EVEN) @ gram_row(b, rarity=EVEN))

    assert near("headphones", "headphnes") > near("headphones", "kettle") + 0.2


def test_buckets_are_the_same_in_every_run() -> None:
    # Written down: another hash would make every trained router read noise.
    row = gram_counts("red kettle")
    assert np.flatnonzero(row)[:4].tolist() == [68, 70, 364, 420]
    assert row[[68, 70, 364, 420]].tolist() == [1.0, -1.0, 1.0, -1.0]


def test_a_row_is_of_unit_length_or_empty() -> None:
    assert np.linalg.norm(gram_row("how much", rarity=EVEN)) == np.float32(1.0)
    assert not gram_row("how much", rarity=EVEN * 0).any()


def test_a_very_long_text_is_read_only_so_far() -> None:
    assert grams("a b " * 50_000) == grams("a b " * 100)
