from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.config import DEMO_RELEASE, Settings
from appliance.errors import EngineError
from appliance.records import LaneName, Reply
from sync.switch import rehearsal
from sync.switch.probes import Probed, probe
from sync.switch.rehearsal import Rehearsal, Rehearse, read_told
from tests.builders.records import a_reply
from tests.builders.switches import PROBE, demo_release

SAID = "Returns are taken for 30 days with the receipt."


def _reply(lane: LaneName = LaneName.QUOTE) -> Reply:
    return replace(a_reply(), text=SAID, lane=lane)


class Watch:
    """Seconds that pass as told, one reading after the other."""

    def __init__(self, *took: float) -> None:
        self.at, self.took = 0.0, [x for t in took for x in (0.0, t)]

    def __call__(self) -> float:
        self.at += self.took.pop(0)
        return self.at


@pytest.mark.parametrize(
    ("one", "fault"),
    [
        ({"text": "t"}, ""),
        ({"text": "t", "holds": ["30 days|thirty days"]}, ""),
        ({"text": "t", "holds": ["45 days"]}, "45 days is not in"),
        ({"text": "t", "lanes": ["quote", "specialist"]}, ""),
        ({"text": "t", "lanes": ["lookup"]}, "quote answered, expected lookup"),
    ],
)
def test_a_probe_is_held_to_what_its_answer_says_and_who_gives_it(
    one: dict[str, object], fault: str
) -> None:
    (found,) = probe(lambda _: _reply(), [one], most_s=5.0)
    assert fault in found.fault
    assert bool(fault) is bool(found.fault)


def test_the_quicker_of_two_tries_counts() -> None:
    (slow,) = probe(lambda _: _reply(), [{"text": "t"}], most_s=1.0, monotonic=Watch(4.0, 2.0))
    (fine,) = probe(lambda _: _reply(), [{"text": "t"}], most_s=1.0, monotonic=Watch(4.0, 0.5))
    assert slow.fault == "took 2.00 s, 1 s are allowed"
    assert fine == Probed("t", "quote", 0.5)


def test_a_release_that_fails_an_ask_fails_its_probe() -> None:
    def ask(_: str) -> Reply:
        raise EngineError("The engine is closed.")

    (found,) = probe(ask, [{"text": "t"}], most_s=1.0)
    assert found.fault == "The engine is closed."


@pytest.mark.parametrize(
    ("status", "said", "why"),
    [
        (0, '{"fault": "", "probed": [{"s": 0.2}, {"s": 0.5}]}\n', ""),
        (0, '{"fault": "it is slow", "probed": []}', "it is slow"),
        (-11, "loading\n", "ended by SIGSEGV: loading"),
        (
            1,
            "Traceback …\nValueError: no such tensor\n",
            "ended with 1: ValueError: no such tensor",
        ),
        (0, "", "ended with 0"),
        (0, "[]", "ended with 0"),
    ],
)
def test_whatever_a_rehearsal_comes_to_is_told_in_one_line(
    status: int, said: str, why: str
) -> None:
    told = read_told(status, said)
    assert why in told.why
    assert bool(why) is bool(told.why)
    if not why:
        assert told == Rehearsal("", 2, 0.5)


def _home(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", release=DEMO_RELEASE)


def test_a_real_release_rehearses_in_a_process_and_a_home_of_its_own(tmp_path: Path) -> None:
    settings = _home(tmp_path)
    told = Rehearse(settings)(demo_release(tmp_path / "v2", "v2", 2))
    assert (told.why, told.probes) == ("", 1)
    assert told.slowest_s > 0
    assert list(settings.home.iterdir()) == []  # no journal row, no leftovers


def test_a_release_that_answers_a_probe_wrongly_is_not_let_through(tmp_path: Path) -> None:
    wrong = {**PROBE, "holds": ["never on sundays"]}
    told = Rehearse(_home(tmp_path))(demo_release(tmp_path / "v2", "v2", 2, probes=[wrong]))
    assert "never on sundays is not in" in told.why


def test_a_release_that_does_not_open_says_why(tmp_path: Path) -> None:
    release = demo_release(tmp_path / "v2", "v2", 2, parts={"router/drafts.json": b"{}"})
    assert Rehearse(_home(tmp_path))(release).why


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended by SIGSEGV"),
        ("import time; time.sleep(600)", "took more than"),
    ],
)
def test_a_crash_or_a_loop_in_it_touches_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, why: str
) -> None:
    real = rehearsal.subprocess.Popen
    monkeypatch.setattr(
        rehearsal.subprocess,
        "Popen",
        lambda command, **how: real([command[0], "-c", program], **how),
    )
    longest_s = 1.0 if "more" in why else 60.0
    told = Rehearse(_home(tmp_path), longest_s)(tmp_path)
    assert why in told.why
    assert signal.getsignal(signal.SIGSEGV) is signal.SIG_DFL
    assert os.getpid()


def test_its_settings_hold_what_an_answer_depends_on_and_no_more(tmp_path: Path) -> None:
    settings = replace(_home(tmp_path), store="0042", live_database='sqlite:///x"y.db')
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    rehearsal._write_settings(settings, scratch)
    told = (scratch / "backroom.toml").read_text(encoding="utf-8")
    assert "port" not in told
    assert (scratch / "backroom.toml").stat().st_mode & 0o77 == 0
    assert json.dumps(settings.live_database) in told
