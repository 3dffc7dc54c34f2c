"""`make bench`: the design's budgets for a store, measured here; one table, and build/bench.json.

    python -m tests.bench [--minutes 0.5]

Minutes are those of eight handhelds asking a real server; `make bench MINUTES=10` is the full run.
A budget is missed or met by this machine, as busy as it is now: nothing exits 1 for it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from appliance.config import DEMO_RELEASE, Settings
from appliance.files import replaced
from appliance.records import LaneName
from appliance.wiring import open_store
from tests.bench.bench_engine import bench_engine
from tests.bench.bench_serve import bench_serve
from tests.bench.bench_store import bench_first_sentence, bench_process, bench_store
from tests.bench.larger import larger_release
from tests.bench.rows import rows_of, table
from tests.golden.run import GoldenClock, figures, questions, run

BUILD = Path(__file__).parents[2] / "build"
SPECIALIST = "specialist/specialist.gguf"
PASSAGES = 20_000  # the design's, for orchestration
SEARCH_LONGEST_S = 900


def main() -> None:
    """Measure everything, print the table, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=0.5)
    found = measured(minutes=parser.parse_args().minutes)
    rows = rows_of(found)
    print(f"{found['machine']}\n{found['at']}\n")
    print(table(rows))
    BUILD.mkdir(exist_ok=True)
    whole = {**found, "rows": [asdict(row) for row in rows]}
    with replaced(BUILD / "bench.json") as file:
        file.write(json.dumps(whole, indent=1) + "\n")
    missed = [row.name for row in rows if row.is_met is False]
    print(f"\n{len(missed)} missed{': ' if missed else ''}{'; '.join(missed)}")


def measured(*, minutes: float) -> dict[str, Any]:
    """Return every figure; what is measured alone comes first, the soak last."""
    busy = psutil.cpu_percent(interval=2.0)
    process = _told("the process", bench_process)
    golden, specialist_asks = _told("golden questions", _golden)
    return {
        "machine": machine(),
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, others used {busy:.0f} % of the CPU",
        "process": process,
        "golden": golden,
        "store": _told("orchestration", _store),
        "first": _told("first sentences", lambda: bench_first_sentence(specialist_asks)),
        "search": _told("search", _search),
        "delta": _told("an index's update", _delta),
        "engine": _told("engine", lambda: bench_engine(DEMO_RELEASE / SPECIALIST)),
        "serve": _told("eight handhelds", lambda: bench_serve(minutes)),
        "release_bytes": sum(p.stat().st_size for p in DEMO_RELEASE.rglob("*") if p.is_file()),
    }


def _told(what: str, measure: Callable[[], Any]) -> Any:
    """Say on stderr what is measured now, so that nobody thinks it hangs."""
    print(f"measuring {what} …", file=sys.stderr, flush=True)
    return measure()


def _store() -> dict[str, Any]:
    """Bench a release with a larger index; it is left in build/bench to be looked at."""
    folder = BUILD / "bench" / f"release-{PASSAGES}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return bench_store(larger_release(folder, passages=PASSAGES))


def _search() -> dict[str, Any]:
    """Run the search bench in a process of its own, so that its memory is its own."""
    return _apart("tests.bench.bench_search")


def _delta() -> dict[str, Any]:
    """Measure what an update of the index takes on the wire."""
    return _apart("tests.bench.bench_delta")


def _apart(module: str) -> dict[str, Any]:
    """Run a bench in a process of its own; its last line is its figures."""
    command = [sys.executable, "-m", module]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=SEARCH_LONGEST_S
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _golden() -> tuple[dict[str, Any], list[str]]:
    """Return the golden figures, and the questions the specialist answered."""
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), release=DEMO_RELEASE)
        with open_store(settings, clock=GoldenClock()) as store:
            results = run(store, questions())
    by_specialist = [
        str(r.question["text"])
        for r in results
        if r.reply.lane is LaneName.SPECIALIST and not r.question.get("turns")
    ]
    return figures(results), by_specialist


def machine() -> str:
    """Return cores, processor and Python, in a line."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return f"{os.cpu_count()} cores of {model}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
