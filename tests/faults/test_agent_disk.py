"""A full disk under the agent: nothing is lost, the store hears nothing of it, and it goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.errors import BackroomError, LineDown
from sync.agent.memory import Chain
from tests.builders import disks
from tests.builders.agents import a_sending, a_spool, agent_ends, enrolled
from tests.fakes.hub import ScriptedHub, scripted_hub


@pytest.fixture
def hub() -> Iterator[ScriptedHub]:
    with scripted_hub() as hub:
        yield hub


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with disks.small_disk(tmp_path / "disk", size="2m") as folder:
        yield folder


def test_a_full_disk_loses_nothing_that_is_owed_and_no_token_is_used_unchained(
    hub: ScriptedHub, small_disk: Path
) -> None:
    enrolled(small_disk, hub.url)
    spool = a_spool(small_disk)
    for n in range(20):
        spool.put("edge_case", {"n": n, "noise": "x" * 2_000}, priority=2)
    spool.database.write(lambda c: None)
    ballast = small_disk / "ballast"
    with agent_ends(small_disk) as ends:
        with pytest.raises(OSError, match="No space"):
            ballast.write_bytes(b"x" * 4_000_000)

        with pytest.raises(LineDown, match="is not used"):
            ends.tokens.current()
        with pytest.raises(BackroomError):
            a_sending(ends, spool)(is_wanted=True)
        assert hub.items == {}
        assert Chain(ends.folder).read() == ""
        assert spool.counted().items == 20

        ballast.unlink()
        assert a_sending(ends, spool)(is_wanted=True) == 20
        assert set(hub.items.values()) == {1}
        # What was given while the disk was full is followed by the chain before it.
        assert set(hub.chains) == {""}
    assert [p.name for p in ends.folder.path.rglob("*.part")] == []
    spool.database.close()


def test_an_agent_on_a_full_disk_goes_on_with_what_needs_no_disk(
    hub: ScriptedHub, small_disk: Path
) -> None:
    enrolled(small_disk, hub.url)
    with agent_ends(small_disk) as ends:
        ends.tokens.current()
        with pytest.raises(OSError, match="No space"):
            (small_disk / "ballast").write_bytes(b"x" * 4_000_000)
        said = "".join(ends.generalist().stream([{"role": "user", "content": "?"}], deadline_s=5))
        ends.memory.fault("send", "the disk is full")
        assert said == "Within 30 days [1]."
        assert ends.memory.known.faults == {"send": "the disk is full"}
    for thread in threading.enumerate():
        assert thread.name != "generalist" or not thread.is_alive() or thread.join(5) is None
