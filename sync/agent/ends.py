"""This end of the line, put together: what the jobs and the generalist share in one process."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.clock import SystemClock
from appliance.config import Settings
from appliance.ports import Clock
from sync.agent.bucket import Bucket
from sync.agent.folder import AgentFolder
from sync.agent.generalist import HubGeneralist
from sync.agent.identity import Identity, read_identity, read_key
from sync.agent.line import Line
from sync.agent.memory import HubClock, Memory
from sync.agent.settings import AgentSettings, load_agent_settings
from sync.agent.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Ends:
    """One home's end of the line."""

    folder: AgentFolder
    identity: Identity
    settings: AgentSettings
    memory: Memory
    clock: HubClock
    bucket: Bucket
    line: Line
    tokens: Tokens

    @property
    def ring(self) -> str:
        """The ring this store is in, as far as is known."""
        return self.memory.known.ring or self.identity.ring

    def become_agent(self) -> None:
        """Speak for this home from now on; the caller holds the folder's lock.

        Raises:
            BadInput: The device's key cannot be read.
        """
        key = read_key(self.folder.key)
        self.memory.become()
        known = self.memory.known
        self.line.counts.add(up=known.bytes_up, down=known.bytes_down)
        self.tokens.become(key)

    def generalist(self) -> HubGeneralist:
        """Return the line to the generalist."""
        return HubGeneralist(
            self.line,
            self.tokens,
            clock=self.clock,
            model=self.settings.generalist_model,
            at_once=self.settings.chats_at_once,
        )

    def close(self) -> None:
        """Let the connections go; whoever waits for bandwidth goes on."""
        self.bucket.stop()
        self.line.close()


def open_ends(settings: Settings, *, machine: Clock | None = None) -> Ends:
    """Return the end of the line of an enrolled home; nothing is connected yet.

    Raises:
        NotEnrolled: It is not enrolled.
        BadInput: Its identity or settings cannot be read.
    """
    folder = AgentFolder(settings.home)
    identity, chosen = read_identity(folder), load_agent_settings(folder.settings)
    memory = Memory(folder.state, may_write=False)
    clock = HubClock(machine or SystemClock(), memory)
    bucket = Bucket(
        chosen.rate,
        local=lambda: clock.now().astimezone(settings.zone),
        monotonic=clock.monotonic,
    )
    line = Line(
        identity.hub,
        bucket=bucket,
        clock=clock,
        since=identity.enrolled_at,
        proxy=chosen.proxy,
        ca_file=chosen.ca_file,
    )
    tokens = Tokens(line, identity, None, folder=folder, clock=clock)
    return Ends(folder, identity, chosen, memory, clock, bucket, line, tokens)
