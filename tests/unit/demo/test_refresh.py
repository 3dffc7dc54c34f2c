"""The demo's live data is never older than its shortest limit, and no other database is touched."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.config import Settings
from appliance.demo import refresh
from appliance.demo.refresh import EVERY, LIVE_DATABASE, keep_fresh, refresh_demo
from tests.builders.records import NOW
from tests.fakes.clock import FakeClock

WAIT_S = 5.0


@pytest.fixture
def seeded(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """Seed by writing an empty file dated `now`; return when that was done."""
    times: list[datetime] = []

    def seed(path: Path, *, now: datetime) -> None:
        times.append(now)
        path.touch()
        os.utime(path, (now.timestamp(), now.timestamp()))

    monkeypatch.setattr(refresh, "seed_store", seed)
    return times


def test_the_first_start_writes_a_database_that_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "home" / LIVE_DATABASE
    assert refresh_demo(path, now=datetime.now(UTC))
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM products").fetchone()[0] > 0


def test_a_young_database_is_let_alone_and_an_old_one_is_written_anew(
    tmp_path: Path, seeded: list[datetime]
) -> None:
    path = tmp_path / LIVE_DATABASE
    almost, due = NOW + EVERY - timedelta(seconds=1), NOW + EVERY
    assert [refresh_demo(path, now=at) for at in (NOW, almost, due)] == [True, False, True]
    assert seeded == [NOW, due]


def test_a_database_from_the_future_is_written_anew(tmp_path: Path, seeded: list[datetime]) -> None:
    path = tmp_path / LIVE_DATABASE
    refresh_demo(path, now=NOW + timedelta(days=1))  # the clock was set back since
    assert refresh_demo(path, now=NOW)


def test_data_is_refreshed_well_within_the_shortest_staleness_limit() -> None:
    assert timedelta(minutes=30) / 2 > EVERY


def test_a_configured_database_is_never_touched(
    tmp_path: Path, seeded: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "EVERY", timedelta())
    before = threading.active_count()
    with keep_fresh(Settings(home=tmp_path, live_database="sqlite:///own.db"), FakeClock(NOW)):
        assert threading.active_count() == before
    assert seeded == []
    assert list(tmp_path.iterdir()) == []


def test_a_failed_refresh_is_logged_and_the_next_one_still_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[Path] = []
    twice = threading.Event()

    def fail_once(path: Path, **_: Any) -> bool:
        calls.append(path)
        if len(calls) == 1:
            raise OSError("disk full")
        twice.set()
        return True

    monkeypatch.setattr(refresh, "EVERY", timedelta(milliseconds=1))
    monkeypatch.setattr(refresh, "refresh_demo", fail_once)
    with keep_fresh(Settings(home=tmp_path), FakeClock(NOW)):
        assert twice.wait(WAIT_S)

    assert calls[0] == tmp_path / LIVE_DATABASE
    assert [r.message for r in caplog.records] == ["demo_refresh_failed"]
    assert not any(t.name == "demo-refresh" for t in threading.enumerate())
