"""The life of an ask: every ask visits every stage, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from appliance.errors import BackroomError
from appliance.meter import Meter
from appliance.ports import Clock, Monitor
from appliance.records import Admitted, Ask, Prepared, Reply, Routed, Sentence, Stitched
from appliance.stages.admit import Admit
from appliance.stages.answer import Answer
from appliance.stages.audit import Audit
from appliance.stages.prepare import Prepare
from appliance.stages.route import Route
from appliance.stages.stitch import Stitch
from appliance.turns import Turns


@dataclass(frozen=True, slots=True)
class Listener:
    """Hears an ask's progress: route, evidence, then each governed sentence once journaled."""

    routed: Callable[[Routed], None]
    stitched: Callable[[Stitched], None]
    sentence: Callable[[Sentence], None]


@dataclass(frozen=True, slots=True)
class Unwatched:
    """`ports.Monitor` that hears nothing."""

    def answered(self, reply: Reply) -> None:
        """Forget it."""

    def failed(self, code: str) -> None:
        """Forget it."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The six stages, their meter, and who hears of it."""

    prepare: Prepare
    admit: Admit
    route: Route
    stitch: Stitch
    answer: Answer
    audit: Audit
    clock: Clock
    monitor: Monitor = Unwatched()
    turns: Turns = field(default_factory=Turns)

    def __call__(
        self,
        ask: Ask,
        *,
        reply_id: str = "",
        listener: Listener | None = None,
        found: Callable[[Stitched], None] | None = None,
    ) -> Reply:
        """Return the reply to `ask`, written down before anyone hears it.

        Args:
            ask: The question.
            reply_id: Of the reply to come; '' for a fresh one.
            listener: Hears the progress, and each governed sentence.
            found: Hears of the evidence alone.

        Raises:
            StoreError: The journal could not be written. What it does not hold was not said.
        """
        meter = Meter(self.clock.monotonic)
        try:
            reply = self._reply(ask, meter, reply_id, listener=listener, found=found)
        except Exception as exc:
            self.monitor.failed(exc.code if isinstance(exc, BackroomError) else "bug")
            raise
        with meter.measure("monitoring"):
            self.monitor.answered(reply)
        return replace(reply, times_ms=meter.times_ms())

    def _reply(
        self,
        ask: Ask,
        meter: Meter,
        reply_id: str,
        *,
        listener: Listener | None,
        found: Callable[[Stitched], None] | None,
    ) -> Reply:
        reply_id = reply_id or self.audit.new_id()
        say = None
        if listener:
            say = self.audit.aloud(listener.sentence, meter=meter, reply_id=reply_id)
        with self.turns.taken():
            stitched = self.evidence(ask, meter=meter, listener=listener)
            if found:
                found(stitched)
            verdict = self.answer(stitched, meter=meter, say=say and self._resting(say))
        return self.audit(verdict, meter=meter, reply_id=reply_id)

    def _resting(self, say: Callable[[Sentence], None]) -> Callable[[Sentence], None]:
        """Return `say` without a turn: it waits for the disk, and then for who listens."""

        def spoken(sentence: Sentence) -> None:
            with self.turns.rested():
                say(sentence)

        return spoken

    def evidence(self, ask: Ask, *, meter: Meter, listener: Listener | None = None) -> Stitched:
        """Run the stages before the answer."""
        with meter.measure("data_prep"):
            prepared: Prepared = self.prepare(ask)
        with meter.measure("policy"):
            admitted: Admitted = self.admit(prepared)
        with meter.measure("routing"):
            routed: Routed = self.route(admitted)
        if listener:
            listener.routed(routed)
        with meter.measure("context_stitching"):
            stitched: Stitched = self.stitch(routed)
        if listener:
            listener.stitched(stitched)
        return stitched
