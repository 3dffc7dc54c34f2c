"""Engines for tests: small, on a clock that stands still, stepped by hand unless started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from appliance.engines.context import Context, Limits
from appliance.engines.llama import LlamaEngine
from appliance.engines.scripted import Line, Script, ScriptedEngine
from appliance.engines.stream import TokenStream
from appliance.ports import Prompt, Token
from tests.builders.gguf_model import tiny_gguf

MANY_STEPS = 20_000
FOREVER_S = 1e9


@dataclass
class StillClock:
    """Seconds that pass only when told to."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


Engine = LlamaEngine | ScriptedEngine


def llama_engine(
    *,
    limits: Limits | None = None,
    cells: int = 1024,
    clock: StillClock | None = None,
    wrap: Callable[[Context], Context] = lambda context: context,
    is_started: bool = False,
) -> LlamaEngine:
    return LlamaEngine(
        tiny_gguf(),
        threads=1,
        cells=cells,
        limits=limits,
        clock=clock or StillClock(),
        wrap=wrap,
        is_started=is_started,
    )


def scripted_engine(
    lines: Script = lambda _text: Line("Returns take 30 days, dear customer. " * 40),
    *,
    limits: Limits | None = None,
    cells: int = 1024,
    clock: StillClock | None = None,
    is_started: bool = False,
) -> ScriptedEngine:
    return ScriptedEngine(
        lines, cells=cells, limits=limits, clock=clock or StillClock(), is_started=is_started
    )


def ask(
    engine: Engine,
    text: str = "How long may I return this?",
    *,
    prefix: str = "",
    max_tokens: int = 8,
    deadline_s: float = FOREVER_S,
    stop: frozenset[int] = frozenset(),
) -> TokenStream:
    """Submit `prefix + text`, the prefix shared."""
    head = engine.tokenize(prefix, special=True)
    return engine.submit(
        Prompt(head + engine.tokenize(text, special=False), len(head)),
        max_tokens=max_tokens,
        deadline_s=deadline_s,
        stop=stop,
    )


def run(engine: Engine) -> None:
    """Step until nothing is left to do."""
    for _ in range(MANY_STEPS):
        if not engine.scheduler.step():
            return
    raise AssertionError(f"still busy after {MANY_STEPS} steps: {engine.load}")


def disagreement(alone: list[Token], heard: list[Token], *, tolerance: float = 0.05) -> str:
    """Say how two greedy answers to one prompt differ beyond rounding, or ''.

    Batches of other shapes round differently, so log-probabilities may move by `tolerance` and a
    near-tie may fall the other way; after such a fork there is nothing left to compare. `heard`
    may be shorter: it may have been cut. Log-probabilities see what the tokens hide: a stray cell
    in the attention moves all of them.

    The bound was measured over 120 random plays (22,892 log-probabilities, 2026-11-22): rounding
    moved one by 0.018 at most, 0.0116 in 999 of 1,000, no more at the last token than at the first,
    and flipped a choice of margin 0.031, whose two sides moved apart. The sabotages of
    faults/test_engine_leak.py move them by 0.67 and more.
    """
    for step, (left, right) in enumerate(zip(alone, heard, strict=False)):
        if left.id != right.id:
            is_near_tie = left.margin < tolerance
            return "" if is_near_tie else f"token {step}: {right} for {left}"
        if abs(left.logprob - right.logprob) > tolerance:
            return f"token {step}: log-probability {right.logprob:.4f} for {left.logprob:.4f}"
    return "longer than alone" if len(heard) > len(alone) else ""
