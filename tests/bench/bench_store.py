"""The whole demo store under load: orchestration, whole asks, memory, cold start."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from appliance.backroom import Store
from appliance.config import DEMO_RELEASE, Settings
from appliance.meter import STAGES
from appliance.wiring import open_store

QUESTIONS = Path(__file__).parents[1] / "golden" / "questions.jsonl"
ASKS = Path(__file__).parents[2] / "models" / "corpus" / "asks"
AT_ONCE = 8
ALONE = 60  # asks
WARM_UP = 300  # other asks first: a store is cold once a day, and is not judged by that
WEIGHTS = ("specialist/specialist.gguf", "embedder/embedder.onnx")
COLD = """
import sys, time
begun = time.perf_counter()
from pathlib import Path
from appliance.config import Settings
from appliance.wiring import open_store
with open_store(Settings(home=Path(sys.argv[1]), release=Path(sys.argv[2]))) as store:
    reply = store.ask("how long do customers have to return opened headphones")
    print(time.perf_counter() - begun)
"""


def bench_store(release: Path = DEMO_RELEASE) -> dict[str, Any]:
    """Return the figures of one run.

    Every measured ask is asked once: a second time its vector would be remembered. Orchestration is
    all but the model: `stages` is what the stages took, `with_waiting` adds what an ask waited
    between them, for its turn and for the interpreter. `cpu_ms` is the asking threads' processor
    time, the model's own thread left out.
    """
    with tempfile.TemporaryDirectory() as home:
        cold_s = _cold(Path(home) / "cold", release)
        with open_store(Settings(home=Path(home) / "warm", release=release)) as store:
            texts = _texts()
            store.ask(texts[0])
            rss_mib = psutil.Process().memory_info().rss / 2**20
            _load(store, _held_out()[:WARM_UP], at_once=AT_ONCE)
            alone = _load(store, texts[1 : ALONE + 1], at_once=1)
            times = _load(store, texts[ALONE + 1 :], at_once=AT_ONCE)
            grown_mib = psutil.Process().memory_info().rss / 2**20 - rss_mib
    weights_mib = sum((release / w).stat().st_size for w in WEIGHTS) / 2**20
    modelled = [t["total"] for t in times if t["model"] > 0]
    return {
        "asks": len(times),
        "at_once": AT_ONCE,
        "orchestration_ms": _orchestration(times),
        "orchestration_alone_ms": _orchestration(alone),
        "whole_ask_ms": _quantiles([t["total"] for t in times]),
        "whole_ask_with_model_ms": _quantiles(modelled) if modelled else None,
        "mean_ms_by_stage": {s: round(float(np.mean([t[s] for t in times])), 2) for s in STAGES},
        "rss_mib": round(rss_mib, 1),
        "rss_without_weights_mib": round(rss_mib - weights_mib, 1),
        "grown_mib": round(grown_mib, 1),
        "cold_start_to_first_answer_s": round(cold_s, 2),
    }


def _orchestration(times: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    stages = [sum(t[s] for s in STAGES if s != "model") for t in times]
    whole = [t["total"] - t["model"] for t in times]
    return {
        "stages": _quantiles(stages),
        "waiting": _quantiles([w - s for w, s in zip(whole, stages, strict=True)]),
        "with_waiting": _quantiles(whole),
        "cpu_ms": round(float(np.mean([t["cpu"] for t in times])), 1),
    }


def _texts() -> list[str]:
    rows = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    return [row["text"] for row in rows if not row.get("turns")]


def _held_out() -> list[str]:
    """Return asks that are no golden question, of every document in turn."""
    rows = [
        json.loads(line)["held_out"]
        for path in sorted(ASKS.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    ranked = itertools.chain.from_iterable(itertools.zip_longest(*rows))
    return [text for text in ranked if text]


def _load(store: Store, texts: Sequence[str], *, at_once: int) -> list[dict[str, float]]:
    def one(text: str) -> dict[str, float]:
        begun, used = time.perf_counter(), time.thread_time()
        reply = store.ask(text)
        return {
            **dict(reply.times_ms),
            "total": (time.perf_counter() - begun) * 1000,
            "cpu": (time.thread_time() - used) * 1000,
        }

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(one, texts))


def _cold(home: Path, release: Path) -> float:
    command = [sys.executable, "-c", COLD, str(home), str(release)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return float(done.stdout.split()[-1])


def _quantiles(values: list[float]) -> dict[str, float]:
    return {f"p{q}": round(float(np.percentile(values, q)), 1) for q in (50, 95, 99)}


if __name__ == "__main__":
    print(json.dumps(bench_store(), indent=1))
