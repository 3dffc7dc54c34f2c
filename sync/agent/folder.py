"""`home/agent/`: where the agent keeps what it is, what it knows and what is on its way."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.errors import BadInput
from appliance.files import replaced
from sync.agent.errors import AgentRuns

PRIVATE, SECRET = 0o700, 0o600


@dataclass(frozen=True, slots=True)
class AgentFolder:
    """The paths of one store's agent."""

    home: Path

    @property
    def path(self) -> Path:
        """The folder itself."""
        return self.home / "agent"

    @property
    def identity(self) -> Path:
        """What this machine is; written last, so with it the home is enrolled."""
        return self.path / "identity.json"

    @property
    def key(self) -> Path:
        """The device's private key."""
        return self.path / "device.key"

    @property
    def root(self) -> Path:
        """The repository's first trusted root."""
        return self.path / "root.json"

    @property
    def trusted(self) -> Path:
        """Trusted metadata."""
        return self.path / "tuf"

    @property
    def batches(self) -> Path:
        """Sealed batches on their way."""
        return self.path / "batches"

    @property
    def settings(self) -> Path:
        """What a person may set."""
        return self.path / "agent.toml"

    @property
    def state(self) -> Path:
        """What the agent knows from one start to the next."""
        return self.path / "state.json"

    @property
    def chain(self) -> Path:
        """The last grant's chain, and the one before."""
        return self.path / "chain.json"

    @property
    def token(self) -> Path:
        """The token, for a store whose agent is another process."""
        return self.path / "token.json"

    @property
    def lock(self) -> Path:
        """Held by the one agent of this home."""
        return self.path / "agent.lock"

    def make(self) -> None:
        """Make the folder, for this user alone.

        Raises:
            BadInput: It cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
            self.path.chmod(PRIVATE)
            self.batches.mkdir(exist_ok=True, mode=PRIVATE)
        except OSError as exc:
            raise BadInput(
                f"{self.path} cannot be made: {exc.strerror}.", hint=f"Check: ls -ld {self.home}"
            ) from exc

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the one agent of this home while the block runs; the system lets go of it at a kill.

        Raises:
            AgentRuns: Another is.
        """
        self.make()
        handle = os.open(self.lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, SECRET)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as exc:
                raise AgentRuns(
                    f"Another agent has {self.home}: the store's server, or `backroom agent run`.",
                    hint=f"Look at it: backroom agent status --home {self.home}",
                ) from exc
            yield
        finally:
            os.close(handle)

    def is_locked(self) -> bool:
        """Tell whether an agent has this home now."""
        try:
            with self.locked():
                return False
        except AgentRuns:
            return True


def write_secret(path: Path, content: str) -> None:
    """Write a file whole and durably that nobody else on this machine can ever read.

    Raises:
        BadInput: It cannot be written; what was there stays.
    """
    with replaced(path, make_folders=False, mode=SECRET) as file:
        file.write(content)
