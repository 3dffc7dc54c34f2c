"""The line: every fault of a hub becomes one of ours, and a dead one is known in no time."""

from __future__ import annotations

import time

import pytest

from appliance.errors import LineDown, LineResting
from sync.agent.ends import Ends
from sync.agent.errors import HubFailed, HubRefused
from tests.fakes.hub import ScriptedHub

HEALTH = "/health"


def look(ends: Ends) -> dict[str, bool]:
    return ends.line.call("GET", HEALTH, dict, timeout_s=1.0)


def test_an_answer_is_read_and_its_bytes_are_counted(hub: ScriptedHub, ends: Ends) -> None:
    assert look(ends) == {"live": True}
    assert ends.line.counts.up > 0
    assert ends.line.counts.down > ends.line.counts.up


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("500", HubFailed), ("503", HubFailed), ("404", HubRefused), ("403", HubRefused),
     ("cut", LineDown), ("garbage", (HubFailed, LineDown))],
)  # fmt: skip
def test_whatever_a_hub_does_is_told_as_an_error_of_ours(
    hub: ScriptedHub, ends: Ends, fault: str, kind: type[Exception] | tuple[type[Exception], ...]
) -> None:
    hub.befall(HEALTH, fault)
    with pytest.raises(kind):
        look(ends)
    assert look(ends) == {"live": True}


def test_a_refusal_carries_its_reason(hub: ScriptedHub, ends: Ends) -> None:
    hub.befall(HEALTH, "403")
    with pytest.raises(HubRefused, match="Trouble") as caught:
        look(ends)
    assert (caught.value.status, caught.value.reason) == (403, "trouble")


def test_two_failures_open_the_breaker_and_chat_is_refused_in_under_a_millisecond(
    hub: ScriptedHub, ends: Ends
) -> None:
    hub.befall(HEALTH, "500", "500")
    for _ in range(2):
        with pytest.raises(HubFailed):
            look(ends)

    took = []
    for _ in range(200):
        begun = time.perf_counter()
        with pytest.raises(LineResting, match="its breaker is open"):
            ends.line.breaker.check(is_chat=True)
        took.append(time.perf_counter() - begun)

    assert sorted(took)[100] < 0.001  # the median: a shared machine may take a turn away
    assert hub.asked[f"GET {HEALTH}"] == 2


def test_an_open_breaker_lets_one_job_probe_after_its_wait_and_closes_when_that_is_well(
    hub: ScriptedHub, ends: Ends
) -> None:
    from sync.agent.breaker import LineBreaker
    from tests.fakes.clock import FakeClock

    clock = FakeClock()
    breaker = ends.line.breaker = LineBreaker(clock.monotonic)
    hub.befall(HEALTH, "500", "500", "500")
    for _ in range(2):
        with pytest.raises(HubFailed):
            look(ends)
    with pytest.raises(LineResting):
        look(ends)
    clock.advance(6)
    with pytest.raises(HubFailed):
        look(ends)  # the probe
    clock.advance(6)
    with pytest.raises(LineResting):
        look(ends)  # its wait has doubled
    clock.advance(6)
    assert look(ends) == {"live": True}
    assert breaker.is_closed


def test_a_refusal_says_that_the_hub_is_there(hub: ScriptedHub, ends: Ends) -> None:
    hub.befall(HEALTH, *["403"] * 6)
    for _ in range(6):
        with pytest.raises(HubRefused):
            look(ends)
    assert ends.line.breaker.is_closed


def test_a_hub_that_is_not_there_is_a_line_that_is_down(ends: Ends) -> None:
    ends.line.hub = "http://127.0.0.1:9"
    with pytest.raises(LineDown, match="does not answer") as caught:
        look(ends)
    assert "/health" in caught.value.hint
