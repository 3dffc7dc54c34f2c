"""The nearest card: readable, in force and in the ask's language, or none."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appliance.errors import DamagedRelease
from appliance.records import Role
from appliance.store.card_vectors import CardVectors
from appliance.store.cards import Card, Cards
from tests.builders.stores import CARD, some_card_vectors
from tests.fakes.ports import HashEmbedder

DAY = date(2026, 11, 22)
TILL = replace(CARD, id="till", asks=("where is the till key", "till key"))
CARDS = Cards([CARD, TILL])


def nearest(text: str, *cards: Card, **given: Any) -> tuple[str, float]:
    known = {"audiences": ("associate",), "language": "en", "on": DAY}
    vectors = some_card_vectors(*(cards or (CARD, TILL)))
    return vectors.nearest(HashEmbedder().embed([text])[0], **{**known, **given})


def test_the_card_whose_ask_is_nearest_is_found_with_its_cosine() -> None:
    assert nearest("till key") == ("till", pytest.approx(1.0, abs=1e-4))
    card, cosine = nearest("wifi password")
    assert card == "wifi"
    assert 0.3 < cosine < 1.0


@pytest.mark.parametrize(
    "change",
    [
        {"audience": Role.MANAGER},
        {"language": "es"},
        {"effective_to": DAY - timedelta(days=1)},
        {"effective_from": DAY + timedelta(days=1)},
    ],
)
def test_a_card_one_may_not_be_told_now_gives_way_to_the_next(change: Any) -> None:
    assert nearest("till key", CARD, replace(TILL, **change))[0] == "wifi"


def test_a_card_is_in_force_on_its_last_day() -> None:
    assert nearest("till key", replace(TILL, effective_to=DAY))[0] == "till"


def test_without_a_readable_card_there_is_none() -> None:
    assert nearest("till key", audiences=()) == ("", 0.0)


def test_a_release_without_cards_has_none_near() -> None:
    vectors = CardVectors(Cards([]), np.zeros((0, 64), dtype=np.float32))
    found = vectors.nearest(np.ones(64, "f4"), audiences=("associate",), language="en", on=DAY)
    assert found == ("", 0.0)


def test_vectors_read_back_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npy"
    rows = HashEmbedder().embed([ask for card in CARDS for ask in card.asks])
    np.save(path, rows)
    found = CardVectors.load(CARDS, path).nearest(
        rows[2], audiences=("associate",), language="en", on=DAY
    )
    assert found[0] == "till"


@pytest.mark.parametrize("shape", [(2, 64), (4, 64), (3,), (3, 4, 5)])
def test_vectors_for_other_cards_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = tmp_path / "vectors.npy"
    np.save(path, np.ones(shape, dtype=np.float32))
    with pytest.raises(DamagedRelease, match="the cards have 3 asks"):
        CardVectors.load(CARDS, path)


def whole() -> bytes:
    from io import BytesIO

    file = BytesIO()
    np.save(file, np.ones((3, 64), dtype=np.float32))
    return file.getvalue()


@pytest.mark.parametrize(
    "content", [b"", b"\x93NUM", whole()[:100], whole()[:-1], b"PK\x03\x04", b"\x80\x04N.", b"[]"]
)
def test_a_file_that_is_cut_or_foreign_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vectors.npy"
    path.write_bytes(content)
    with pytest.raises(DamagedRelease, match=r"vectors\.npy is not an array"):
        CardVectors.load(CARDS, path)


def test_an_archive_or_words_are_no_vectors(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npy"
    with path.open("wb") as file:
        np.savez(file, np.ones((3, 64)))
    with pytest.raises(DamagedRelease, match="not an array"):
        CardVectors.load(CARDS, path)
    np.save(path, np.array([["a"], ["b"], ["c"]]))
    with pytest.raises(DamagedRelease, match="not an array"):
        CardVectors.load(CARDS, path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DamagedRelease, match="nowhere"):
        CardVectors.load(CARDS, tmp_path / "nowhere.npy")
