"""A running server goes from one release to the next and back, and nobody who asks notices."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest

from appliance.clock import SystemClock
from appliance.config import Settings, load_settings
from appliance.live import read_standing
from appliance.wiring import open_journal
from sync.switch.install import install
from sync.switch.rehearsal import Rehearse
from sync.switch.switcher import Switcher
from sync.wire import SwitchReport
from sync.wire import SwitchState as S
from tests.builders.server import Running, running
from tests.builders.switches import QUICK, RING, ROOMY, Chain, demo_release

QUESTIONS = (
    "what time do we close on sunday",
    "how long do customers have to return opened headphones",
    "can I give 25% off to a silver customer",
    "how many LM-100004 do we have",
)
ASKERS = 3
LONGEST_S = 180.0


@dataclass
class Heard:
    """What associates saw while the store switched."""

    answers: list[tuple[str, float]] = field(default_factory=list)  # release, seconds
    refused: list[str] = field(default_factory=list)

    def slowest_s(self, since: int) -> float:
        return max((s for _, s in self.answers[since:]), default=0.0)


@contextmanager
def asking(url: str) -> Iterator[Heard]:
    """Ask without a pause from several handhelds while the block runs."""
    heard, ended = Heard(), threading.Event()

    def ask(number: int) -> None:
        with httpx.Client(base_url=url, timeout=60) as http:
            while not ended.is_set():
                number += 1
                begun = time.perf_counter()
                answer = http.post("/v1/ask", json={"text": QUESTIONS[number % len(QUESTIONS)]})
                if answer.status_code == 200:
                    took_s = time.perf_counter() - begun
                    heard.answers.append((answer.json()["release"], took_s))
                else:
                    heard.refused.append(answer.text)
                ended.wait(0.05)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(ASKERS)]
    for thread in threads:
        thread.start()
    try:
        yield heard
    finally:
        ended.set()
        for thread in threads:
            thread.join(60)


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    releases = [demo_release(tmp_path / f"v{n}", f"v{n}", n) for n in (1, 2)]
    made = Chain.at(tmp_path / "hq", SystemClock(), *releases)
    made.promote("v2")
    return made


@contextmanager
def served(chain: Chain, home: Path) -> Iterator[tuple[Running, Settings]]:
    said = f'release = "{chain.folder.parent / "v1"}"\nasks_per_minute = 0\n'
    with running(home, settings=said) as server:
        yield server, load_settings(home)


def until(holds: Callable[[], bool], what: str) -> None:
    given_up = time.monotonic() + LONGEST_S
    while not holds():
        assert time.monotonic() < given_up, what
        time.sleep(0.1)


def reach(step: Callable[[], SwitchReport], state: S) -> SwitchReport:
    report = step()
    given_up = time.monotonic() + LONGEST_S
    while report.state is not state and time.monotonic() < given_up:
        time.sleep(0.2)
        report = step()
    assert report.state is state, report
    return report


def test_a_serving_store_switches_forth_and_back_and_no_ask_is_refused(
    tmp_path: Path, chain: Chain
) -> None:
    home = tmp_path / "store"
    with served(chain, home) as (server, settings), asking(server.url) as heard:
        switch = Switcher(
            settings,
            SystemClock(),
            ring=RING,
            limits=QUICK,
            rehearse=Rehearse(settings),
            machine_of=lambda _: ROOMY,
        )
        client = chain.client(home)
        memory = psutil.Process(server.process.pid).memory_info
        until(lambda: len(heard.answers) > 40, "nobody was answered")
        before = {"mib": memory().rss / 2**20, "slowest_s": heard.slowest_s(0)}

        at, begun = len(heard.answers), time.perf_counter()
        report = reach(lambda: switch.step(client), S.PROBATION)
        forth_s = time.perf_counter() - begun
        assert (report.live, report.previous) == ("v2", "v1")
        until(lambda: heard.answers[-1][0] == "v2", "v2 never answered")
        during = heard.slowest_s(at)

        at = len(heard.answers)
        chain.repo.rollback(RING, "v1")
        assert reach(lambda: switch.step(client), S.BACK).live == "v1"
        until(lambda: heard.answers[-1][0] == "v1", "v1 never answered again")
        until(lambda: len(heard.answers) > at + 40, "nobody was answered any more")
        told = httpx.get(f"{server.url}/metrics").text
        after_mib = memory().rss / 2**20
    print(
        f"forth in {forth_s:.1f} s (rehearsal included), slowest ask {during:.2f} s"
        f" ({before['slowest_s']:.2f} s before); {before['mib']:.0f} MiB before,"
        f" {after_mib:.0f} MiB after two switches, {len(heard.answers)} asks"
    )
    assert heard.refused == []
    releases = [release for release, _ in heard.answers]
    assert set(releases) == {"v1", "v2"}
    # Figures go on over a switch, and one release is told at a time.
    assert told.count("backroom_info{") == 1
    journal = open_journal(settings)
    assert journal.verify() >= len(heard.answers)
    journal.database.close()


def test_a_release_that_crashes_the_server_is_left_by_the_third_start_without_any_agent(
    tmp_path: Path, chain: Chain
) -> None:
    home = tmp_path / "store"
    with served(chain, home) as (_, settings):
        switch = Switcher(
            settings, SystemClock(), ring=RING, limits=QUICK, machine_of=lambda _: ROOMY
        )
        client = chain.client(home)
        reach(lambda: switch.step(client), S.PROBATION)
    for _ in range(3):  # the end above was in order: it does not count
        with served(chain, home) as (server, _):
            assert httpx.get(f"{server.url}/health").json()["release"] == "v2"
            server.process.kill()
    with served(chain, home) as (server, _):
        assert httpx.get(f"{server.url}/health").json()["release"] == "v1"
        assert "3 starts" in read_standing(home).left
        report = switch.step(client)
        assert (report.state, report.live, report.candidate) == (S.BACK, "v1", "v2")
        assert "3 starts" in report.why


def test_a_release_comes_from_a_stick_into_a_serving_store(tmp_path: Path, chain: Chain) -> None:
    from sync.publish.media import copy_media

    copy_media(chain.repo, tmp_path / "stick", release="v2")
    home, states = tmp_path / "store", []
    with served(chain, home) as (server, settings):
        report = install(
            settings,
            tmp_path / "stick",
            ring=RING,
            root=chain.root,
            clock=SystemClock(),
            told=lambda r: states.append(r.state),
        )
        assert (report.state, report.live) == (S.PROBATION, "v2")
        assert states[0] is S.OFFERED
        assert httpx.get(f"{server.url}/health").json()["release"] == "v2"
