"""An agent's end of the line to a hub, in a home of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.clock import SystemClock
from appliance.config import Settings
from appliance.ports import Clock
from appliance.store.db import Database
from appliance.store.spool import SqliteSpool
from sync.agent.batches import Batches
from sync.agent.ends import Ends, open_ends
from sync.agent.enrol import enrol
from sync.agent.folder import AgentFolder
from sync.agent.sending import Sending


def enrolled(home: Path, url: str, code: str = "CODE") -> AgentFolder:
    """Return a home's folder, enrolled."""
    folder = AgentFolder(home)
    enrol(folder, url, code)
    return folder


@contextmanager
def agent_ends(home: Path, *, clock: Clock | None = None, settings: str = "") -> Iterator[Ends]:
    """Give the end of the line of an enrolled home, as its agent."""
    if settings:
        (home / "agent" / "agent.toml").write_text(settings, encoding="utf-8")
    ends = open_ends(Settings(home=home), machine=clock or SystemClock())
    ends.become_agent()
    try:
        yield ends
    finally:
        ends.close()


def a_spool(home: Path, clock: Clock | None = None) -> SqliteSpool:
    """Return the spool of a home."""
    return SqliteSpool(Database(home / "store.db"), clock or SystemClock())


def a_sending(ends: Ends, spool: SqliteSpool, clock: Clock | None = None) -> Sending:
    """Return what sends a spool's items."""
    batches = Batches(ends.folder.batches, ends.identity, ends.clock)
    at = clock or ends.clock.machine
    return Sending(spool=spool, batches=batches, line=ends.line, tokens=ends.tokens, clock=at)
