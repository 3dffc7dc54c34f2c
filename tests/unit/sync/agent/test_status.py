"""`backroom agent status`: ten lines for whoever stands before the machine."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from typer.testing import CliRunner

from appliance.clock import SystemClock
from appliance.config import Settings
from appliance.store.spool import SpoolCount
from sync.agent.commands import app
from sync.agent.identity import Identity
from sync.agent.memory import Known
from sync.agent.status import Look, faults, lines, look, plain
from sync.wire import SwitchReport, SwitchState
from tests.builders.agents import a_spool, enrolled
from tests.fakes.hub import ScriptedHub

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
WELL = Look(
    home="/store",
    identity=Identity("https://hub.example", "dev1", "0417", "pilot", NOW),
    known=Known(contact_at=NOW - timedelta(seconds=20), next_beat_at=NOW + timedelta(seconds=40)),
    switch=SwitchReport(SwitchState.SETTLED, "demo-7", 7, previous="demo-6"),
    spool=SpoolCount(3, 4096, 0, NOW, 5),
    sealed=1,
    is_running=True,
    rate_kib_s=64.0,
    store="0417",
    now=NOW,
)


def said(found: Look) -> dict[str, str]:
    return dict(lines(found))


def test_a_store_that_is_well_is_told_in_ten_lines_without_a_fault() -> None:
    told = said(WELL)
    assert len(list(lines(WELL))) <= 10
    assert told["store"] == "0417, ring pilot, device dev1"
    assert told["hub"] == "https://hub.example, last heard 20 s ago"
    assert told["release"] == "demo-7 (7), settled, before it demo-6"
    assert told["spool"] == "3 items, 4 KiB, 1 sealed, 0 dropped"
    assert told["next"] == "beat in 40 s, look unknown"
    assert told["line"].startswith("breaker closed, 64 KiB/s")
    assert told["faults"] == "none"
    assert "do" not in told


def test_a_candidate_that_was_refused_is_told_with_its_reason() -> None:
    switch = replace(
        WELL.switch, state=SwitchState.REFUSED, candidate="demo-8", why="it needs 9 GiB of memory"
    )  # type: ignore[type-var]
    assert said(replace(WELL, switch=switch))["candidate"] == "demo-8: it needs 9 GiB of memory"


def test_every_fault_has_its_next_command_and_the_first_is_the_most_urgent() -> None:
    ill = replace(
        WELL,
        is_running=False,
        known=Known(offset_s=-1.8e9, faults={"look": "the metadata has expired"}),
        store="0999",
        spool=SpoolCount(0, 0, 4, None, 0),
    )
    told = [why for why, _ in faults(ill)]
    assert told[0] == "no agent runs"
    assert any("the store calls itself 0999" in why for why in told)
    assert "the metadata has expired" in told
    assert any("clock is far off" in why for why in told)
    assert any("4 items owed" in why for why in told)
    assert said(ill)["do"] == "backroom run --home /store"
    assert "ahead of the hub's; allowed for" in said(ill)["clock"]


def test_a_hub_that_is_silent_is_a_fault_by_the_hubs_own_time() -> None:
    # A clock of 1970 with a known offset: the hub was heard twenty seconds ago.
    early = datetime(1970, 1, 1, tzinfo=UTC)
    offset_s = (NOW - early).total_seconds()
    known = replace(WELL.known, offset_s=offset_s)
    assert "last heard 20 s ago" in said(replace(WELL, now=early, known=known))["hub"]
    late = replace(WELL, known=replace(WELL.known, contact_at=NOW - timedelta(hours=5)))
    assert ("the hub has not answered for a while", "curl -sS https://hub.example/health") in (
        faults(late)
    )
    assert said(late)["hub"].endswith("last heard 5 h ago")


def test_a_home_is_looked_at_without_a_hub_and_without_changing_it(
    hub: ScriptedHub, tmp_path: Path
) -> None:
    enrolled(tmp_path, hub.url)
    a_spool(tmp_path).put("edge_case", {"n": 1}, priority=2)
    before = sorted(p.name for p in (tmp_path / "agent").rglob("*"))
    asked = sum(hub.asked.values())

    found = look(Settings(home=tmp_path), SystemClock())

    assert (found.is_running, found.spool and found.spool.items) == (False, 1)
    assert sum(hub.asked.values()) == asked
    assert sorted(p.name for p in (tmp_path / "agent").rglob("*")) == before
    assert json.loads(json.dumps(plain(found)))["faults"][0]["why"] == "no agent runs"


def test_the_command_ends_with_1_while_something_is_wrong(hub: ScriptedHub, tmp_path: Path) -> None:
    enrolled(tmp_path, hub.url)
    done = CliRunner().invoke(app, ["status", "--home", str(tmp_path)])
    assert done.exit_code == 1
    assert "no agent runs" in done.output
    assert "PRIVATE KEY" not in done.output
