"""Late answers come down: kept in the store first, then the cursor moves on."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from appliance.ports import LateAnswers
from appliance.records import Arrived
from sync.agent.line import Line
from sync.agent.memory import Memory
from sync.agent.tokens import Tokens
from sync.wire import ANSWERS, Answers, LateAnswer

MOST_PAGES = 50  # at one call; the rest at the next
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LateMail:
    """Fetches them; one at a time."""

    line: Line
    tokens: Tokens
    memory: Memory
    answers: LateAnswers

    def __call__(self) -> int:
        """Bring what headquarters has answered meanwhile; return how many were new here.

        Raises:
            BackroomError: The line or the store's database failed; what came is kept.
        """
        new = 0
        for _ in range(MOST_PAGES):
            after = self.memory.known.cursor
            found = self._page(after)
            new += self.answers.arrive([_arrived(item) for item in found.items])
            # A cursor that goes back is a hub restored from an older copy: it is believed, and
            # what comes again is known here.
            self.memory.change(cursor=found.cursor)
            if not found.items or found.cursor == after:
                return new
        return new

    def _page(self, after: int) -> Answers:
        params = {"after": str(after)}
        return self.tokens.used(
            lambda t: self.line.call("GET", ANSWERS, Answers, params=params, token=t)
        )


def _arrived(item: LateAnswer) -> Arrived:
    return Arrived(item.reply, item.text, item.by, item.at, item.sources)
