"""The whole store under load: orchestration, the first sentence, memory, cold start."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from appliance.backroom import Store
from appliance.config import DEMO_RELEASE, Settings
from appliance.meter import STAGES
from appliance.pipeline import Listener
from appliance.records import LaneName
from appliance.stages.answer import Unguarded
from appliance.wiring import open_store

QUESTIONS = Path(__file__).parents[1] / "golden" / "questions.jsonl"
ASKS = Path(__file__).parents[2] / "models" / "corpus" / "asks"
AT_ONCE = 8
ALONE = 60  # asks
MIB = 2**20
WARM_UP = 300  # other asks first: a store is cold once a day, and is not judged by that
WEIGHTS = ("specialist/specialist.gguf", "embedder/embedder.onnx")
COLD = """
import sys, time
begun = time.perf_counter()
import psutil
from pathlib import Path
from appliance.config import Settings
from appliance.stages.answer import Unguarded
from appliance.wiring import open_store
with open_store(Settings(home=Path(sys.argv[1]), release=Path(sys.argv[2]))) as store:
    reply = store.ask("how long do customers have to return opened headphones")
    print(time.perf_counter() - begun, psutil.Process().memory_info().rss / 2**20)
"""


def bench_store(release: Path = DEMO_RELEASE) -> dict[str, Any]:
    """Return the orchestration of one run over a release.

    Every measured ask is asked once: a second time its vector would be remembered. Orchestration is
    all but the model: `stages` is what the stages took, `with_waiting` adds what an ask waited
    between them, for its turn and for the interpreter. `cpu_ms` is the asking threads' processor
    time, the model's own thread left out.
    """
    with _warm_store(release) as store:
        texts = asks()
        alone = _load(store, texts[:ALONE], at_once=1)
        times = _load(store, texts[ALONE:], at_once=AT_ONCE)
        passages = store.index.size
    return {
        "asks": len(times),
        "passages": passages,
        "at_once": AT_ONCE,
        "orchestration_ms": _orchestration(times),
        "orchestration_alone_ms": _orchestration(alone),
        "whole_ask_ms": _quantiles([t["total"] for t in times]),
        "mean_ms_by_stage": {s: round(float(np.mean([t[s] for t in times])), 2) for s in STAGES},
    }


def bench_first_sentence(texts: Sequence[str], release: Path = DEMO_RELEASE) -> dict[str, Any]:
    """Return the time to the first governed sentence, of asks the specialist answers.

    No lane rests: a machine that others press would else be measured without its specialist.

    Args:
        texts: Asks that it answered before, in another store: here each is heard once.
        release: Of the store.
    """
    with _warm_store(release) as guarded:
        answer = replace(guarded.pipeline.answer, guard=Unguarded())
        store = replace(guarded, pipeline=replace(guarded.pipeline, answer=answer))
        alone = _load(store, texts[::4], at_once=1)
        crowd = _load(store, [t for n, t in enumerate(texts) if n % 4], at_once=AT_ONCE)
    answered = [t["first"] for t in crowd if t["by_specialist"]]
    return {
        "asks": len(answered),
        "at_once": AT_ONCE,
        "first_sentence_ms": _quantiles(answered),
        "first_sentence_alone_ms": _quantiles([t["first"] for t in alone if t["by_specialist"]]),
    }


def bench_process(release: Path = DEMO_RELEASE) -> dict[str, float]:
    """Return memory and time of a process of its own, from nothing to its first answer."""
    weights_mib = sum((release / w).stat().st_size for w in WEIGHTS) / MIB
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-c", COLD, home, str(release)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    seconds, rss_mib = map(float, done.stdout.split()[-2:])
    return {
        "cold_start_to_first_answer_s": round(seconds, 2),
        "rss_mib": round(rss_mib, 1),
        "weights_mib": round(weights_mib, 1),
        "rss_without_weights_mib": round(rss_mib - weights_mib, 1),
    }


@contextmanager
def _warm_store(release: Path) -> Iterator[Store]:
    """Open a store that has been asked other things for a while."""
    with (
        tempfile.TemporaryDirectory() as home,
        open_store(Settings(home=Path(home), release=release)) as store,
    ):
        _load(store, _held_out()[:WARM_UP], at_once=AT_ONCE)
        yield store


def _orchestration(times: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    stages = [sum(t[s] for s in STAGES if s != "model") for t in times]
    whole = [t["total"] - t["model"] for t in times]
    return {
        "stages": _quantiles(stages),
        "waiting": _quantiles([w - s for w, s in zip(whole, stages, strict=True)]),
        "with_waiting": _quantiles(whole),
        "cpu_ms": round(float(np.mean([t["cpu"] for t in times])), 1),
    }


def asks() -> list[str]:
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
        heard: list[float] = []
        listener = Listener(_nothing, _nothing, lambda _: heard.append(time.perf_counter()))
        reply = store.ask(text, listener=listener)
        return {
            **dict(reply.times_ms),
            "total": (time.perf_counter() - begun) * 1000,
            "first": (heard[0] - begun) * 1000,
            "by_specialist": float(reply.lane is LaneName.SPECIALIST),
            "cpu": (time.thread_time() - used) * 1000,
        }

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(one, texts))


def _nothing(_: object) -> None:
    """Hear it."""


def _quantiles(values: list[float]) -> dict[str, float]:
    if not values:
        return dict.fromkeys(("p50", "p95", "p99"), math.nan)
    return {f"p{q}": round(float(np.percentile(values, q)), 1) for q in (50, 95, 99)}


if __name__ == "__main__":
    print(json.dumps({"store": bench_store(), "process": bench_process()}, indent=1))
