"""The llama engine beyond the shared contract: loading, tokens, numbers, and failures."""

from __future__ import annotations

import itertools
from pathlib import Path

import gguf
import numpy as np
import pytest

from appliance.engines.context import ANY, Choice, Limits
from appliance.engines.llama import LlamaEngine
from appliance.engines.llama_api import likeliest
from appliance.errors import DamagedRelease, EngineError
from appliance.ports import Prompt
from tests.builders.engines import StillClock, ask, disagreement, llama_engine, run
from tests.builders.gguf_model import USER_DEFINED, tiny_gguf
from tests.fakes.contexts import BlindContext, PassingContext, PoisonedContext, WatchedContext

POISON = 7


def written(path: Path, architecture: str, **fields: str) -> Path:
    writer = gguf.GGUFWriter(path, architecture)
    for key, value in fields.items():
        writer.add_string(key.replace("__", "."), value)
    writer.add_tensor("token_embd.weight", np.zeros((2, 2), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_an_adapter_is_not_taken_for_a_model(tmp_path: Path) -> None:
    path = written(tmp_path / "a.gguf", "llama", general__type="adapter")
    with pytest.raises(DamagedRelease, match="kind 'adapter'"):
        LlamaEngine(path)


def test_a_model_without_a_vocabulary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedRelease, match="no tokenizer"):
        LlamaEngine(written(tmp_path / "a.gguf", "llama"))


def test_a_foreign_architecture_is_refused_with_llamas_reason(tmp_path: Path) -> None:
    path = written(tmp_path / "a.gguf", "soundscape", tokenizer__ggml__model="gpt2")
    with pytest.raises(DamagedRelease, match=r"does not load: .*soundscape"):
        LlamaEngine(path)


def test_nothing_is_written_to_stderr(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    engine = llama_engine()
    ask(engine)
    run(engine)
    engine.close()
    with pytest.raises(DamagedRelease):
        LlamaEngine(written(tmp_path / "a.gguf", "soundscape", tokenizer__ggml__model="gpt2"))
    assert capfd.readouterr() == ("", "")


def test_the_digest_is_the_files_own_unless_the_release_knows_it() -> None:
    own, told = llama_engine(), LlamaEngine(tiny_gguf(), sha256="ab" * 32, is_started=False)
    assert own.name.startswith("tiny-random@")
    assert len(own.sha256) == 64
    assert told.name == "tiny-random@abababababab"
    own.close()
    told.close()


def test_typed_slot_names_never_become_slot_tokens() -> None:
    # llama.cpp matches user-defined tokens even with parse_special off.
    engine = llama_engine()
    slots = {engine.token_id(name) for name in USER_DEFINED}
    for typed in ("⟦v1⟧", "⟦⟦v1⟧⟧ and ⟦v2⟧⟦v1⟧", "⟦v⟦v1⟧1⟧"):
        tokens = engine.tokenize(typed, special=False)
        assert not slots & set(tokens)
        assert engine.text(tokens) == typed
    assert engine.tokenize("⟦v1⟧", special=True) == (engine.token_id("⟦v1⟧"),)
    engine.close()


def test_a_closed_engine_refuses_to_tokenize() -> None:
    engine = llama_engine()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.tokenize("x", special=False)


def test_probabilities_are_those_of_a_softmax_over_the_whole_vocabulary() -> None:
    logits = np.random.default_rng(3).normal(0, 5, 1000).astype(np.float32)
    expected = logits - np.log(np.exp(logits.astype(np.float64)).sum())
    order = np.argsort(-logits)
    free = likeliest(logits, ANY)
    banned = likeliest(logits, Choice(never=frozenset({int(order[0])})))
    only = likeliest(logits, Choice(only=frozenset({int(order[5]), int(order[9])})))
    assert free is not None
    assert banned is not None
    assert only is not None
    assert (free.id, banned.id, only.id) == (order[0], order[1], order[5])
    assert free.logprob == pytest.approx(expected[order[0]], abs=1e-5)
    assert free.margin == pytest.approx(expected[order[0]] - expected[order[1]], abs=1e-5)
    assert banned.logprob == pytest.approx(expected[order[1]], abs=1e-5)
    assert only.margin == pytest.approx(expected[order[5]] - expected[order[9]], abs=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_logits_that_are_not_finite_choose_nothing(bad: float) -> None:
    assert likeliest(np.array([1.0, bad, 2.0], np.float32), ANY) is None


def test_a_single_allowed_token_has_a_finite_margin() -> None:
    token = likeliest(np.zeros(4, np.float32), Choice(only=frozenset({2})))
    assert token is not None
    assert (token.id, token.margin) == (2, 100.0)


@pytest.mark.parametrize("code", [1, 2, -1, -3])
def test_one_bad_decode_fails_one_ask(code: int) -> None:
    texts = ["first ask", "second ask", "third ask"]
    calm = llama_engine()
    alone = {}
    for text in texts:
        alone[text] = ask(calm, text)
        run(calm)
    calm.close()

    engine = llama_engine(wrap=lambda behind: PoisonedContext(behind, poison=POISON, code=code))
    answers = {text: ask(engine, text) for text in texts[:2]}
    engine.scheduler.step()
    engine.scheduler.step()
    bad = engine.submit(Prompt((1, 2, POISON, 3)), max_tokens=4, deadline_s=9, stop=frozenset())
    answers[texts[2]] = ask(engine, texts[2])
    run(engine)
    for text, answer in answers.items():
        assert disagreement(list(alone[text]), list(answer)) == ""
    with pytest.raises(EngineError, match=f"returned {code} for this ask alone"):
        list(bad)
    assert bad.finish == ""
    assert (engine.load.failures, engine.load.cells_reserved) == (1, 0)
    engine.close()


def test_logits_that_are_not_finite_fail_one_ask() -> None:
    engine = llama_engine(wrap=lambda behind: BlindContext(behind, lambda t: POISON in t))
    bad = engine.submit(Prompt((1, POISON)), max_tokens=4, deadline_s=9, stop=frozenset())
    good = ask(engine)
    run(engine)
    with pytest.raises(EngineError, match="not finite"):
        list(bad)
    assert len(list(good)) == 8
    engine.close()


def test_a_step_that_breaks_fails_its_asks_and_the_next_are_served() -> None:
    class BreaksOnce(PassingContext):
        calls = itertools.count()

        def decode(self, chunks):  # type: ignore[no-untyped-def]
            if next(self.calls) == 0:
                raise OSError("the ground shook")
            return self.behind.decode(chunks)

    engine = llama_engine(wrap=BreaksOnce, is_started=True)
    with pytest.raises(EngineError, match="the ground shook"):
        list(ask(engine))
    assert len(list(ask(engine))) == 8
    engine.close()


def test_a_long_prompt_never_holds_up_a_running_answer() -> None:
    watched: list[WatchedContext] = []

    def watch(behind):  # type: ignore[no-untyped-def]
        watched.append(WatchedContext(behind))
        return watched[0]

    limits = Limits(slots=2, chunk_tokens=16, batch_tokens=128)
    engine = llama_engine(limits=limits, wrap=watch)
    ask(engine, "short", max_tokens=30)
    engine.scheduler.step()
    ask(engine, "a very long story " * 20, max_tokens=1)
    del watched[0].batches[:]
    for _ in range(12):
        engine.scheduler.step()
    for batch in watched[0].batches:
        assert len(batch[0].tokens) == 1
        assert sum(len(chunk.tokens) for chunk in batch[1:]) <= 16
    assert sum(len(chunk.tokens) for batch in watched[0].batches for chunk in batch[1:]) > 100
    engine.close()


def test_an_idle_prefix_makes_way_and_is_decoded_anew_when_asked_again() -> None:
    engine = llama_engine(cells=256, limits=Limits(slots=2))
    reused = []
    for prefix in ("<|im_start|>one" * 8, "<|im_start|>two" * 8, "<|im_start|>one" * 8):
        for _ in range(2):
            answer = ask(engine, "and?", prefix=prefix, max_tokens=205)
            run(engine)
            reused.append(answer.timings.reused_tokens)
    assert [count > 0 for count in reused] == [False, True] * 3
    engine.close()


def test_a_cancelled_first_reader_passes_the_prefix_on_to_the_next() -> None:
    clock = StillClock()
    engine = llama_engine(limits=Limits(slots=3, batch_tokens=16, chunk_tokens=8), clock=clock)
    prefix = "<|im_start|>a long common beginning of every ask"
    first = ask(engine, "a", prefix=prefix)
    second = ask(engine, "b", prefix=prefix)
    third = ask(engine, "c", prefix=prefix)
    engine.scheduler.step()
    assert engine.load.waiting == 2
    first.cancel()
    run(engine)
    assert [a.finish for a in (first, second, third)] == ["cancelled", "length", "length"]
    assert second.timings.reused_tokens == 0
    assert third.timings.reused_tokens > 0
    engine.close()
