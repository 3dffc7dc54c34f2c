"""Golden probes put to a release that is not live: does it answer rightly, and in time?"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from appliance.errors import BackroomError
from appliance.holding import holds
from appliance.records import Reply

TRIES = 2  # of each probe; the quicker counts: the live store may have had the core
MOST_PROBES = 50


@dataclass(frozen=True, slots=True)
class Probed:
    """How one probe went."""

    text: str
    lane: str
    s: float
    fault: str = ""


def probe(
    ask: Callable[[str], Reply],
    probes: Sequence[Mapping[str, Any]],
    *,
    most_s: float,
    monotonic: Callable[[], float] = time.perf_counter,
) -> tuple[Probed, ...]:
    """Ask a release its own probes.

    Args:
        ask: Puts a question to it.
        probes: Of its manifest: `text`, and what the answer `holds` and which `lanes` may give it.
        most_s: Slowest answer allowed.
        monotonic: Seconds that never go back.
    """
    return tuple(_probed(ask, one, most_s, monotonic) for one in probes[:MOST_PROBES])


def _probed(
    ask: Callable[[str], Reply],
    one: Mapping[str, Any],
    most_s: float,
    monotonic: Callable[[], float],
) -> Probed:
    text, took = str(one.get("text", "")), []
    for _ in range(TRIES):
        begun = monotonic()
        try:
            reply = ask(text)
        except BackroomError as exc:
            return Probed(text, "", monotonic() - begun, exc.message)
        took.append(monotonic() - begun)
        if fault := _fault(reply, one):
            return Probed(text, reply.lane.value, min(took), fault)
    if min(took) > most_s:
        late = f"took {min(took):.2f} s, {most_s:g} s are allowed"
        return Probed(text, reply.lane.value, min(took), late)
    return Probed(text, reply.lane.value, min(took))


def _fault(reply: Reply, one: Mapping[str, Any]) -> str:
    lacking = [wanted for wanted in one.get("holds", ()) if not holds(reply.text, str(wanted))]
    if lacking:
        return f"{' and '.join(map(str, lacking))} is not in {reply.text[:90]!r}"
    lanes = one.get("lanes", ())
    if lanes and reply.lane.value not in lanes:
        return f"{reply.lane.value} answered, expected {' or '.join(lanes)}"
    return ""
