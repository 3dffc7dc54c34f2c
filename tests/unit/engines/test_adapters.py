"""Adapters over one base: each answer is of one of them, whatever is switched to meanwhile."""

from __future__ import annotations

import atexit
import functools
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from appliance.engines.context import Chunk, Context, Limits
from appliance.engines.llama import LlamaEngine
from appliance.engines.prefix import Prefix, Prefixes
from appliance.engines.stream import TokenStream
from appliance.errors import DamagedRelease, EngineBusy, EngineError
from appliance.ports import Prompt, Token
from tests.builders.engines import FOREVER_S, disagreement, llama_engine, run
from tests.builders.gguf_model import HEAD_DIM, HEADS, LAYERS, WIDTH
from tests.fakes.contexts import PassingContext, WatchedContext

RANK = 4
PREFIX = "<|im_start|>Answer for store 12, shortly and with sources."
ASKS = ("How long may I return this?", "Where is the milk?", "Who may open the till?")


def write_adapter(
    path: Path, *, seed: int, architecture: str = "qwen3", width: int = WIDTH
) -> Path:
    draw = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_name(f"adapter-{seed}")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(RANK))
    for layer in range(LAYERS):
        a = draw.normal(0, 0.2, (RANK, width)).astype(np.float32)
        b = draw.normal(0, 0.2, (HEADS * HEAD_DIM, RANK)).astype(np.float32)
        writer.add_tensor(f"blk.{layer}.attn_q.weight.lora_a", a)
        writer.add_tensor(f"blk.{layer}.attn_q.weight.lora_b", b)
        writer.add_tensor(f"blk.{layer}.attn_v.weight.lora_a", a)
        writer.add_tensor(f"blk.{layer}.attn_v.weight.lora_b", b[: HEADS * HEAD_DIM // 2])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@functools.cache
def adapter(seed: int) -> Path:
    folder = tempfile.TemporaryDirectory(prefix="backroom-adapter-")
    atexit.register(folder.cleanup)
    return write_adapter(Path(folder.name) / f"{seed}.gguf", seed=seed)


def ask(
    engine: LlamaEngine, text: str, *, adapter: str | None = None, prefix: str = PREFIX,
    max_tokens: int = 10,
) -> TokenStream:  # fmt: skip
    head = engine.tokenize(prefix, special=True)
    return engine.submit(
        Prompt(head + engine.tokenize(text, special=False), len(head)),
        max_tokens=max_tokens,
        deadline_s=FOREVER_S,
        stop=frozenset(),
        adapter=adapter,
    )


@functools.cache
def alone(text: str, seed: int | None, max_tokens: int = 10) -> list[Token]:
    """What a fresh engine says that never knew another adapter, nor another ask."""
    engine = llama_engine()
    key = engine.add_adapter(adapter(seed)) if seed is not None else ""
    answer = ask(engine, text, adapter=key, max_tokens=max_tokens)
    run(engine)
    engine.close()
    return list(answer)


def crowd(engine: LlamaEngine) -> None:
    """Asks under three adapters at once, prefixes shared; each must say what it says alone."""
    keys = {None: "", 1: engine.add_adapter(adapter(1)), 2: engine.add_adapter(adapter(2))}
    heard = []
    for turn in range(2):
        for text in ASKS:
            for seed in (None, 1, 2) if turn else (2, None, 1):
                heard.append((text, seed, ask(engine, text, adapter=keys[seed])))
                engine.scheduler.step()
    run(engine)
    for text, seed, answer in heard:
        difference = disagreement(alone(text, seed), list(answer))
        assert difference == "", f"{text!r} under adapter {seed}: {difference}"


def test_each_adapter_says_something_else() -> None:
    said = {tuple(t.id for t in alone(ASKS[0], seed)) for seed in (None, 1, 2)}
    assert len(said) == 3


def test_answers_under_several_adapters_at_once_are_those_each_gives_alone() -> None:
    engine = llama_engine(cells=2048, limits=Limits(slots=6, chunk_tokens=8, batch_tokens=40))
    crowd(engine)
    engine.close()


def test_a_switch_leaves_running_and_waiting_answers_on_the_adapter_they_began_with() -> None:
    engine = llama_engine(cells=2048, limits=Limits(slots=1))
    first, second = engine.add_adapter(adapter(1)), engine.add_adapter(adapter(2))
    engine.use_adapter(first)
    running, waiting = ask(engine, ASKS[0]), ask(engine, ASKS[1])
    for _ in range(4):
        engine.scheduler.step()
    engine.use_adapter(second)
    after = ask(engine, ASKS[0])
    run(engine)
    assert disagreement(alone(ASKS[0], 1), list(running)) == ""
    assert disagreement(alone(ASKS[1], 1), list(waiting)) == ""
    assert disagreement(alone(ASKS[0], 2), list(after)) == ""
    assert "+adapter-1@" in running.model
    assert "+adapter-2@" in after.model
    assert engine.name == after.model
    engine.close()


def test_a_switch_while_the_engine_speaks_needs_no_restart() -> None:
    engine = llama_engine(cells=2048, limits=Limits(slots=4), is_started=True)
    keys = [engine.add_adapter(adapter(seed)) for seed in (1, 2)]
    heard: list[tuple[int, TokenStream]] = []
    for turn in range(12):
        engine.use_adapter(keys[turn % 2])
        heard.append((turn % 2 + 1, ask(engine, ASKS[turn % 3])))
    for turn, (seed, answer) in enumerate(heard):
        assert disagreement(alone(ASKS[turn % 3], seed), list(answer)) == ""
    engine.close()


def test_an_adapter_is_loaded_while_another_answers() -> None:
    engine = llama_engine(cells=2048, is_started=True)
    slow = ask(engine, ASKS[0], max_tokens=200)
    next(slow)
    key = engine.add_adapter(adapter(1))
    answer = ask(engine, ASKS[1], adapter=key)
    assert disagreement(alone(ASKS[1], 1), list(answer)) == ""
    assert disagreement(alone(ASKS[0], None, 200)[1:], list(slow)) == ""
    engine.close()


def test_a_prefix_is_shared_under_one_adapter_only() -> None:
    engine = llama_engine(cells=2048)
    key = engine.add_adapter(adapter(1))
    reused = []
    for used in ("", "", key, key):
        answer = ask(engine, ASKS[0], adapter=used)
        run(engine)
        reused.append(answer.timings.reused_tokens > 0)
    assert reused == [False, True, False, True]
    engine.close()


def test_adapters_take_turns() -> None:
    watched: list[WatchedContext] = []

    def watch(behind: Context) -> Context:
        watched.append(WatchedContext(behind))
        return watched[0]

    engine = llama_engine(cells=2048, wrap=watch)
    key = engine.add_adapter(adapter(1))
    ask(engine, ASKS[0], adapter=key)
    ask(engine, ASKS[1], adapter="")
    run(engine)
    turns = [batch[0].adapter for batch in watched[0].batches]
    assert turns == [key, ""] * 10
    assert all(len({c.adapter for c in batch}) == 1 for batch in watched[0].batches)
    engine.close()


def test_a_long_prompt_under_one_adapter_never_holds_up_an_answer_under_another() -> None:
    watched: list[WatchedContext] = []

    def watch(behind: Context) -> Context:
        watched.append(WatchedContext(behind))
        return watched[0]

    limits = Limits(slots=2, chunk_tokens=16, batch_tokens=128)
    engine = llama_engine(limits=limits, wrap=watch)
    key = engine.add_adapter(adapter(1))
    ask(engine, "short", prefix="", max_tokens=40)
    engine.scheduler.step()
    ask(engine, "a very long story " * 20, adapter=key, prefix="", max_tokens=1)
    del watched[0].batches[:]
    for _ in range(20):
        engine.scheduler.step()
    assert all(sum(len(c.tokens) for c in batch) <= 16 for batch in watched[0].batches)
    engine.close()


def test_an_adapter_in_use_or_still_answering_is_not_dropped_and_goes_later() -> None:
    engine = llama_engine(cells=2048)
    key = engine.add_adapter(adapter(1))
    engine.use_adapter(key)
    answer = ask(engine, ASKS[0])
    with pytest.raises(EngineError, match="is in use"):
        engine.drop_adapter(key)
    engine.use_adapter("")
    with pytest.raises(EngineBusy, match="1 asks are still answered"):
        engine.drop_adapter(key)
    run(engine)
    assert disagreement(alone(ASKS[0], 1), list(answer)) == ""
    engine.drop_adapter(key)
    with pytest.raises(EngineError, match="No adapter"):
        ask(engine, ASKS[0], adapter=key)
    base = ask(engine, ASKS[0])
    run(engine)
    assert disagreement(alone(ASKS[0], None), list(base)) == ""
    again = ask(engine, ASKS[0], adapter=engine.add_adapter(adapter(1)))
    run(engine)
    assert disagreement(alone(ASKS[0], 1), list(again)) == ""
    engine.close()


def test_what_is_no_adapter_of_this_base_is_refused_and_nobody_notices(tmp_path: Path) -> None:
    engine = llama_engine(is_started=True)
    with pytest.raises(DamagedRelease, match="is missing"):
        engine.add_adapter(tmp_path / "none.gguf", sha256="ab" * 32)
    with pytest.raises(DamagedRelease, match="for 'llama'; expected an adapter for 'qwen3'"):
        engine.add_adapter(write_adapter(tmp_path / "a.gguf", seed=1, architecture="llama"))
    with pytest.raises(DamagedRelease, match="does not load"):
        engine.add_adapter(write_adapter(tmp_path / "b.gguf", seed=1, width=WIDTH // 2))
    answer = ask(engine, ASKS[0])
    assert disagreement(alone(ASKS[0], None), list(answer)) == ""
    engine.close()


def test_a_closed_engine_takes_no_adapter() -> None:
    engine = llama_engine(is_started=True)
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.add_adapter(adapter(1))


def test_whoever_waits_for_an_adapter_as_the_engine_closes_is_told() -> None:
    held = threading.Event()

    class Holds(PassingContext):
        def decode(self, chunks: Sequence[Chunk]) -> int:
            held.wait(10)
            return self.behind.decode(chunks)

    engine = llama_engine(wrap=Holds, is_started=True)
    ask(engine, ASKS[0])
    told: list[Any] = []

    def add() -> None:
        try:
            told.append(engine.add_adapter(adapter(1)))
        except EngineError as error:
            told.append(error.message)

    waiting = threading.Thread(target=add)
    waiting.start()
    while not engine.scheduler._errands and waiting.is_alive():
        threading.Event().wait(0.001)
    closing = threading.Thread(target=engine.close)
    closing.start()
    while engine.is_alive:
        threading.Event().wait(0.001)
    held.set()
    waiting.join(10)
    closing.join(10)
    assert told == ["The engine is closed."]


# ── proof that these tests can fail ───────────────────────────────────────────────────────────


class Forgetful(PassingContext):
    """Computes everything with whatever adapter came first."""

    def decode(self, chunks: Sequence[Chunk]) -> int:
        from dataclasses import replace

        self.first = getattr(self, "first", chunks[0].adapter)
        return self.behind.decode([replace(chunk, adapter=self.first) for chunk in chunks])


def test_one_adapter_for_all_is_noticed() -> None:
    engine = llama_engine(cells=2048, limits=Limits(slots=6), wrap=Forgetful)
    with pytest.raises(AssertionError, match="under adapter"):
        crowd(engine)
    engine.close()


def test_a_prefix_of_another_adapter_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(self: Prefixes, tokens: tuple[int, ...], *, adapter: str = "") -> Prefix | None:
        return next((p for p in self._resident.values() if tokens and p.tokens == tokens), None)

    monkeypatch.setattr(Prefixes, "find", find)
    engine = llama_engine(cells=2048, limits=Limits(slots=6))
    with pytest.raises(AssertionError, match="under adapter"):
        crowd(engine)
    engine.close()
