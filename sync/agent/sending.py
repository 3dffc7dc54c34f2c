"""What the store owes goes up: sealed, sent from where it was left, forgotten once it is kept.

An item leaves the spool only when the batch it is in was acknowledged. Killed anywhere, the next
start finds the batch sealed, or the items in the spool, or both; each item has one name for ever,
so that what arrives twice is kept once.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from appliance.errors import LineDown
from appliance.ports import Clock
from appliance.store.spool import SqliteSpool
from sync.agent.batches import MOST_JSON_BYTES, Batch, Batches, is_too_long
from sync.agent.errors import HubRefused
from sync.agent.line import Line
from sync.agent.tokens import Tokens
from sync.wire import BATCH_AGE_S, BATCHES, PIECE_BYTES, BatchState

KEPT, QUARANTINED = "kept", "quarantined"
MOST_BATCHES = 100  # at one call
MOST_STEPS = 400  # of one batch: pieces sent, answers lost and begun again
# Somebody waits for the answer to an item of this value: it does not wait for company.
URGENT = 5
MOST_ITEMS = 2_000
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Sending:
    """Seals and sends; one at a time."""

    spool: SqliteSpool
    batches: Batches
    line: Line
    tokens: Tokens
    clock: Clock
    # Halved when headquarters could not read a batch, so that one item it cannot read is found
    # and given up alone.
    most_items: int = field(default=MOST_ITEMS, init=False)

    def __call__(self, *, is_wanted: bool = False) -> int:
        """Send what is due; return how many items headquarters has now that it had not before.

        Args:
            is_wanted: Headquarters asked for it: nothing waits for company.

        Raises:
            BackroomError: The line, the disk or the store's database failed; call it again.
        """
        sent, under_way = 0, list(self.batches.sealed())
        for _ in range(MOST_BATCHES):
            for batch in under_way:
                sent += self._send(batch)
            sealed = self._sealed(is_wanted=is_wanted)
            if sealed is None:
                break
            under_way = [sealed]
        return sent

    def _sealed(self, *, is_wanted: bool) -> Batch | None:
        """Seal the next batch, if one is due; those before it have arrived."""
        if not self._is_due(is_wanted=is_wanted):
            return None
        owing = self.spool.owing(most_bytes=MOST_JSON_BYTES, most_items=self.most_items)
        for item in owing:
            if is_too_long(item):
                log.error("agent: item %s fits no batch; it is given up", item.id)
                self.spool.give_up(item.id)
        fitting = [item for item in owing if not is_too_long(item)]
        return self.batches.seal(fitting) if fitting else None

    def _is_due(self, *, is_wanted: bool) -> bool:
        found = self.spool.counted()
        if not found.items:
            return False
        if is_wanted or found.most_valuable >= URGENT or found.bytes >= MOST_JSON_BYTES:
            return True
        if found.oldest_at is None:
            return False
        age_s = (self.clock.now() - found.oldest_at).total_seconds()
        return age_s >= BATCH_AGE_S or age_s < 0  # put back: nobody knows how old it is

    def _send(self, batch: Batch) -> int:
        """Send one batch to its end; return how many of its items were still in the spool."""
        state = self._asked(batch)
        for _ in range(MOST_STEPS):
            if state.state == KEPT:
                return self._kept(batch)
            if state.state == QUARANTINED:
                self._refused(batch, state.why)
                return 0
            state = self._piece(batch, state.have)
        raise LineDown(f"Batch {batch.sha256[:12]} did not arrive in {MOST_STEPS} steps.")

    def _asked(self, batch: Batch) -> BatchState:
        path = f"{BATCHES}/{batch.sha256}"
        return self.tokens.used(lambda t: self.line.call("GET", path, BatchState, token=t))

    def _piece(self, batch: Batch, have: int) -> BatchState:
        total = len(batch.content)
        offset = have if 0 <= have < total else 0
        piece = batch.content[offset : offset + PIECE_BYTES]
        params = {"offset": str(offset), "total": str(total)}
        path = f"{BATCHES}/{batch.sha256}"
        try:
            return self.tokens.used(
                lambda t: self.line.call(
                    "PUT", path, BatchState, content=piece, params=params, token=t
                )
            )
        except HubRefused as exc:
            raise LineDown(f"Headquarters refuses a piece: {exc.message}", hint=exc.hint) from exc

    def _kept(self, batch: Batch) -> int:
        # The spool first: killed in between, the batch is asked for again, and is kept already.
        removed = self.spool.remove(batch.items)
        self.batches.drop(batch.sha256)
        self.most_items = MOST_ITEMS
        log.info("agent: batch %s, %d items, is kept", batch.sha256[:12], len(batch.items))
        return removed

    def _refused(self, batch: Batch, why: str) -> None:
        """Put a batch aside that cannot be read there; its items go again, in smaller company."""
        log.error("agent: headquarters cannot read batch %s: %s", batch.sha256[:12], why)
        self.batches.put_aside(batch.sha256)
        if len(batch.items) == 1:
            self.spool.give_up(batch.items[0])
        self.most_items = max(1, len(batch.items) // 2)
