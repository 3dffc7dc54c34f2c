"""Eight handhelds ask a real server at once, for minutes; then it is killed and comes back.

    python -m tests.bench.bench_serve [--minutes 10]     (make bench: half a minute; MINUTES=10)

Each handheld asks the next golden question as soon as it has its answer, streamed: a load no store
sees (50,000 asks a day over 1,600 stores are three an hour), to find what leaks, jams or fails.
"""

from __future__ import annotations

import argparse
import itertools
import json
import signal
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from appliance.config import load_settings
from appliance.wiring import open_journal
from tests.bench.bench_store import asks
from tests.builders.server import Running, running, start

AT_ONCE = 8
SETTINGS = "asks_per_minute = 0\n"  # all eight are one device on the loopback
WARM_UP_SHARE = 0.2  # of the run, before memory counts
EVERY_S = 2.0  # between readings of memory


@dataclass
class Heard:
    """What eight handhelds heard; appends are atomic."""

    first_ms: list[float] = field(default_factory=list)  # to the first sentence
    whole_ms: list[float] = field(default_factory=list)
    lanes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    memory: list[tuple[float, float]] = field(default_factory=list)  # share of the run, MiB


def bench_serve(minutes: float) -> dict[str, Any]:
    """Return the figures of one run."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "store"
        with running(home, settings=SETTINGS) as server:
            heard = _load(server, seconds=minutes * 60)
        back_s = _killed(home)
        rows = open_journal(load_settings(home)).verify()
    settled = [mib for share, mib in heard.memory if share >= WARM_UP_SHARE]
    half = len(settled) // 2
    return {
        "handhelds": AT_ONCE,
        "minutes": minutes,
        "asks": len(heard.whole_ms),
        "errors": dict(heard.errors),
        "lanes": dict(heard.lanes),
        "first_sentence_ms": _quantiles(heard.first_ms),
        "whole_ask_ms": _quantiles(heard.whole_ms),
        "memory_mib": {
            "after warm-up": round(float(np.mean(settled[:half])), 1),
            "second half": round(float(np.mean(settled[half:])), 1),
            "most": round(max(settled), 1),
        },
        "started_in_s": round(server.started_in_s, 2),
        "back_after_kill_s": round(back_s, 2),
        "journal_rows_verified": rows,
    }


def _load(server: Running, *, seconds: float) -> Heard:
    heard, texts = Heard(), itertools.cycle(asks())
    until, lock = time.monotonic() + seconds, threading.Lock()

    def handheld() -> None:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            while time.monotonic() < until:
                with lock:
                    text = next(texts)
                _ask(client, text, heard)

    threads = [threading.Thread(target=handheld) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    watched, begun = psutil.Process(server.process.pid), time.monotonic()
    while any(thread.is_alive() for thread in threads):
        mib = watched.memory_info().rss / 2**20
        heard.memory.append(((time.monotonic() - begun) / seconds, mib))
        time.sleep(min(EVERY_S, seconds / 20))
    for thread in threads:
        thread.join()
    return heard


def _ask(client: httpx.Client, text: str, heard: Heard) -> None:
    begun, first, event = time.monotonic(), 0.0, ""
    headers = {"accept": "text/event-stream"}
    try:
        with client.stream("POST", "/v1/ask", json={"text": text}, headers=headers) as answer:
            if answer.status_code != 200:
                heard.errors[str(answer.status_code)] += 1
                return
            for line in answer.iter_lines():
                event = line.removeprefix("event: ") if line.startswith("event: ") else event
                if event == "sentence" and not first:
                    first = time.monotonic()
                if event == "error" and line.startswith("data: "):
                    heard.errors[str(json.loads(line[6:])["code"])] += 1
                if event == "done" and line.startswith("data: "):
                    heard.lanes[str(json.loads(line[6:])["lane"])] += 1
    except httpx.HTTPError as exc:
        heard.errors[type(exc).__name__] += 1
        return
    heard.whole_ms.append((time.monotonic() - begun) * 1000)
    if first:
        heard.first_ms.append((first - begun) * 1000)


def _killed(home: Path) -> float:
    """Kill a store with signal 9 while it answers; return seconds until it is ready again."""
    server = start(home, settings=SETTINGS)
    asking = threading.Thread(
        target=lambda: _ask(httpx.Client(base_url=server.url), asks()[0], Heard())
    )
    asking.start()
    time.sleep(0.02)
    server.process.send_signal(signal.SIGKILL)
    server.process.wait(10)
    asking.join()
    with running(home, settings=SETTINGS) as again:
        return again.started_in_s


def _quantiles(values: list[float]) -> dict[str, float]:
    return {f"p{q}": round(float(np.percentile(values, q)), 1) for q in (50, 95, 99)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    print(json.dumps(bench_serve(parser.parse_args().minutes), indent=1))
