"""`make bench`: the budgets of the design, as far as this machine can tell; a table, then JSON."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance.config import DEMO_RELEASE, Settings
from appliance.wiring import open_store
from tests.bench.bench_engine import bench_engine
from tests.bench.bench_store import bench_store
from tests.golden.run import GoldenClock, figures, questions, run


def main() -> None:
    """Measure and print."""
    store = bench_store()
    hurried = store["orchestration_ms"]
    search = _search()
    engine = bench_engine(DEMO_RELEASE / "specialist" / "specialist.gguf")
    golden = _golden()
    size = sum(p.stat().st_size for p in DEMO_RELEASE.rglob("*") if p.is_file())
    rows = [
        ("orchestration, demo index, 8 at once", hurried["stages"], "p50 ≤ 8, p99 ≤ 25 ms"),
        ("… and waiting for a turn", hurried["with_waiting"], "no budget"),
        ("… one ask alone", store["orchestration_alone_ms"]["stages"], "no budget"),
        ("whole ask with the model, 8 at once", store["whole_ask_with_model_ms"], "p95 ≤ 400 ms"),
        ("hybrid search, 43k passages", search, "p95 ≤ 10 ms, recall@10 ≥ 0.99"),
        ("process without weights", f"{store['rss_without_weights_mib']} MiB", "≤ 250 MB"),
        ("cold start to first answer", f"{store['cold_start_to_first_answer_s']} s", "≤ 5 s"),
        ("golden questions right", golden["right"], "≥ 0.85"),
        ("values not equal to their source", golden["wrong_values"], "0"),
        ("demo release", f"{size / 1e6:.1f} MB", "≤ 45 MB"),
        ("engine", engine, "no peer measured yet"),
    ]
    print(f"{machine()}, {datetime.now(UTC):%Y-%m-%d}\n")
    for name, found, wanted in rows:
        print(f"{name:40} {found}   [{wanted}]")
    print(json.dumps({"store": store, "search": search, "engine": engine, "golden": golden}))


def _search() -> str:
    """Run the search bench in a process of its own, so that its memory is its own."""
    command = [sys.executable, "-m", "tests.bench.bench_search"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    return "\n" + done.stdout.strip()


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


def _golden() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as home:
        settings = replace(Settings(home=Path(home)), release=DEMO_RELEASE)
        with open_store(settings, clock=GoldenClock()) as store:
            return figures(run(store, questions()))


if __name__ == "__main__":
    main()
