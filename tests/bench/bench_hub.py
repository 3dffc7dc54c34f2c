"""1,600 stores against one hub on this machine: its CPU, how fast it answers, how fast a push is.

    python -m tests.bench.bench_hub [--stores 1600] [--seconds 75] [--postgres]

Over the loopback and bounded in time. Each store holds a wake stream, beats once a minute, asks
for a token and sends a batch every quarter of an hour: 27 beats, 2 tokens and 2 batches a second.
Then a release is promoted to all, and each store fetches the timestamp it was woken for. The load
and the hub share the cores, so latencies are this machine's worst; the hub's CPU is its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil

from appliance.clock import SystemClock
from sync.hub.keys import read_signer
from sync.hub.ledger import Ledger
from sync.hub.migrate import migrate
from sync.hub.settings import load_settings
from sync.publish.repository import Repository
from sync.trust.ring import RingPointer
from tests.bench.hub_load import Load, enrolled
from tests.builders.hub.databases import postgres_server
from tests.builders.hub.homes import make_home
from tests.builders.hub.process import RunningHub, running
from tests.builders.repositories import published, release, repository

SETTLE_S = 5.0  # after the streams are open, before CPU counts
LONGEST_WAKE_S = 30.0
FETCH_WITHIN_S = 2.0  # of being woken: a store looks at once, give or take
TIMESTAMP = "/tuf/metadata/timestamp.json"


def main() -> None:
    """Measure, and print one JSON object a database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stores", type=int, default=1_600)
    parser.add_argument("--seconds", type=float, default=75.0)
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL, two workers")
    given = parser.parse_args()
    found = bench_hub(given.stores, seconds=given.seconds, is_postgres=given.postgres)
    print(json.dumps(found, indent=1))


def bench_hub(stores: int, *, seconds: float, is_postgres: bool = False) -> dict[str, Any]:
    """Return the figures of one run."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as folder, _database(is_postgres=is_postgres) as url:
        place = Path(folder)
        signed = repository(place / "work", SystemClock())
        published(signed, release(place / "source", "v1", 1))
        signed.promote(RingPointer("pilot", "v1", 1, percent=1.0))
        settings = f'repository = "{signed.folder}"\n' + (f'database = "{url}"\n' if url else "")
        home = make_home(place / "hub", settings=settings)
        kept = load_settings(home)
        migrate(kept.database_url)
        ledger = Ledger(kept.database_url)
        loaded = enrolled(ledger, read_signer(kept.token_key_file), stores)
        ledger.close()
        with running(home, "--workers", "2" if is_postgres else "1") as hub:
            where = urlsplit(hub.url)
            load = Load(where.hostname or "", where.port or 0, loaded)
            return asyncio.run(_measured(hub, load, signed, seconds=seconds))


async def _measured(
    hub: RunningHub, load: Load, signed: Repository, *, seconds: float
) -> dict[str, Any]:
    held = await load.listen()
    await load.steady(seconds=SETTLE_S)
    load.seconds.clear()
    others, cpu, begun = psutil.cpu_times(), _cpu_s(hub), time.monotonic()
    await load.steady(seconds=seconds)
    lasted = time.monotonic() - begun
    used = _cpu_s(hub) - cpu
    steady = _latencies(load)
    load.seconds.clear()
    cpu, begun = _cpu_s(hub), time.monotonic()
    woken = await _promoted(load, signed)
    found = {
        "stores": len(load.stores),
        "streams": load.listening,
        "seconds": round(lasted, 1),
        "hub_cpu_percent_of_a_core": round(100 * used / lasted, 1),
        "hub_memory_mib": round(_memory_mib(hub)),
        "machine_busy_percent": _busy_percent(others),
        "machine_load": [round(load, 1) for load in os.getloadavg()],
        "steady_ms": steady,
        "push": {
            **woken,
            "hub_cpu_s": round(_cpu_s(hub) - cpu, 2),
            "ms": _latencies(load),
        },
        "failed": dict(load.failed),
    }
    for task in held:
        task.cancel()
    await asyncio.gather(*held, return_exceptions=True)
    return found


async def _promoted(load: Load, signed: Repository) -> dict[str, Any]:
    """Promote to all; each store fetches the timestamp soon after it is woken."""
    load.woken.clear()
    await asyncio.to_thread(signed.promote, RingPointer("pilot", "v1", 1, percent=100.0))
    begun, fetched, fetching = time.monotonic(), 0, []
    while fetched < len(load.stores) and time.monotonic() - begun < LONGEST_WAKE_S:
        for store in load.stores[fetched : len(load.woken)]:
            fetching.append(asyncio.create_task(_soon(load, store)))
            fetched += 1
        await asyncio.sleep(0.01)
    await asyncio.gather(*fetching)
    after = np.array(load.woken or [np.inf]) - begun
    return {
        "woken": len(load.woken),
        "p50_s": round(float(np.percentile(after, 50)), 2),
        "last_s": round(float(after.max()), 2),
    }


async def _soon(load: Load, store: Any) -> None:
    await asyncio.sleep(random.uniform(0, FETCH_WITHIN_S))
    await load.fetch(store, TIMESTAMP)


def _latencies(load: Load) -> dict[str, dict[str, float]]:
    return {
        what: {
            "count": len(seconds),
            "p50": round(1e3 * float(np.percentile(seconds, 50)), 1),
            "p99": round(1e3 * float(np.percentile(seconds, 99)), 1),
            "max": round(1e3 * max(seconds), 1),
        }
        for what, seconds in sorted(load.seconds.items())
    }


def _processes(hub: RunningHub) -> list[psutil.Process]:
    parent = psutil.Process(hub.process.pid)
    return [parent, *parent.children(recursive=True)]


def _cpu_s(hub: RunningHub) -> float:
    """Return the CPU seconds that the hub's processes have used; not its database server's."""
    times = [process.cpu_times() for process in _processes(hub)]
    return sum(time.user + time.system for time in times)


def _memory_mib(hub: RunningHub) -> float:
    return sum(process.memory_info().rss for process in _processes(hub)) / 2**20


def _busy_percent(before: Any) -> int:
    """Return how busy the whole machine was since, with all that others ran on it."""
    now = psutil.cpu_times()
    idle = now.idle - before.idle + now.iowait - before.iowait
    total = sum(now) - sum(before)
    return round(100 * (1 - idle / total)) if total else 0


@contextmanager
def _database(*, is_postgres: bool) -> Iterator[str]:
    with postgres_server() if is_postgres else nullcontext("") as url:
        yield url


if __name__ == "__main__":
    main()
