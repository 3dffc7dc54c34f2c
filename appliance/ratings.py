"""Thumbs up and down: written into the journal, and owed to headquarters when one is down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from appliance.edge_cases import CALLED_WRONG, KIND, UNSURE, edge_case, is_called_wrong, is_unsure
from appliance.edge_cases import masked as without_personal
from appliance.ports import Clock, Journal
from appliance.records import Feedback, Principal, Thumb
from appliance.store.feedback import SqliteFeedback
from appliance.store.spool import SqliteSpool


@dataclass(frozen=True, slots=True)
class Ratings:
    """Takes what associates think of the replies they were given."""

    journal: Journal
    feedback: SqliteFeedback
    spool: SqliteSpool
    clock: Clock
    edge_case_under: float

    def __call__(
        self, reply_id: str, verdict: Thumb, *, text: str, principal: Principal
    ) -> Feedback | None:
        """Keep a verdict in the place of this person's earlier one; a repeat changes nothing.

        Returns:
            The verdict as kept, or None for a reply that is not there or was given to another.

        Raises:
            StoreError: It could not be written whole; to send it again completes it.
        """
        row = self.journal.reply(reply_id)
        if row is None or _owner(row) != principal.owner:
            return None
        feedback = Feedback(reply_id, verdict, without_personal(text.strip()))
        if feedback != self.feedback.of(reply_id, principal.owner):
            self._write(feedback, row, principal)
        return feedback

    def _write(self, feedback: Feedback, row: Mapping[str, Any], principal: Principal) -> None:
        # The table comes last: it is what tells a repeat, so whatever a power cut left undone
        # before it is done again when the handheld, which got no answer, sends it again.
        self.journal.append(
            "feedback",
            {
                "id": feedback.reply,
                "verdict": feedback.verdict.value,
                "text": feedback.text,
                "device": principal.device,
                "associate": principal.badge,
            },
        )
        self._owe(feedback, row)
        self.feedback.put(feedback, principal.owner, at=self.clock.now())

    def _owe(self, feedback: Feedback, row: Mapping[str, Any]) -> None:
        """Leave one edge case of the reply in the spool, or none: a thumb may turn up again."""
        self.spool.withdraw(KIND, reply=feedback.reply)
        reply = row["reply"]
        if is_called_wrong(feedback):
            self.spool.put(KIND, edge_case(row, feedback), priority=CALLED_WRONG)
        elif is_unsure(reply["lane"], reply["confidence"], under=self.edge_case_under):
            self.spool.put(KIND, edge_case(row, feedback), priority=UNSURE)


def _owner(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return to whom a reply was given; a row written before devices were is nobody's."""
    ask = row["ask"]
    return ask.get("device", ""), ask.get("associate", "")
