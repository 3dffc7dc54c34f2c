"""What a reply leaves the store owing headquarters: an ask nobody answered, an answer in doubt."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from appliance.edge_cases import KIND, UNSURE, edge_case, is_unsure
from appliance.errors import StoreError
from appliance.ports import Journal, Spool
from appliance.records import Ask, LaneName, Reply
from appliance.stages.intent import OUT_OF_SCOPE

DEFERRED = "deferred_ask"
DEFERRED_PRIORITY = 5
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Owed:
    """Puts into the spool, masked, what headquarters should see of a reply."""

    journal: Journal
    spool: Spool
    edge_case_under: float

    def __call__(self, ask: Ask, reply: Reply) -> None:
        """Keep what is owed; a spool that takes nothing is logged.

        The reply is in the journal and may have been heard: it is not taken back for this.
        """
        try:
            if _is_unanswered(reply):
                self._defer(ask, reply)
            elif is_unsure(reply.lane, reply.confidence, under=self.edge_case_under):
                self._doubt(reply)
        except StoreError as exc:
            log.warning("spool: what reply %s owes headquarters is not kept: %s", reply.id, exc)

    def _defer(self, ask: Ask, reply: Reply) -> None:
        row = self.journal.reply(reply.id) or {}
        body = {"reply": reply.id, "masked": row.get("masked", ""), "intent": reply.intent}
        body["asked_at"] = ask.asked_at.isoformat()
        self.spool.put(DEFERRED, body, priority=DEFERRED_PRIORITY)

    def _doubt(self, reply: Reply) -> None:
        row = self.journal.reply(reply.id)
        if row is not None:
            self.spool.put(KIND, edge_case(row), priority=UNSURE)


def _is_unanswered(reply: Reply) -> bool:
    """Tell a hand-over that is no refusal: nobody at headquarters is to answer those later."""
    is_refused = any(policy.effect == "forbid" for policy in reply.policies)
    return reply.lane is LaneName.HANDOFF and reply.intent != OUT_OF_SCOPE and not is_refused
