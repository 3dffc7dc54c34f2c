"""`ports.Generalist`: the fake and the line to a hub keep the same promises."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.errors import LineDown
from appliance.ports import Generalist
from tests.builders.agents import agent_ends, enrolled
from tests.fakes.hub import ScriptedHub, scripted_hub
from tests.fakes.ports import FakeLine

MESSAGES = ({"role": "user", "content": "How long?"},)
PIECES = ["Within ", "30 ", "days [1]."]
Make = Callable[[list[str]], Generalist]


@pytest.fixture
def hub() -> Iterator[ScriptedHub]:
    with scripted_hub() as hub:
        yield hub


@pytest.fixture(params=["fake", "hub"])
def make(request: pytest.FixtureRequest, tmp_path: Path, hub: ScriptedHub) -> Iterator[Make]:
    if request.param == "fake":

        def faked(pieces: list[str]) -> Generalist:
            cut = pieces.index("<cut>") if "<cut>" in pieces else None
            return FakeLine("".join(p for p in pieces if p != "<cut>") + "…", breaks_after=cut)

        yield faked
        return
    enrolled(tmp_path, hub.url)
    with agent_ends(tmp_path) as ends:

        def real(pieces: list[str]) -> Generalist:
            hub.chat = pieces
            return ends.generalist()

        yield real


def test_a_line_says_whether_it_is_one(make: Make) -> None:
    assert make([]).is_configured
    assert make([]).resting() == ""


def test_the_answer_comes_in_pieces_that_are_the_whole(make: Make) -> None:
    found = list(make(PIECES).stream(MESSAGES, deadline_s=5))
    assert len(found) >= 3
    assert "".join(found).startswith("Within 30 days [1].")


def test_one_that_breaks_off_raises_after_what_it_said(make: Make) -> None:
    pieces = make(["Within ", "<cut>", "x"]).stream(MESSAGES, deadline_s=5)
    assert next(pieces).strip() == "Within"
    with pytest.raises(LineDown):
        list(pieces)


def test_who_has_heard_enough_may_hang_up(make: Make) -> None:
    line = make(PIECES)
    pieces = line.stream(MESSAGES, deadline_s=5)
    next(pieces)
    pieces.close()
    assert list(line.stream(MESSAGES, deadline_s=5))


def test_the_deadline_is_kept_whatever_the_hub_does(tmp_path: Path, hub: ScriptedHub) -> None:
    enrolled(tmp_path, hub.url)
    with agent_ends(tmp_path) as ends:
        ends.tokens.current()
        for fault in ("stall", ""):
            hub.pause_s = 0.0 if fault else 0.3
            hub.chat = ["a "] * 50
            if fault:
                hub.befall("/v1/chat", fault)
            begun = time.monotonic()
            with pytest.raises(LineDown, match="did not answer within"):
                list(ends.generalist().stream(MESSAGES, deadline_s=0.5))
            assert time.monotonic() - begun < 1.5  # far under the 2 s and 15 s the hub takes
