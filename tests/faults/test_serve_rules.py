"""Files replaced under a serving store: bad rules change nothing, no ask meets half a release."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.builders.releases import cut, damage, linked_release, text
from tests.builders.server import Running, Way, running

QUESTION = {"text": "can I give 25% off to a silver customer"}
RULES, INDEX, GGUF = "rules/promises.cedar", "index.db", "specialist/specialist.gguf"
LONGEST_S = 10.0


@dataclass(frozen=True)
class Serving:
    """A store over a release that can be hurt, and its log."""

    server: Running
    release: Path
    log: Path

    def ask(self) -> str:
        answer = httpx.post(f"{self.server.url}/v1/ask", json=QUESTION, timeout=30)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["text"])

    def hang_up(self, *, until: str) -> None:
        """Send SIGHUP; return once the log says `until` again."""
        before = self.log.read_text().count(until)
        self.server.process.send_signal(signal.SIGHUP)
        given_up = time.monotonic() + LONGEST_S
        while self.log.read_text().count(until) == before:
            assert time.monotonic() < given_up, self.log.read_text()
            time.sleep(0.02)


@contextmanager
def put_back(path: Path) -> Iterator[None]:
    """Put what a path linked to in its place again after the block."""
    whole = path.readlink()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        path.symlink_to(whole)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("rules")
    release, log = linked_release(folder / "release"), folder / "log"
    way = Way(("--release", str(release)), log=log)
    with running(folder / "store", way=way) as server:
        yield Serving(server, release, log)


@pytest.mark.parametrize("how", [cut, text], ids=["cut", "text"])
def test_bad_rules_at_a_hangup_leave_the_last_good_ones_in_force(
    serving: Serving, how: object
) -> None:
    before = serving.ask()
    with put_back(serving.release / RULES):
        damage(serving.release, RULES, how)  # type: ignore[arg-type]
        serving.hang_up(until="the last good ones stay in force")
        assert serving.ask() == before
    serving.hang_up(until="Rules reloaded.")
    assert serving.ask() == before
    assert "Traceback" not in serving.log.read_text()
    assert "promises.cedar:" in serving.log.read_text()  # which file, and in it which line


@pytest.mark.parametrize("part", [INDEX, GGUF])
def test_a_part_replaced_under_a_store_is_read_with_the_next_start_only(
    serving: Serving, part: str
) -> None:
    before = serving.ask()
    with put_back(serving.release / part):
        damage(serving.release, part, text)
        assert serving.ask() == before
        asked = httpx.post(f"{serving.server.url}/v1/ask", json={"text": "return a tent"})
        assert asked.status_code == 200
        assert httpx.get(f"{serving.server.url}/health/ready").status_code == 200
