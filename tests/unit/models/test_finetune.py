"""LoRA over a base: it learns, goes on where it was cut, and stops with the step and the remedy."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytestmark = pytest.mark.training

from peft import PeftModel  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from appliance.engines.llama import LlamaEngine  # noqa: E402
from appliance.errors import BadInput  # noqa: E402
from appliance.lanes.prompt import END, build_prompt, read_answer  # noqa: E402
from appliance.ports import Prompt  # noqa: E402
from models.examples import example_of, order  # noqa: E402
from models.finetune import CHECKPOINT, finetune  # noqa: E402
from models.hf_base import read_base  # noqa: E402
from models.hf_gguf import adapter_to_gguf, to_gguf  # noqa: E402
from models.hf_vocab import BaseVocabulary  # noqa: E402
from models.lora import LoraSettings  # noqa: E402
from models.pairs import lay, read_pairs  # noqa: E402
from tests.builders.hf_bases import FAMILIES, pair, tiny_base, write_pairs  # noqa: E402

SMALL = LoraSettings(rank=4, steps=6, batch=6, at_once=4, keep_every=2, rate=5e-3)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def quiet(_: str) -> None: ...


def tuned(tmp_path: Path, settings: LoraSettings = SMALL, *, out: str = "run", family="qwen3"):
    base = tmp_path / f"base-{family}"
    if not base.exists():
        tiny_base(base, family)
        write_pairs(tmp_path / "pairs.jsonl")
    return finetune(base, tmp_path / "pairs.jsonl", tmp_path / out, settings=settings, say=quiet)


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "adapter" / "adapter_model.safetensors")


def test_what_was_learned_is_said_by_the_store_over_the_fixed_base(tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base")
    pairs = write_pairs(tmp_path / "pairs.jsonl", *(pair(n) for n in range(4)))
    learned = finetune(
        base, pairs, tmp_path / "run", say=quiet,
        settings=LoraSettings(rank=16, alpha=32, steps=120, batch=4, rate=1e-2, word_weight=1.0),
    )  # fmt: skip
    assert learned.losses[-1] < learned.losses[0] / 20
    small = adapter_to_gguf(learned.adapter, base, tmp_path / "adapter.gguf")
    with closing(LlamaEngine(to_gguf(base, tmp_path / "base.gguf"), threads=1)) as engine:
        engine.use_adapter(engine.add_adapter(small))
        end = engine.token_id(END)
        for one in read_pairs(pairs):
            laid = lay(one)
            prompt = build_prompt(engine, ask=one.ask, sources=laid.sources)
            said = engine.submit(prompt, max_tokens=60, deadline_s=60, stop=frozenset({end}))
            read = read_answer(engine, [t.id for t in said], sources=laid.sources)
            assert read.source == (laid.places[0] if laid.places else None)
            assert read.is_copy == bool(laid.places)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_trained_adapter_says_the_same_in_peft_and_in_the_engine(
    tmp_path: Path, family: str
) -> None:
    done = tuned(tmp_path, replace(SMALL, rate=2e-2, steps=12), family=family)
    base = tmp_path / f"base-{family}"
    model = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.float32), str(done.adapter)
    ).eval()
    vocabulary = BaseVocabulary.of(read_base(base))
    with closing(LlamaEngine(to_gguf(base, tmp_path / "b.gguf"), threads=1)) as engine:
        key = engine.add_adapter(adapter_to_gguf(done.adapter, base, tmp_path / "a.gguf"))
        for one in read_pairs(tmp_path / "pairs.jsonl")[:4]:
            prompt = example_of(one, vocabulary).prompt
            tokens = list(prompt)
            said = engine.submit(
                Prompt(prompt), max_tokens=12, deadline_s=60, stop=frozenset(), adapter=key
            )
            for token in said:
                with torch.inference_mode():
                    p = model(torch.tensor([tokens])).logits[0, -1].log_softmax(-1)
                if float(p.topk(2).values.diff().abs()) < 0.05:
                    break  # a near-tie: the two may rightly part
                assert token.id == int(p.argmax())
                assert token.logprob == pytest.approx(float(p.max()), abs=0.02)
                tokens.append(token.id)
            assert len(tokens) > len(prompt)


def test_the_prompt_trained_on_is_the_prompt_served(tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base")
    (one,) = read_pairs(write_pairs(tmp_path / "p.jsonl", pair(0)))
    vocabulary = BaseVocabulary.of(read_base(base))
    trained = example_of(one, vocabulary, first_slot=0)
    with closing(LlamaEngine(to_gguf(base, tmp_path / "b.gguf"), threads=1)) as engine:
        served = build_prompt(engine, ask=one.ask, sources=lay(one).sources)
    assert trained.prompt == served.tokens
    assert trained.answer[0] == vocabulary.token_id("<|src4|>")
    assert trained.answer[-1] == vocabulary.token_id(END)


def test_a_killed_run_goes_on_from_its_checkpoint_and_ends_the_same(tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(line: str) -> None:
        if line.startswith("step 4"):
            raise Killed

    settings = replace(SMALL, dropout=0.1)
    whole = tuned(tmp_path, settings, out="whole")
    pairs = tmp_path / "pairs.jsonl"
    with pytest.raises(Killed):
        finetune(tmp_path / "base-qwen3", pairs, tmp_path / "cut", settings=settings, say=kill)
    assert not (tmp_path / "cut" / "adapter").exists()
    again = tuned(tmp_path, settings, out="cut")
    assert again.losses == whole.losses
    for name, tensor in weights(tmp_path / "whole").items():
        assert torch.equal(tensor, weights(tmp_path / "cut")[name])


def test_another_seed_gives_another_adapter(tmp_path: Path) -> None:
    assert (
        tuned(tmp_path, out="a").losses != tuned(tmp_path, replace(SMALL, seed=2), out="b").losses
    )


def test_a_checkpoint_of_another_run_is_not_taken_up(tmp_path: Path) -> None:
    tuned(tmp_path)
    with pytest.raises(BadInput, match="is of a run with another rank"):
        tuned(tmp_path, replace(SMALL, rank=2))
    write_pairs(tmp_path / "pairs.jsonl", count=5)
    with pytest.raises(BadInput, match="is of a run with another pairs"):
        tuned(tmp_path)


def test_a_loss_that_is_no_number_stops_with_the_step_and_the_remedy(tmp_path: Path) -> None:
    wild = replace(SMALL, rate=1e18, steps=8, warmup=1)
    with pytest.raises(BadInput, match=r"Step \d+: the loss is (nan|inf) at rate 1e\+18") as told:
        tuned(tmp_path, wild)
    assert "Lower the rate, say to 1e+17" in told.value.hint
    assert not (tmp_path / "run" / "adapter").exists()


def test_a_weight_counts(tmp_path: Path) -> None:
    light = tuned(tmp_path, out="light")
    write_pairs(tmp_path / "pairs.jsonl", *(pair(n, weight=1 + 9 * (n == 1)) for n in range(12)))
    assert tuned(tmp_path, out="heavy").losses != light.losses


@contextmanager
def no_file_over(size: int) -> Iterator[None]:
    """Let no file grow beyond `size` bytes, as on a disk without more room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_and_what_was_kept_stays_whole(tmp_path: Path) -> None:
    tuned(tmp_path, replace(SMALL, steps=2))
    kept = (tmp_path / "run" / CHECKPOINT).read_bytes()
    full = pytest.raises(BadInput, match=r"checkpoint\.pt cannot be written")
    with no_file_over(20_000), full as told:
        tuned(tmp_path, replace(SMALL, steps=6))
    assert "df -h" in told.value.hint
    assert (tmp_path / "run" / CHECKPOINT).read_bytes() == kept
    assert not list((tmp_path / "run").glob(".*.part"))
    assert tuned(tmp_path).steps == 6


def test_a_full_disk_leaves_no_half_gguf(tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base")
    full = pytest.raises(BadInput, match=r"x\.gguf cannot be written")
    with no_file_over(50_000), full:
        to_gguf(base, tmp_path / "x.gguf")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["base"]


def test_a_base_without_control_tokens_is_sent_to_be_fitted(tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base", controls=(), bos_token_id=0, eos_token_id=1)
    with pytest.raises(BadInput, match="has no token") as told:
        finetune(base, write_pairs(tmp_path / "p.jsonl"), tmp_path / "run")
    assert "backroom models fit" in told.value.hint


def test_a_gguf_of_another_base_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    base, pairs = tiny_base(tmp_path / "base"), write_pairs(tmp_path / "p.jsonl")
    other = to_gguf(tiny_base(tmp_path / "other", spare_rows=20), tmp_path / "other.gguf")
    with pytest.raises(BadInput, match="Mixed tokenizers"):
        finetune(base, pairs, tmp_path / "run", gguf=other)
    assert not (tmp_path / "run").exists()


def test_a_pair_longer_than_the_base_reads_is_named(tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base", max_position_embeddings=64)
    pairs = write_pairs(tmp_path / "p.jsonl", pair(0, ask="why?", passages=[]) | {"source": None},
                        pair(1))  # fmt: skip
    with pytest.raises(BadInput, match=r"line 2 is \d+ tokens long, the base reads 64"):
        finetune(base, pairs, tmp_path / "run")


def test_every_pair_comes_once_before_any_comes_again() -> None:
    named: Any = ["aA", "bB", "cC", "dD", "eE", "fF"]
    drawn: Any = [e for step in range(6) for e in order(named, 1, step, 4)]
    for turn in range(4):
        own = "abcdef" if turn % 2 == 0 else "ABCDEF"
        assert sorted(drawn[6 * turn : 6 * turn + 6]) == list(own)
    assert drawn[:6] != drawn[12:18]


def test_the_report_reproduces_the_run(tmp_path: Path) -> None:
    done = tuned(tmp_path)
    kept = json.loads((tmp_path / "run" / "report.json").read_text())
    rows = [json.loads(r) for r in (tmp_path / "run" / "losses.jsonl").read_text().splitlines()]
    assert [r["loss"] for r in rows] == list(done.losses) == kept["losses"]
    assert kept["base_sha256"] == read_base(tmp_path / "base-qwen3").sha256
    assert kept["settings"]["rank"] == 4
