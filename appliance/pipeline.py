"""The life of an ask: every ask visits every stage, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from appliance.meter import Meter
from appliance.ports import Clock
from appliance.records import Admitted, Ask, Prepared, Reply, Routed, Sentence, Stitched
from appliance.stages.admit import Admit
from appliance.stages.answer import Answer
from appliance.stages.audit import Audit
from appliance.stages.prepare import Prepare
from appliance.stages.route import Route
from appliance.stages.stitch import Stitch


@dataclass(frozen=True, slots=True)
class Listener:
    """Hears an ask's progress: route, evidence, then each governed sentence once journaled."""

    routed: Callable[[Routed], None]
    stitched: Callable[[Stitched], None]
    sentence: Callable[[Sentence], None]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The six stages and their meter."""

    prepare: Prepare
    admit: Admit
    route: Route
    stitch: Stitch
    answer: Answer
    audit: Audit
    clock: Clock

    def __call__(self, ask: Ask, *, reply_id: str = "", listener: Listener | None = None) -> Reply:
        """Return the reply to `ask`, written down before anyone hears it.

        Raises:
            StoreError: The journal could not be written. What it does not hold was not said.
        """
        meter = Meter(self.clock.monotonic)
        stitched = self.evidence(ask, meter=meter, listener=listener)
        reply_id = reply_id or self.audit.new_id()
        say = None
        if listener:
            say = self.audit.aloud(listener.sentence, meter=meter, reply_id=reply_id)
        verdict = self.answer(stitched, meter=meter, say=say)
        return self.audit(verdict, meter=meter, reply_id=reply_id)

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
