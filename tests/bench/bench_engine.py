"""The engine beside llama.cpp's own server, in one run: same GGUF, same prompts, same threads.

Run: python -m tests.bench.bench_engine [MODEL.gguf] [threads]

Both write exactly as many tokens of the same prompts, greedily. The server runs in this process
(`xllamacpp`), eight slots over one cache of the same size, prompt caching and continuous batching
on. The engine is not helped by guesses here: a general prompt has none. Figures depend on the
machine and on what else runs on it; the ratios less so.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from appliance.config import DEMO_RELEASE, Settings
from appliance.engines.llama import LlamaEngine
from appliance.ports import Prompt
from appliance.wiring import limits_for

AT_ONCE = (1, 4, 8)
CELLS = 4_096
PREFIX_TOKENS, OWN_TOKENS, ANSWER_TOKENS = 96, 160, 48
ROUNDS = 5  # of each crowd, the two taking turns
LONGEST_S = 300.0
# A store's busy hour told in seconds: bursts of one to eight associates, then quiet.
HOUR_BURSTS, HOUR_QUIET_S, BURST_S = 12, 1.2, 0.1
SEED = 11
SLACK = 0.02  # of the tokens


@dataclass(frozen=True)
class Asked:
    """One prompt of a run, and when it comes."""

    tokens: tuple[int, ...]
    answer_tokens: int
    at_s: float = 0.0


@dataclass(frozen=True)
class Answer:
    """How long one took."""

    first_ms: float  # from its coming to its first token
    tokens: int


Listen = Callable[[Asked], Iterator[object]]  # yields once a token


def bench_engine(gguf: Path, *, threads: int = 1) -> dict[str, Any]:
    """Measure both; `ratio` is ours over the server's, `first_token` the server's over ours."""
    with _ours(gguf, threads=threads) as (ours, tokenize), _servers(gguf, threads) as server:
        peers = {"ours": ours, "server": server}
        crowds = {crowd: _crowds(peers, tokenize, crowd) for crowd in AT_ONCE}
        hour = _hours(peers, tokenize)
    return {
        "threads": threads,
        "shape": f"{PREFIX_TOKENS} shared + {OWN_TOKENS} own + {ANSWER_TOKENS} answer tokens",
        "tokens_per_s": crowds,
        "store_hour": hour,
    }


def _crowds(
    peers: dict[str, Listen], tokenize: Callable[[str], tuple[int, ...]], crowd: int
) -> dict[str, float]:
    """Return answer tokens per second of a crowd, the median of some rounds."""
    speeds: dict[str, list[float]] = {name: [] for name in peers}
    for turn in range(-1, ROUNDS):  # the first warms the prefix and is not counted
        asked = [
            Asked(_prompt(tokenize, 1_000 * crowd + 10 * turn + n, OWN_TOKENS), ANSWER_TOKENS)
            for n in range(crowd)
        ]
        for name, listen in peers.items():
            begun = time.perf_counter()
            answers = _run(listen, asked)
            spent_s = time.perf_counter() - begun
            if turn >= 0:
                speeds[name].append(sum(a.tokens for a in answers) / spent_s)
    found = {name: float(np.median(values)) for name, values in speeds.items()}
    ratios = [a / b for a, b in zip(speeds["ours"], speeds["server"], strict=True)]
    return {
        **{name: round(value, 1) for name, value in found.items()},
        "ratio": round(float(np.median(ratios)), 2),
    }


def _hours(
    peers: dict[str, Listen], tokenize: Callable[[str], tuple[int, ...]]
) -> dict[str, float]:
    """Return milliseconds to the first token over one and the same trace of arrivals."""
    trace = _trace(tokenize)
    found: dict[str, float] = {"asks": len(trace)}
    for name, listen in peers.items():
        firsts = [answer.first_ms for answer in _run(listen, trace)]
        for quantile in (50, 95):
            found[f"{name}_p{quantile}_ms"] = round(float(np.percentile(firsts, quantile)), 1)
    found["p95_ratio"] = round(found["server_p95_ms"] / found["ours_p95_ms"], 2)
    return found


def _trace(tokenize: Callable[[str], tuple[int, ...]]) -> list[Asked]:
    dice = np.random.default_rng(SEED)
    trace: list[Asked] = []
    at_s = 0.0
    for _ in range(HOUR_BURSTS):
        at_s += HOUR_QUIET_S + float(dice.exponential(HOUR_QUIET_S))
        for _ in range(int(dice.integers(1, 9))):
            own, answer = int(dice.integers(40, 2 * OWN_TOKENS)), int(dice.integers(8, 48))
            tokens = _prompt(tokenize, 50_000 + len(trace), own)
            trace.append(Asked(tokens, answer, at_s + float(dice.uniform(0, BURST_S))))
    return trace


def _prompt(tokenize: Callable[[str], tuple[int, ...]], seed: int, own: int) -> tuple[int, ...]:
    return _tokens(tokenize, PREFIX_TOKENS, 0) + _tokens(tokenize, own, seed)


def _tokens(tokenize: Callable[[str], tuple[int, ...]], count: int, seed: int) -> tuple[int, ...]:
    words = f"item {seed} may be returned within {seed % 90} days in aisle {seed * 31 % 77}. "
    return (tokenize(words) * count)[:count]


def _run(listen: Listen, asked: Sequence[Asked]) -> list[Answer]:
    """Let each come at its time, in a thread of its own."""
    answers: list[Answer] = []
    begun = time.perf_counter()

    def one(ask: Asked) -> None:
        time.sleep(max(0.0, begun + ask.at_s - time.perf_counter()))
        came = time.perf_counter()
        heard = listen(ask)
        next(heard)
        first_ms = (time.perf_counter() - came) * 1e3
        answers.append(Answer(first_ms, 1 + sum(1 for _ in heard)))

    threads = [threading.Thread(target=one, args=(ask,)) for ask in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wanted = sum(ask.answer_tokens for ask in asked)
    # Batches differ in the last bits: an answer may end a token sooner.
    if abs((said := sum(answer.tokens for answer in answers)) - wanted) > wanted * SLACK:
        raise AssertionError(f"expected {wanted} tokens, found {said}: no fair race")
    return answers


@contextmanager
def _ours(gguf: Path, *, threads: int) -> Iterator[tuple[Listen, Callable[[str], tuple[int, ...]]]]:
    engine = LlamaEngine(
        gguf,
        threads=threads,
        cells=CELLS,
        limits=limits_for(Settings(home=Path()), gguf.stat().st_size),
    )

    def listen(ask: Asked) -> Iterator[object]:
        return engine.submit(
            Prompt(ask.tokens, PREFIX_TOKENS),
            max_tokens=ask.answer_tokens,
            deadline_s=LONGEST_S,
            stop=frozenset(),
        )

    try:
        yield listen, lambda text: engine.tokenize(text, special=False)
    finally:
        engine.close()


@contextmanager
def _servers(gguf: Path, threads: int) -> Iterator[Listen]:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.n_parallel, params.n_ctx = max(AT_ONCE), CELLS
    params.kv_unified = True  # as ours: one cache for all
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.verbosity = 0
    server = xllamacpp.Server(params)

    def listen(ask: Asked) -> Iterator[object]:
        """Ask from another thread: the server hands its pieces to a function."""
        heard: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        request = {
            "prompt": list(ask.tokens),
            "n_predict": ask.answer_tokens,
            "temperature": 0,
            "ignore_eos": True,
            "cache_prompt": True,
            "stream": True,
        }

        def call() -> None:
            server.handle_completions(request, heard.put)
            heard.put(None)

        thread = threading.Thread(target=call)
        thread.start()
        yield from _pieces(heard, ask.answer_tokens)
        thread.join()

    yield listen


def _pieces(heard: queue.SimpleQueue[dict[str, Any] | None], most: int) -> Iterator[object]:
    """Yield what comes, a piece a token; the last piece tells only why it ended."""
    count = 0
    while (piece := heard.get(timeout=LONGEST_S)) is not None:
        if "error" in piece:
            raise AssertionError(f"the server said: {piece}")
        if count < most:
            count += 1
            yield piece


if __name__ == "__main__":
    model = Path(sys.argv[1]) if len(sys.argv) > 1 else DEMO_RELEASE / "specialist/specialist.gguf"
    cores = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    print(json.dumps(bench_engine(model, threads=cores), indent=1))
