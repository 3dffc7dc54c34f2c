"""The demo chain's live data and answer cards, as the release carries them."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from appliance.demo.seed import RELEASE_STORE, seed_store
from appliance.errors import DamagedRelease
from appliance.store.cards import Cards
from models.corpus.cards import cards_json
from models.corpus.catalogue import generate
from models.corpus.cli import register_corpus
from models.corpus.livestore import store_files

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
RELEASED_CARDS = Path("appliance/demo/release/cards/cards.json")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_release_holds_the_generated_store_files_and_cards() -> None:
    for name, text in store_files(generate()).items():
        assert (RELEASE_STORE / name).read_text("utf-8") == text
    assert RELEASED_CARDS.read_text("utf-8") == cards_json()


def test_a_store_is_seeded_fresh_in_under_two_seconds(tmp_path: Path) -> None:
    started = time.process_time()
    seed_store(tmp_path / "live.db", now=NOW)
    took_s = time.process_time() - started

    connection = sqlite3.connect(tmp_path / "live.db")
    (refreshed,) = connection.execute(
        "SELECT refreshed_at FROM feeds WHERE feed = 'stock'"
    ).fetchone()
    counts = {
        name: connection.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0]
        for name in ("products", "stock", "prices", "costs", "pickups", "associates", "promotions")
    }
    connection.close()
    assert took_s < 2
    assert datetime.fromisoformat(refreshed).replace(tzinfo=UTC) == NOW - timedelta(minutes=3)
    assert counts["products"] == counts["stock"] == counts["prices"] == counts["costs"] >= 2_000
    assert counts["associates"] == 30
    assert counts["pickups"] >= 30
    assert counts["promotions"] >= 30


def test_no_one_stock_or_pickup_row_contradicts_the_chains_rules(tmp_path: Path) -> None:
    seed_store(tmp_path / "live.db", now=NOW)
    connection = sqlite3.connect(tmp_path / "live.db")

    over_reserved = "SELECT COUNT(*) FROM stock WHERE reserved > on_hand"
    too_long = (
        "SELECT COUNT(*) FROM pickups WHERE julianday(held_until) - julianday(date(ready_at)) > 7"
    )
    on_age_restricted = (
        "SELECT COUNT(*) FROM promotions x JOIN products p ON p.sku = x.sku"
        " WHERE p.age_restriction IS NOT NULL"
    )
    found = [
        connection.execute(q).fetchone()[0] for q in (over_reserved, too_long, on_age_restricted)
    ]
    connection.close()

    assert found == [0, 0, 0]


@pytest.mark.parametrize("harm", ["missing", "cut", "foreign"])
def test_a_damaged_store_file_is_named_and_nothing_is_left_behind(
    tmp_path: Path, harm: str
) -> None:
    source = tmp_path / "store"
    source.mkdir()
    for path in RELEASE_STORE.glob("*.csv"):
        (source / path.name).write_bytes(path.read_bytes())
    stock = source / "stock.csv"
    if harm == "missing":
        stock.unlink()
    elif harm == "cut":
        stock.write_bytes(stock.read_bytes()[:3_000].rsplit(b",", 1)[0])
    else:
        stock.write_text("sku,on_hand,reserved,backroom,counted_ago_min\nLM-1,two,0,0,0\n")

    with pytest.raises(DamagedRelease, match=r"stock\.csv"):
        seed_store(tmp_path / "live.db", now=NOW, source=source)

    assert [p.name for p in tmp_path.iterdir()] == ["store"]


def test_the_command_writes_the_same_bytes_for_the_same_seed_and_instant(tmp_path: Path) -> None:
    group = typer.Typer()
    register_corpus(group)
    group.callback()(lambda: None)
    for name in ("a", "b"):
        result = CliRunner().invoke(
            group, ["corpus", "--out", str(tmp_path / name), "--now", NOW.isoformat()]
        )
        assert result.exit_code == 0, result.output

    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*"))
    plain = [f for f in files if (tmp_path / "a" / f).is_file()]

    assert {"catalogue.csv", "store.db", "lexicon.toml"} <= {str(f) for f in plain}
    assert [sha256(tmp_path / "a" / f) for f in plain] == [
        sha256(tmp_path / "b" / f) for f in plain
    ]


def test_there_are_24_cards_in_force_and_four_in_spanish() -> None:
    cards = Cards.load(RELEASED_CARDS)

    readable = cards.readable(audiences=("associate", "lead"), on=date(2026, 11, 22))
    assert len(readable) >= 24
    assert len([c for c in readable if c.language == "es"]) >= 4
    assert all(6 <= len(card.asks) <= 10 for card in cards)
    assert all(card.text.count(". ") <= 2 for card in cards)


def test_no_two_cards_claim_the_same_ask() -> None:
    asks = [ask.casefold() for card in Cards.load(RELEASED_CARDS) for ask in card.asks]

    assert len(set(asks)) == len(asks)


def test_a_leads_card_is_not_readable_by_an_associate() -> None:
    cards = Cards.load(RELEASED_CARDS)

    readable = cards.readable(audiences=("associate",), on=date(2026, 11, 22))
    assert cards.get("over-short") is not None
    assert "over-short" not in {card.id for card in readable}


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("asks", [], "asks"),
        ("language", "fr", "language"),
        ("audience", "boss", "boss"),
        ("approved_at", "last week", "approved_at"),
        ("effective_to", "2020-01-01", "before effective_from"),
        ("text", " ", "text"),
        ("colour", "red", "unknown key 'colour'"),
    ],
)
def test_a_damaged_card_is_refused_with_its_place_and_reason(
    tmp_path: Path, key: str, value: object, reason: str
) -> None:
    raw = json.loads(RELEASED_CARDS.read_text("utf-8"))
    raw["cards"][3][key] = value
    path = tmp_path / "cards.json"
    path.write_text(json.dumps(raw))

    with pytest.raises(DamagedRelease, match=r"cards\[3\]") as refused:
        Cards.load(path)

    assert reason in refused.value.message


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 2, "cards": []}', '{"format": 1}'])
def test_a_foreign_cards_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "cards.json"
    path.write_text(content)

    with pytest.raises(DamagedRelease, match=r"cards\.json"):
        Cards.load(path)
    with pytest.raises(DamagedRelease, match="cannot be read"):
        Cards.load(tmp_path / "absent.json")
