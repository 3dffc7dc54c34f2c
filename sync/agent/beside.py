"""The agent as a process of its own, beside the store's server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from appliance.config import Settings
from appliance.store.db import Database
from appliance.store.home import DATABASE
from sync.agent.agent import Agent
from sync.agent.ends import open_ends
from sync.agent.figures import BesideFigures


@contextmanager
def running_beside(settings: Settings) -> Iterator[Agent]:
    """Be the agent of a home while the block runs.

    Raises:
        NotEnrolled: The home is not enrolled.
        AgentRuns: Another process is its agent.
        StoreError: The store's database cannot be opened.
    """
    ends = open_ends(settings)
    with ExitStack() as opened:
        opened.enter_context(ends.folder.locked())
        ends.become_agent()
        database = Database(settings.home / DATABASE)
        opened.callback(database.close)
        agent = Agent(settings, ends, database, BesideFigures(settings, ends.clock))
        opened.enter_context(agent.running())
        yield agent
