"""Tokens: chained durably before use, asked for again when spent, honest about clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.errors import LineDown
from sync.agent import memory
from sync.agent.ends import Ends
from sync.agent.errors import TurnedAway
from sync.wire import BEAT, TOKEN, BeatAnswer
from tests.builders.agents import agent_ends, enrolled
from tests.fakes.clock import FakeClock
from tests.fakes.hub import ScriptedHub


def test_a_token_is_asked_for_once_and_kept_while_it_lives(hub: ScriptedHub, ends: Ends) -> None:
    assert ends.tokens.current() == ends.tokens.current() == "token-1"
    assert hub.asked[f"POST {TOKEN}"] == 1


def test_each_request_shows_the_chain_of_the_last_grant(hub: ScriptedHub, ends: Ends) -> None:
    ends.tokens.current()
    ends.tokens.renew()
    assert hub.chains == ["", "chain-1"]
    assert memory.Chain(ends.folder).read() == "chain-2"


def test_a_grant_whose_answer_was_lost_is_followed_by_the_chain_before_it(
    hub: ScriptedHub, ends: Ends
) -> None:
    ends.tokens.current()
    hub.befall(TOKEN, "lost")
    with pytest.raises(LineDown):
        ends.tokens.renew()
    ends.tokens.renew()
    assert hub.chains == ["", "chain-1", "chain-1"]


def test_a_grant_whose_chain_the_disk_does_not_take_is_not_used(
    hub: ScriptedHub, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, _content: str) -> None:
        raise memory.BadInput(f"{path}: No space left on device.")

    monkeypatch.setattr(memory, "write_secret", full)
    with pytest.raises(LineDown, match="is not used"):
        ends.tokens.current()
    monkeypatch.undo()
    assert ends.tokens.current() == "token-2"
    assert hub.chains == ["", ""]


@pytest.mark.parametrize("year", [1970, 2040])
def test_a_clock_that_is_decades_off_is_allowed_for_and_not_set(
    hub: ScriptedHub, tmp_path: Path, year: int
) -> None:
    enrolled(tmp_path, hub.url)
    machine = FakeClock(datetime(year, 1, 1, 3, 4, tzinfo=UTC))

    with agent_ends(tmp_path, clock=machine) as ends:
        ends.tokens.current()
        assert abs((ends.clock.now() - datetime.now(UTC)).total_seconds()) < 60
        assert machine.now().year == year
    with agent_ends(tmp_path, clock=machine) as ends:  # and is still allowed for at the next start
        ends.tokens.renew()
    assert hub.asked[f"POST {TOKEN}"] == 3


def test_a_token_the_hub_does_not_take_is_asked_for_anew_once(hub: ScriptedHub, ends: Ends) -> None:
    def work(token: str) -> BeatAnswer:
        return ends.line.call("GET", "/v1/answers", BeatAnswer, params={"after": "0"}, token=token)

    ends.tokens.current()
    hub.tokens.clear()
    with pytest.raises(LineDown):  # it is no beat's answer, so the second time it was let in
        ends.tokens.used(work)
    assert hub.asked[f"POST {TOKEN}"] == 2


def test_a_device_that_is_turned_away_asks_seldom_and_is_as_if_the_line_were_down(
    hub: ScriptedHub, tmp_path: Path
) -> None:
    enrolled(tmp_path, hub.url)
    clock = FakeClock(datetime.now(UTC))
    with agent_ends(tmp_path, clock=clock) as ends:
        hub.befall(TOKEN, "403", "403")
        for _ in range(5):
            with pytest.raises(TurnedAway, match="turns this device away"):
                ends.tokens.current()
        assert hub.asked[f"POST {TOKEN}"] == 1
        clock.advance(301)
        with pytest.raises(TurnedAway):
            ends.tokens.current()
        clock.advance(301)
        hub.now = clock.now
        assert ends.tokens.current() == "token-1"


def test_another_process_uses_the_agents_token_and_asks_for_none(
    hub: ScriptedHub, ends: Ends
) -> None:
    from appliance.config import Settings
    from sync.agent.ends import open_ends

    other = open_ends(Settings(home=ends.folder.home))
    with pytest.raises(LineDown, match="another process"):
        other.tokens.current()
    token = ends.tokens.current()
    assert other.tokens.current() == token
    assert ends.folder.token.stat().st_mode & 0o777 == 0o600
    other.close()


def test_a_token_that_ends_soon_is_renewed_before_it_does(hub: ScriptedHub, tmp_path: Path) -> None:
    enrolled(tmp_path, hub.url)
    clock = FakeClock(datetime.now(UTC))
    with agent_ends(tmp_path, clock=clock) as ends:
        ends.tokens.current()
        assert not ends.tokens.is_due
        clock.advance(hub.token_s - 200)
        assert ends.tokens.is_due
        clock.advance(150)
        hub.now = clock.now
        assert ends.tokens.current() == "token-2"
    assert BEAT not in str(hub.asked)


def test_a_clock_put_right_while_it_runs_is_believed_by_the_next_answer(
    hub: ScriptedHub, tmp_path: Path
) -> None:
    enrolled(tmp_path, hub.url)
    machine = FakeClock(datetime(1970, 1, 1, tzinfo=UTC))
    with agent_ends(tmp_path, clock=machine) as ends:
        ends.tokens.current()
        machine.at = datetime.now(UTC) - timedelta(seconds=machine.elapsed_s)
        ends.tokens.renew()
        assert ends.memory.known.offset_s == 0.0
