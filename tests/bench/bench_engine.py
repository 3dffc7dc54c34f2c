"""How fast the engine reads and writes, and how long the first token takes, alone and in a crowd.

Run: python -m tests.bench.bench_engine MODEL.gguf [threads]
Figures depend on the machine and on what else runs on it: name both where you quote them.
"""

from __future__ import annotations

import json
import platform
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from appliance.engines.llama import LlamaEngine
from appliance.ports import Prompt

AT_ONCE = (1, 4, 8)
PREFIX_TOKENS, OWN_TOKENS, ANSWER_TOKENS = 96, 160, 48
ROUNDS = 4
LONGEST_S = 300.0


@dataclass(frozen=True)
class Answer:
    first_ms: float  # from submission to the first token
    end_at: float
    tokens: int


def bench_engine(gguf: Path, *, threads: int = 2) -> dict[str, object]:
    """Measure one model; returns tokens per second and p95 milliseconds per crowd size."""
    engine = LlamaEngine(gguf, threads=threads)
    try:
        return {
            "model": engine.name,
            "threads": threads,
            "cpu": platform.processor() or platform.machine(),
            "prefill_tokens_per_s": round(_prefill(engine)),
            "shape": f"{PREFIX_TOKENS} shared + {OWN_TOKENS} own + {ANSWER_TOKENS} answer tokens",
            "at_once": {crowd: _crowd(engine, crowd) for crowd in AT_ONCE},
        }
    finally:
        engine.close()


def _prefill(engine: LlamaEngine) -> float:
    """Return tokens per second of prompts alone, the median of some."""
    size = 4 * OWN_TOKENS
    speeds = []
    for seed in range(ROUNDS):
        start = time.monotonic()
        _listen(engine, Prompt(_tokens(engine, size, seed)), answer_tokens=1)
        speeds.append(size / (time.monotonic() - start))
    return median(speeds)


def _crowd(engine: LlamaEngine, crowd: int) -> dict[str, float]:
    head = _tokens(engine, PREFIX_TOKENS, 1)
    _listen(engine, Prompt((*head, head[0]), len(head)), answer_tokens=1)  # warm the prefix
    answers: list[Answer] = []
    spent_s = writing_s = 0.0
    for turn in range(ROUNDS):
        prompts = [
            Prompt(head + _tokens(engine, OWN_TOKENS, 100 + crowd * turn + n), len(head))
            for n in range(crowd)
        ]
        start = time.monotonic()
        heard = _all_at_once(engine, prompts)
        spent_s += time.monotonic() - start
        writing_s += max(a.end_at for a in heard) - start - min(a.first_ms for a in heard) / 1e3
        answers.extend(heard)
    said = sum(answer.tokens for answer in answers)
    waits = sorted(answer.first_ms for answer in answers)
    return {
        "answer_tokens_per_s": round(said / spent_s, 1),
        "decode_tokens_per_s": round(said / writing_s, 1),
        "first_token_p50_ms": round(median(waits), 1),
        "first_token_p95_ms": round(waits[int(0.95 * (len(waits) - 1))], 1),
    }


def _all_at_once(engine: LlamaEngine, prompts: list[Prompt]) -> list[Answer]:
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda p=prompt: answers.append(_listen(engine, p)))
        for prompt in prompts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _listen(engine: LlamaEngine, prompt: Prompt, *, answer_tokens: int = ANSWER_TOKENS) -> Answer:
    start = time.monotonic()
    stream = engine.submit(prompt, max_tokens=answer_tokens, deadline_s=LONGEST_S, stop=frozenset())
    next(stream)
    first_ms = (time.monotonic() - start) * 1e3
    return Answer(first_ms, tokens=1 + sum(1 for _ in stream), end_at=time.monotonic())


def _tokens(engine: LlamaEngine, count: int, seed: int) -> tuple[int, ...]:
    words = f"item {seed} may be returned within {seed % 90} days in aisle {seed * 31 % 77}. "
    return (engine.tokenize(words, special=False) * count)[:count]


if __name__ == "__main__":
    cores = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    print(json.dumps(bench_engine(Path(sys.argv[1]), threads=cores), indent=1))
