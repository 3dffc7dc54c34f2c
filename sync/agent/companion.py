"""The agent inside the store's server: the entry point `backroom.companions`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from appliance.recurring import recurring
from sync.agent.agent import Agent
from sync.agent.ends import Ends, open_ends
from sync.agent.errors import AgentRuns
from sync.agent.figures import InsideFigures

if TYPE_CHECKING:
    from appliance.config import Settings
    from appliance.ports import Generalist
    from appliance.standing import StandingStore

TAKE_OVER_S = 20.0  # between tries to be the agent while another process is
log = logging.getLogger(__name__)


class AgentCompanion:
    """`appliance.companions.Companion`: jobs beside the store, and its line to the generalist."""

    def __init__(self) -> None:
        """Wait for a store."""
        self._ends: Ends | None = None
        self._settings: Settings | None = None

    def line(self, settings: Settings) -> Generalist | None:
        """Return the line to the generalist; None where `agent.toml` has none.

        Raises:
            BadInput: The identity or the settings of the agent cannot be read.
        """
        self._settings = settings
        self._ends = open_ends(settings)
        return self._ends.generalist() if self._ends.settings.generalist else None

    @contextmanager
    def attend(self, store: StandingStore) -> Iterator[None]:
        """Do the agent's jobs while the block runs; wait where another process does them.

        Raises:
            BadInput: The identity or the settings of the agent cannot be read.
        """
        settings = self._settings or store.settings
        ends = self._ends or open_ends(settings)
        agent = Agent(settings, ends, store.database, InsideFigures(store))
        with ExitStack() as begun:
            if _begin(agent, begun):
                yield
                return

            def try_again() -> None:
                if not is_agent and _begin(agent, begun):
                    is_agent.append(True)

            is_agent: list[bool] = []
            with recurring(try_again, every_s=TAKE_OVER_S, name="agent-wait", is_begun=True):
                yield


def _begin(agent: Agent, begun: ExitStack) -> bool:
    """Be the agent of this home, if nobody is."""
    with ExitStack() as tried:
        try:
            tried.enter_context(agent.ends.folder.locked())
        except AgentRuns as exc:
            log.info("agent: %s", exc.message)
            return False
        agent.ends.become_agent()
        tried.enter_context(agent.running())
        begun.push(tried.pop_all())
    return True
