"""The line to headquarters' gateway: what goes up, and what never keeps an ask."""

from __future__ import annotations

import threading
import time

import pytest

from appliance.errors import LineDown, LineResting
from sync.agent.ends import Ends
from sync.agent.errors import HubFailed
from sync.agent.generalist import HubGeneralist, read_pieces
from sync.wire import DEADLINE_HEADER
from tests.fakes.hub import ScriptedHub

MESSAGES = ({"role": "user", "content": "How long?"},)


def ask(line: HubGeneralist, deadline_s: float = 5.0) -> str:
    return "".join(line.stream(MESSAGES, deadline_s=deadline_s))


def test_the_hub_is_told_the_deadline_and_asked_for_a_stream(hub: ScriptedHub, ends: Ends) -> None:
    ask(ends.generalist(), 5.0)
    (chat,) = hub.chats
    assert (chat["stream"], chat["messages"], chat["model"]) == (True, [*MESSAGES], "generalist")
    told = [int(h[DEADLINE_HEADER]) for h in hub.headers if DEADLINE_HEADER in h]
    assert 4_000 < told[0] <= 5_000


def test_an_open_breaker_is_answered_at_once_and_the_hub_is_not_asked(
    hub: ScriptedHub, ends: Ends
) -> None:
    for _ in range(2):
        ends.line.breaker.heard(failed=True)
    with pytest.raises(LineResting, match="breaker is open"):
        ask(ends.generalist())
    assert hub.chats == []


def test_a_full_line_sends_the_next_ask_down_its_ladder(hub: ScriptedHub, ends: Ends) -> None:
    hub.pause_s = 0.3
    line = HubGeneralist(ends.line, ends.tokens, clock=ends.clock, model="g", at_once=1)
    threads = [threading.Thread(target=ask, args=(line,)) for _ in range(1)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    with pytest.raises(LineResting, match="all at once"):
        ask(line)
    for thread in threads:
        thread.join()
    hub.pause_s = 0.0
    time.sleep(0.05)
    assert ask(line)


@pytest.mark.parametrize("status", ["429", "503"])
def test_a_gateway_that_wants_to_be_left_alone_is(
    hub: ScriptedHub, ends: Ends, status: str
) -> None:
    line = ends.generalist()
    hub.befall("/v1/chat", status)
    with pytest.raises(HubFailed):
        ask(line)
    with pytest.raises(LineResting, match="left alone"):
        ask(line)
    assert ends.line.breaker.is_closed  # the hub is there: beats and batches go on


def test_a_vendor_that_fails_opens_no_breaker_of_the_hubs(hub: ScriptedHub, ends: Ends) -> None:
    for _ in range(4):
        hub.befall("/v1/chat", "502")
        with pytest.raises(HubFailed):
            ask(ends.generalist())
    assert ends.line.breaker.is_closed


def test_a_refusal_is_a_line_that_is_down(hub: ScriptedHub, ends: Ends) -> None:
    hub.befall("/v1/chat", "413")
    with pytest.raises(LineDown, match="refused"):
        ask(ends.generalist())


def test_a_token_that_was_spent_is_replaced_within_the_ask(hub: ScriptedHub, ends: Ends) -> None:
    ends.tokens.current()
    hub.tokens.clear()
    assert ask(ends.generalist()) == "Within 30 days [1]."


def test_a_reader_ends_soon_after_nobody_listens(hub: ScriptedHub, ends: Ends) -> None:
    hub.chat, hub.pause_s = ["a "] * 100, 0.05
    pieces = ends.generalist().stream(MESSAGES, deadline_s=20)
    next(pieces)
    pieces.close()
    until = time.monotonic() + 5
    while any(t.name == "generalist" for t in threading.enumerate()):
        assert time.monotonic() < until
        time.sleep(0.01)
    assert ends.line.breaker.is_closed


@pytest.mark.parametrize(
    "lines",
    [["data: nonsense"], ['data: {"error": {"message": "budget"}}'], ["data: []"],
     ['data: {"choices": [1]}']],
)  # fmt: skip
def test_events_that_are_none_are_told(lines: list[str]) -> None:
    with pytest.raises(HubFailed):
        list(read_pieces(iter(lines)))


def test_a_stream_that_says_it_is_finished_needs_no_done() -> None:
    said = '{"choices": [{"delta": {"content": "Yes."}, "finish_reason": "stop"}]}'
    assert list(read_pieces(iter([f"data: {said}", ": comment", ""]))) == ["Yes."]
    with pytest.raises(LineDown, match="broke off"):
        list(read_pieces(iter(['data: {"choices": [{"delta": {"content": "Yes."}}]}'])))
