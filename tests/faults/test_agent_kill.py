"""Signal 9 to the agent at random moments, and a line that misbehaves: all arrives, and once."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from appliance.errors import BackroomError
from appliance.store.spool import SqliteSpool
from tests.builders.agents import a_sending, a_spool, agent_ends, enrolled
from tests.builders.line.rough import Weather
from tests.fakes.hub import ScriptedHub, scripted_hub

ROOT = Path(__file__).parents[2]
KILLS = 10
ITEMS = 40
MOST_ROUNDS = 200
# Seals and sends what is there, again and again, as the agent's job does.
SENDER = """
import sys
from pathlib import Path
from appliance.errors import BackroomError
from tests.builders.agents import a_sending, a_spool, agent_ends

home = Path(sys.argv[1])
spool = a_spool(home)
with agent_ends(home) as ends:
    ends.tokens.current()
    print("ready", flush=True)
    sending = a_sending(ends, spool)
    for _ in range(10_000):
        try:
            sending(is_wanted=True)
        except BackroomError:
            ends.line.breaker.heard(failed=False)
"""


@pytest.fixture
def hub() -> Iterator[ScriptedHub]:
    with scripted_hub() as hub:
        yield hub


@dataclass
class Line:
    """A rough line in a process of its own."""

    process: subprocess.Popen[str]
    url: str = ""

    def told(self, weather: Weather) -> dict[str, int]:
        """Set the weather; return what has befallen the line so far."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asdict(weather)) + "\n")
        self.process.stdin.flush()
        return dict(json.loads(self.process.stdout.readline()))


@contextmanager
def rough(to: str, weather: Weather) -> Iterator[Line]:
    program = [sys.executable, "-m", "tests.builders.line.rough", "127.0.0.1:0", to]
    pipe = subprocess.PIPE
    with subprocess.Popen(program, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        host, port = json.loads(process.stdout.readline())
        line = Line(process, f"http://{host}:{port}")
        line.told(weather)
        try:
            yield line
        finally:
            process.kill()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[SqliteSpool]:
    spool = a_spool(tmp_path)
    yield spool
    spool.database.close()


def put(spool: SqliteSpool, first: int, count: int) -> None:
    for n in range(first, first + count):
        noise = random.Random(n).randbytes(60_000).hex()
        spool.put("edge_case", {"n": n, "noise": noise}, priority=n % 3)


def arrived(hub: ScriptedHub) -> Counter[int]:
    return Counter(body["n"] for body in hub.bodies.values())


def killed_after(home: Path, after_s: float) -> None:
    sender = subprocess.Popen(
        [sys.executable, "-c", SENDER, str(home)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert sender.stdout is not None
    try:
        assert sender.stdout.readline() == "ready\n"
        time.sleep(after_s)
    finally:
        sender.send_signal(signal.SIGKILL)
        sender.wait(10)
        sender.stdout.close()


def finished(home: Path, spool: SqliteSpool) -> None:
    """Send what is left, as often as the line wants it."""
    with agent_ends(home) as ends:
        sending = a_sending(ends, spool)
        for _ in range(MOST_ROUNDS):
            try:
                sending(is_wanted=True)
            except BackroomError:
                ends.line.breaker.heard(failed=False)
                continue
            if not spool.counted().items:
                return
    raise AssertionError("it never came to its end")


def test_killed_at_random_moments_the_agent_loses_nothing_and_sends_nothing_twice(
    hub: ScriptedHub, tmp_path: Path, spool: SqliteSpool
) -> None:
    enrolled(tmp_path, hub.url)
    moments = random.Random(20_261_127)

    for kill in range(KILLS):
        put(spool, kill * ITEMS, ITEMS)
        killed_after(tmp_path, moments.uniform(0.0, 0.4))
    finished(tmp_path, spool)

    assert sorted(arrived(hub)) == list(range(KILLS * ITEMS))
    assert set(arrived(hub).values()) == {1}  # under one name each
    assert spool.dropped() == 0
    assert len(hub.chains) == len(set(hub.chains)) or _follows(hub.chains)


def _follows(chains: list[str]) -> bool:
    """Tell whether each chain shown is the last grant's, or that of the request before it."""
    links = [int(c.rpartition("-")[2] or 0) for c in chains]
    return all(shown in {n, n - 1} for n, shown in enumerate(links))


@pytest.mark.parametrize(
    "weather",
    [
        Weather(cut=0.9, most_kib=2_000),
        Weather(truncated=0.9, most_kib=1_500),
        Weather(cut=0.9, replayed=1.0, most_kib=2_000),
        Weather(cut=0.8, truncated=0.3, altered=0.3, replayed=0.8, delay_s=0.001, most_kib=2_000),
    ],
    ids=["cut", "truncated", "replayed", "everything"],
)
def test_over_a_line_that_misbehaves_everything_arrives_under_one_name(
    hub: ScriptedHub, tmp_path: Path, spool: SqliteSpool, weather: Weather
) -> None:
    enrolled(tmp_path, hub.url)
    put(spool, 0, 60)
    host, port = hub.url.removeprefix("http://").split(":")
    with rough(f"{host}:{port}", weather) as line:
        identity = tmp_path / "agent" / "identity.json"
        plain = json.loads(identity.read_text())
        plain["hub"] = line.url
        identity.write_text(json.dumps(plain))
        finished(tmp_path, spool)
        befallen = line.told(weather)

    assert sum(befallen[what] for what in ("cut", "truncated", "altered", "replayed")) > 0
    assert sorted(arrived(hub)) == list(range(60))
    assert set(arrived(hub).values()) == {1}
    assert spool.dropped() == 0


def test_the_check_of_these_tests_finds_an_item_that_is_lost(
    hub: ScriptedHub, tmp_path: Path, spool: SqliteSpool
) -> None:
    enrolled(tmp_path, hub.url)
    put(spool, 0, 3)
    spool.remove([spool.owing(most_bytes=10**9)[0].id])  # what a careless agent would do
    finished(tmp_path, spool)
    assert len(arrived(hub)) == 2
