"""A disk that fills up under a serving store: told to who asks, and over once there is space."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx

from appliance.config import load_settings
from appliance.health import EVERY_S
from appliance.wiring import open_journal
from tests.builders.disks import small_disk
from tests.builders.server import running

QUESTION = {"text": "what is the return window for a blender"}
STREAM = {"accept": "text/event-stream"}
MOST_ASKS = 40
CHUNK = b"." * 4_096


def fill(ballast: Path) -> None:
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(CHUNK):
            pass


def until(holds: Callable[[], bool]) -> bool:
    """Wait as long as health may believe what it last saw, and once more."""
    given_up = time.monotonic() + 2 * EVERY_S
    while time.monotonic() < given_up:
        if holds():
            return True
        time.sleep(0.1)
    return False


def test_a_store_whose_disk_fills_up_says_so_stays_up_and_comes_back(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size="10m") as disk:
        home, ballast = disk / "store", disk / "ballast"
        with running(home) as server, httpx.Client(base_url=server.url, timeout=30) as http:
            first = http.post("/v1/ask", json=QUESTION).json()
            fill(ballast)

            answers = [http.post("/v1/ask", json=QUESTION) for _ in range(MOST_ASKS)]
            refused = [answer for answer in answers if answer.status_code != 200]
            assert refused
            assert {a.status_code for a in refused} == {503}
            problem = refused[-1].json()
            assert problem["code"] == "store_error"
            assert "the disk is full" in problem["detail"]
            assert problem["hint"] == "Free some space: df -h"
            streamed = http.post("/v1/ask", json=QUESTION, headers=STREAM)
            assert "store_error" in streamed.text
            assert "event: sentence" not in streamed.text
            assert "event: done" not in streamed.text

            assert until(lambda: http.get("/health/ready").status_code == 503)
            health = http.get("/health").json()
            assert (health["live"], health["ready"]) == (True, False)
            assert any("df -h" in fault for fault in health["faults"])
            assert http.get("/health/live").status_code == 200
            # What is read needs no space.
            assert http.get(f"/v1/threads/{first['thread']}").status_code == 200

            ballast.unlink()
            assert http.post("/v1/ask", json=QUESTION).status_code == 200
            assert until(lambda: http.get("/health/ready").status_code == 200)
            heard = [first, *(a.json() for a in answers if a.status_code == 200)]
        journal = open_journal(load_settings(home))
        assert journal.verify() > 0
        assert all(journal.reply(reply["id"]) for reply in heard)
        left = {path.name for path in home.iterdir()}
        assert {name for name in left if name.endswith(".part")} == set()
        journal.database.close()
