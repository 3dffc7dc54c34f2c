"""The wake stream: the hub says when to look, so that a push takes seconds; polling is enough."""

from __future__ import annotations

import json
import logging
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from appliance.codec import from_plain
from appliance.errors import BackroomError, BadInput
from appliance.ports import Clock
from sync.agent.line import Line
from sync.agent.tokens import Tokens
from sync.wire import WAKE, Wish

SILENCE_S = 65.0  # three of the hub's comments did not come
SHORTEST_S, LONGEST_S = 1.0, 300.0  # between two tries
LASTED_S = 30.0  # a stream that held so long was no failure
MOST_BYTES = 64 * 2**20  # of one stream; it ends with its token long before
log = logging.getLogger(__name__)


@dataclass(slots=True)
class WakeStream:
    """Holds the stream open, in a thread of its own."""

    line: Line
    tokens: Tokens
    clock: Clock
    heard: Callable[[Wish], None]
    draw: Callable[[], float] = random.random  # spreads load, guards nothing
    _stopped: threading.Event = field(default_factory=threading.Event, init=False)
    _answer: object = field(default=None, init=False)

    def run(self) -> None:
        """Listen until stopped; never raises."""
        wait_s = SHORTEST_S
        while not self._stopped.is_set():
            begun_s = self.clock.monotonic()
            try:
                self.listen()
            except BackroomError as exc:
                log.debug("agent: the wake stream ended: %s", exc)
            except Exception:  # the outermost loop of a thread: told, and tried again
                log.exception("agent: the wake stream failed")
            lasted = self.clock.monotonic() - begun_s >= LASTED_S
            wait_s = SHORTEST_S if lasted else min(LONGEST_S, wait_s * 2)
            # Full jitter: 1,600 stores whose hub comes back do not come all at once.
            self._stopped.wait(wait_s * self.draw() if not lasted else SHORTEST_S * self.draw())

    def stop(self) -> None:
        """End; the stream is hung up on."""
        self._stopped.set()
        hang_up = getattr(self._answer, "hang_up", None)
        if hang_up is not None:
            hang_up()

    def listen(self) -> None:
        """Listen to one stream until it ends.

        Raises:
            BackroomError: It could not be opened, or broke off.
        """
        self.tokens.used(self._listen_with)

    def _listen_with(self, token: str) -> None:
        headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}
        with self.line.open(
            "GET", WAKE, headers=headers, read_s=SILENCE_S, is_left=self._stopped.is_set
        ) as stream:
            self._answer = stream
            for wish in read_wishes(stream.lines(most_bytes=MOST_BYTES)):
                if self._stopped.is_set():
                    return
                self.heard(wish)


def read_wishes(lines: Iterator[str]) -> Iterator[Wish]:
    """Yield the wishes in server-sent events; others, and ones not understood, are passed over."""
    event, data = "", ""
    for line in lines:
        name, _, value = line.partition(":")
        if name == "event":
            event = value.strip()
        elif name == "data":
            data = value.strip()
        elif not line:
            if event == "wish" and (wish := _wish(data)) is not None:
                yield wish
            event, data = "", ""


def _wish(data: str) -> Wish | None:
    try:
        return from_plain(json.loads(data), Wish)
    except (ValueError, BadInput):
        log.info("agent: a wish is not understood: a newer hub's")
        return None
