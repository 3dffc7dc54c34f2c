"""The agent's look at its ring: the release client over this line, and the switch's steps."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from appliance.config import Settings
from sync.agent.ends import Ends
from sync.agent.jobs import IDLE
from sync.errors import NotPublished
from sync.fetch.client import ReleaseClient
from sync.switch.install import trusted_root
from sync.switch.machine import AT_REST
from sync.switch.switcher import Switcher
from sync.wire import REPOSITORY, SwitchReport

log = logging.getLogger(__name__)
LOOK_JITTER = 0.2  # of the time between looks: stores drift apart
FIRST_AGAIN_S = 30.0  # after a look that failed; doubled each time
PAUSE_S = 3600.0  # a pause that nobody repeats ends: by then the signed pointer was seen


@dataclass(slots=True)
class Looks:
    """Steps the switch on, and looks at the ring when that is due; one at a time."""

    settings: Settings
    ends: Ends
    changed: Callable[[], None]  # told when the switch came to another state
    switcher: Switcher = field(init=False)
    _client: ReleaseClient | None = field(default=None, init=False)
    _look_at_s: float = field(default=float("-inf"), init=False)
    _paused_until_s: float = field(default=float("-inf"), init=False)
    _in_vain: int = field(default=0, init=False)
    draw: Callable[[], float] = random.random  # spreads load, guards nothing

    def __post_init__(self) -> None:
        self.switcher = Switcher(
            self.settings,
            self.ends.clock,
            ring=self.ends.ring,
            is_paused=lambda: self.is_paused,
            limits=self.ends.settings.switch,
        )

    @property
    def is_paused(self) -> bool:
        """Whether the hub asked to take nothing new."""
        return self.ends.clock.monotonic() < self._paused_until_s

    def wake(self) -> None:
        """Look at the ring at the next step."""
        self._look_at_s = float("-inf")
        self._in_vain = 0
        self._paused_until_s = float("-inf")

    def pause(self) -> None:
        """Take nothing new for a while."""
        self._paused_until_s = self.ends.clock.monotonic() + PAUSE_S

    def __call__(self) -> str:
        """Go as far as the switch can now; look at the ring first, if that is due.

        Returns:
            `IDLE` when there was nothing to do.

        Raises:
            BackroomError: It went as far as it says.
        """
        before = self.switcher.report()
        now_s = self.ends.clock.monotonic()
        is_looking = now_s >= self._look_at_s
        if not is_looking and before.state in AT_REST:
            return IDLE
        self.switcher.ring = self.ends.ring
        try:
            if is_looking:
                self._put_off(now_s)
            self._step(is_looking=is_looking)
            if is_looking:
                self._looked(now_s)
        finally:
            self._tell(before)
        return ""

    def _step(self, *, is_looking: bool) -> None:
        try:
            self.switcher.step(self._releases(), is_looking=is_looking)
        except NotPublished as exc:
            # A ring nobody has published to yet is the state of a new store, and no fault of it.
            log.info("agent: %s", exc.message)

    def stop(self) -> None:
        """End what is under way soon."""
        self.switcher.stop()
        if self._client is not None:
            self._client.close()

    def _put_off(self, now_s: float) -> None:
        """Have a look that fails be followed by the next one later, and later each time."""
        wait_s = FIRST_AGAIN_S * 2 ** min(self._in_vain, 10)
        self._in_vain += 1
        self._next(now_s, min(wait_s, self._every_s))

    def _looked(self, now_s: float) -> None:
        self._in_vain = 0
        spread = 1 + LOOK_JITTER * (2 * self.draw() - 1)
        self._next(now_s, self._every_s * spread, looked_at=self.ends.clock.now())

    def _next(self, now_s: float, wait_s: float, **fields: datetime) -> None:
        self._look_at_s = now_s + wait_s
        at = self.ends.clock.machine.now() + timedelta(seconds=wait_s)
        self.ends.memory.change(next_look_at=at, is_paused=self.is_paused, **fields)

    @property
    def _every_s(self) -> float:
        return self.ends.settings.look_minutes * 60

    def _tell(self, before: SwitchReport) -> None:
        after = self.switcher.report()
        if (after.state, after.live) != (before.state, before.live):
            self.changed()

    def _releases(self) -> ReleaseClient:
        if self._client is None:
            self._client = client_of(self.ends)
        return self._client


def client_of(ends: Ends) -> ReleaseClient:
    """Return a client of the hub's repository whose every byte passes this line's bucket.

    Raises:
        BadInput: The trusted root cannot be read.
    """

    def passed(size: int) -> None:
        ends.line.counts.add(down=size)
        ends.bucket.take(size)

    return ReleaseClient(
        ends.folder.trusted,
        f"{ends.identity.hub}{REPOSITORY}",
        trusted_root(ends.folder.root),
        clock=ends.clock,
        limiter=passed,
        headers=lambda: {"authorization": f"Bearer {ends.tokens.current()}"},
        tls=ends.line.tls,
        proxy=ends.line.proxy,
    )
