"""What a reply leaves the store owing headquarters: an ask nobody answered, an answer in doubt."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from appliance.edge_cases import KIND, UNSURE, edge_case, is_unsure
from appliance.errors import StoreError
from appliance.ports import Journal, Spool
from appliance.records import Ask, LaneName, Passage, Reply, Stitched
from appliance.stages.intent import OUT_OF_SCOPE
from appliance.stages.masking import Masking, masked_together

DEFERRED = "deferred_ask"
DEFERRED_PRIORITY = 5
# What whoever answers later is shown: as much as a prompt for one answer holds.
MOST_PASSAGES = 4
MOST_PASSAGE_CHARS = 1_200
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Owed:
    """Puts into the spool, masked, what headquarters should see of a reply."""

    journal: Journal
    spool: Spool
    edge_case_under: float

    def __call__(self, ask: Ask, reply: Reply, *, stitched: Stitched | None = None) -> bool:
        """Keep what is owed; return whether the ask is kept for an answer that comes later.

        A spool that takes nothing is logged: the reply is in the journal and may have been heard,
        and is not taken back for this.

        Args:
            ask: The question.
            reply: To it, written down.
            stitched: Its evidence, if it got as far: whoever answers later is shown the same.
        """
        try:
            if _is_unanswered(reply):
                return self._defer(ask, reply, stitched)
            if is_unsure(reply.lane, reply.confidence, under=self.edge_case_under):
                self._doubt(reply)
        except StoreError as exc:
            log.warning("spool: what reply %s owes headquarters is not kept: %s", reply.id, exc)
        return False

    def _defer(self, ask: Ask, reply: Reply, stitched: Stitched | None) -> bool:
        body = deferred_ask(ask, reply, stitched)
        return self.spool.put(DEFERRED, body, priority=DEFERRED_PRIORITY)

    def _doubt(self, reply: Reply) -> None:
        row = self.journal.reply(reply.id)
        if row is not None:
            self.spool.put(KIND, edge_case(row), priority=UNSURE)


def deferred_ask(ask: Ask, reply: Reply, stitched: Stitched | None) -> dict[str, Any]:
    """Return the item for headquarters: the ask and what the store found for it, masked.

    `masked` is the ask as given, `question` as it is understood in its thread, where that is
    another; both, and `passages`, carry numbered tokens for personal data.
    """
    standalone = asked_in_thread(stitched)
    passages = stitched.evidence.passages[:MOST_PASSAGES] if stitched else ()
    masking = masked_together([ask.text, standalone, *map(_shown, passages)])
    masked, question, *texts = masking.texts
    return {
        "reply": reply.id,
        "masked": masked,
        "question": question,
        "language": stitched.query.language if stitched else "en",
        "intent": reply.intent,
        "role": ask.role.value,
        "release": reply.release,
        "asked_at": ask.asked_at.isoformat(),
        "passages": [
            {"id": p.id, "title": p.title, "text": t} for p, t in zip(passages, texts, strict=True)
        ],
    }


def masking_of(ask: Ask, stitched: Stitched) -> Masking:
    """Return what the tokens of `deferred_ask` stand for, as far as the ask itself gave them."""
    return masked_together([ask.text, asked_in_thread(stitched)])


def asked_in_thread(stitched: Stitched | None) -> str:
    """Return the standalone question of a follow-up, or ''."""
    if stitched is None or not stitched.query.is_follow_up:
        return ""
    return stitched.query.standalone


def _shown(passage: Passage) -> str:
    return passage.text[:MOST_PASSAGE_CHARS]


def _is_unanswered(reply: Reply) -> bool:
    """Tell a hand-over that is no refusal: nobody at headquarters is to answer those later."""
    is_refused = any(policy.effect == "forbid" for policy in reply.policies)
    return reply.lane is LaneName.HANDOFF and reply.intent != OUT_OF_SCOPE and not is_refused
