from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from appliance import companions
from appliance.companions import Companions, load_companions
from appliance.config import Settings
from appliance.lanes.generalist import NoLine

SAID: list[str] = []
LINE = NoLine()
STORE: Any = object()


class Agent:
    def line(self, settings: Settings) -> NoLine:
        return LINE

    @contextmanager
    def attend(self, store: object) -> Iterator[None]:
        SAID.append("begun")
        yield
        SAID.append("ended")


class Broken:
    def line(self, settings: Settings) -> NoLine:
        raise KeyError("line")

    @contextmanager
    def attend(self, store: object) -> Iterator[None]:
        if STORE is store:
            raise KeyError("attend")
        yield


class BreaksAtTheEnd(Agent):
    @contextmanager
    def attend(self, store: object) -> Iterator[None]:
        yield
        raise KeyError("end")


@pytest.fixture(autouse=True)
def nothing_said() -> None:
    SAID.clear()


def _points(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    found = [EntryPoint(n, f"{__name__}:{n}", companions.GROUP) for n in names]
    monkeypatch.setattr(companions, "entry_points", lambda group: found)


def _enrolled(home: Path) -> Path:
    (home / "agent").mkdir()
    (home / "agent" / "identity.json").write_text("{}", encoding="utf-8")
    return home


def test_a_store_that_is_not_enrolled_loads_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _points(monkeypatch, "NoSuchClass")
    assert load_companions(tmp_path) == Companions()


def test_a_companion_gives_the_line_and_attends_while_the_block_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _points(monkeypatch, "Agent")
    found = load_companions(_enrolled(tmp_path))
    assert found.line(Settings(home=tmp_path)) is LINE
    with found.attending(STORE):
        assert SAID == ["begun"]
    assert SAID == ["begun", "ended"]


def test_one_that_breaks_is_told_and_the_store_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _points(monkeypatch, "Agent", "Broken", "BreaksAtTheEnd", "NoSuchClass")
    found = load_companions(_enrolled(tmp_path))
    assert found.line(Settings(home=tmp_path)) is LINE
    with caplog.at_level(logging.ERROR), found.attending(STORE):
        assert SAID == ["begun"]
    assert SAID == ["begun", "ended"]
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    assert len(caplog.records) == 3  # one does not load, one attend, one end in order


def test_what_ends_the_store_ends_it_also_past_a_companion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _points(monkeypatch, "Agent", "BreaksAtTheEnd")
    with pytest.raises(SystemExit), load_companions(_enrolled(tmp_path)).attending(STORE):
        raise SystemExit(0)
