"""A base and its adapter as GGUF say what transformers and PEFT say, token for token."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytestmark = pytest.mark.training

from peft import PeftModel  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from appliance.engines.llama import LlamaEngine  # noqa: E402
from appliance.errors import BadInput, DamagedRelease  # noqa: E402
from appliance.lanes.prompt import CONTROLS  # noqa: E402
from appliance.ports import Prompt  # noqa: E402
from models.base import Shape, Transformer  # noqa: E402
from models.fit import export_hf, fit  # noqa: E402
from models.hf_base import PROJECTIONS, block_of, read_base  # noqa: E402
from models.hf_gguf import adapter_to_gguf, to_gguf  # noqa: E402
from models.hf_vocab import BaseVocabulary  # noqa: E402
from models.lora import LoraSettings, write_adapter  # noqa: E402
from models.merge import merge  # noqa: E402
from tests.builders.hf_bases import FAMILIES, LLAMA3_ROPE, tiny_base, tiny_tokenizer  # noqa: E402

ANSWER = 16
NEAR_TIE = 0.05  # nats; the engine's KV memory is half precision
PROMPTS = [[(7 * i * i + 3 * n) % 400 for i in range(20 + 30 * n)] for n in range(4)]
NASTY = (
    "Returns within 14 days — it's ALL we'VE got!", "  spaces  and\ttabs\n\n new lines \r\n",
    "1234567 items at $49.99", "¿Cuánto cuesta? ñandú 你好 🙂👍🏽", "<|end|> is typed <|src1|>",
    "don't, we'll, I'D", "", " ", "a" * 70, "x\u00a0y\u200bz",
)  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def random_adapter(base: Path, out: Path, *, seed: int = 5, rank: int = 4) -> Path:
    read, draw = read_base(base), torch.Generator().manual_seed(seed)
    state = {}
    for layer in range(read.sizes.layers):
        for name in PROJECTIONS:
            rows, columns = read.sizes.of(name)
            at = f"base_model.model.model.layers.{layer}.{block_of(name)}.{name}"
            state[f"{at}.lora_A.weight"] = torch.randn(rank, columns, generator=draw) * 0.15
            state[f"{at}.lora_B.weight"] = torch.randn(rows, rank, generator=draw) * 0.15
    write_adapter(out, state, settings=LoraSettings(rank=rank, alpha=6.0), base=read)
    return out


def hf_model(folder: Path, adapter: Path | None = None) -> Any:
    model = AutoModelForCausalLM.from_pretrained(
        str(folder), dtype=torch.float32, local_files_only=True
    )
    return (PeftModel.from_pretrained(model, str(adapter)) if adapter else model).eval()


def greedy(model: Any, prompt: Sequence[int], count: int = ANSWER) -> list[tuple[int, float]]:
    """(token, its lead over the next) as the model itself goes on."""
    tokens, said = list(prompt), []
    for _ in range(count):
        with torch.inference_mode():
            top = model(torch.tensor([tokens])).logits[0, -1].log_softmax(-1).topk(2)
        tokens.append(int(top.indices[0]))
        said.append((tokens[-1], float(top.values[0] - top.values[1])))
    return said


def served(engine: LlamaEngine, adapter: str = "") -> list[list[int]]:
    running = [
        engine.submit(Prompt(tuple(p)), max_tokens=ANSWER, deadline_s=60, stop=frozenset(),
                      adapter=adapter)
        for p in PROMPTS
    ]  # fmt: skip
    return [[t.id for t in one] for one in running]


def assert_same(model: Any, heard: Sequence[Sequence[int]]) -> None:
    compared = 0
    for prompt, theirs in zip(PROMPTS, heard, strict=True):
        for (ours, lead), said in zip(greedy(model, prompt), theirs, strict=True):
            if lead < NEAR_TIE:
                break  # from here on the two may rightly part
            assert ours == said
            compared += 1
    assert compared >= len(PROMPTS) * ANSWER / 2


CASES = [("llama", {}), ("llama", {"rope_scaling": LLAMA3_ROPE}), ("qwen2", {}), ("qwen3", {}),
         ("qwen3", {"tie_word_embeddings": True})]  # fmt: skip
NAMES = ["llama", "llama3-rope", "qwen2-tied", "qwen3", "qwen3-tied"]


@pytest.mark.parametrize(("family", "options"), CASES, ids=NAMES)
def test_base_adapter_and_merged_model_say_what_peft_says(
    tmp_path: Path, family: str, options: dict[str, Any]
) -> None:
    base = tiny_base(tmp_path / "base", family, **options)
    adapter = random_adapter(base, tmp_path / "adapter")
    whole = to_gguf(base, tmp_path / "base.gguf")
    small = adapter_to_gguf(adapter, base, tmp_path / "adapter.gguf")
    both = to_gguf(merge(base, adapter, tmp_path / "merged"), tmp_path / "merged.gguf")
    plain, tuned = hf_model(base), hf_model(base, adapter)
    with closing(LlamaEngine(whole, threads=1)) as engine:
        key = engine.add_adapter(small)
        assert_same(plain, served(engine))
        assert_same(tuned, served(engine, key))
        assert served(engine) != served(engine, key)
    with closing(LlamaEngine(both, threads=1)) as engine:
        assert_same(tuned, served(engine))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_engine_reads_text_as_the_base_does(tmp_path: Path, family: str) -> None:
    base = tiny_base(tmp_path / "base", family)
    ours = BaseVocabulary.of(read_base(base))
    with closing(LlamaEngine(to_gguf(base, tmp_path / "b.gguf"), threads=1)) as engine:
        for text in NASTY:
            tokens = ours.tokenize(text, special=False)
            assert engine.tokenize(text, special=False) == tokens
            assert not {ours.token_id(c) for c in CONTROLS} & set(tokens)
            assert engine.text(tokens) == text
        for name in CONTROLS:
            assert engine.token_id(name) == ours.token_id(name)
            assert engine.tokenize(f"a{name}", special=True) == ours.tokenize(
                f"a{name}", special=True
            )


def test_our_own_base_is_the_same_model_in_transformers_and_in_the_engine(tmp_path: Path) -> None:
    torch.manual_seed(1)
    tokenizer = tiny_tokenizer()
    shape = Shape(vocabulary=tokenizer.get_vocab_size(), width=64, layers=3, heads=2, inner=96,
                  context=256)  # fmt: skip
    own = Transformer(shape).eval()
    for name, p in own.named_parameters():
        torch.nn.init.normal_(p, mean=float(p.dim() == 1), std=0.2 if p.dim() == 1 else 0.15)
        if name == "embed.weight":
            torch.nn.init.normal_(p, std=0.5)
    folder = export_hf(own, tokenizer, tmp_path / "hf", name="own")
    theirs = hf_model(folder)
    for prompt in PROMPTS:
        tokens = torch.tensor([prompt])
        with torch.inference_mode():
            torch.testing.assert_close(
                own.logits(own(tokens)), theirs(tokens).logits, atol=1e-4, rtol=1e-4
            )
    adapter = random_adapter(folder, tmp_path / "adapter")
    with closing(LlamaEngine(to_gguf(folder, tmp_path / "own.gguf"), threads=1)) as engine:
        key = engine.add_adapter(adapter_to_gguf(adapter, folder, tmp_path / "a.gguf"))
        assert engine.name.startswith("own@")
        assert_same(theirs, served(engine))
        assert_same(hf_model(folder, adapter), served(engine, key))


def test_a_fitted_foreign_base_is_the_same_in_transformers_and_in_the_engine(
    tmp_path: Path,
) -> None:
    bare = tiny_base(tmp_path / "bare", "llama", controls=(), spare_rows=0,
                     bos_token_id=0, eos_token_id=1)  # fmt: skip
    folder = fit(bare, tmp_path / "fitted")
    with closing(LlamaEngine(to_gguf(folder, tmp_path / "f.gguf"), threads=1)) as engine:
        assert_same(hf_model(folder), served(engine))


def spoilt(adapter: Path, **changes: Any) -> Path:
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**config, **changes}))
    return adapter


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"use_dora": True}, "is DoRA"),
        ({"peft_type": "IA3"}, "of type IA3"),
        ({"modules_to_save": ["lm_head"]}, "with whole modules"),
        ({"bias": "all"}, "with biases"),
        ({"rank_pattern": {"q_proj": 2}}, "with ranks of its own"),
    ],
)
def test_an_adapter_llama_cannot_serve_is_refused(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    base = tiny_base(tmp_path / "base")
    adapter = spoilt(random_adapter(base, tmp_path / "adapter"), **changes)
    with pytest.raises(BadInput, match=told):
        adapter_to_gguf(adapter, base, tmp_path / "a.gguf")


def test_an_adapter_of_another_base_is_refused_by_digest_and_by_shape(tmp_path: Path) -> None:
    base, other = tiny_base(tmp_path / "a"), tiny_base(tmp_path / "b", seed=4)
    wide = tiny_base(tmp_path / "c", intermediate_size=80)
    adapter = random_adapter(base, tmp_path / "adapter")
    with pytest.raises(BadInput, match="is of base"):
        adapter_to_gguf(adapter, other, tmp_path / "x.gguf")
    (adapter / "origin.json").unlink()
    with pytest.raises(BadInput, match=r"mlp\.down_proj\.weight is for 48 × 64, the base has 48"):
        adapter_to_gguf(adapter, wide, tmp_path / "x.gguf")
    assert not (tmp_path / "x.gguf").exists()


def test_an_adapter_for_another_family_is_refused_by_the_engine(tmp_path: Path) -> None:
    base, other = tiny_base(tmp_path / "a", "qwen3"), tiny_base(tmp_path / "b", "llama")
    small = adapter_to_gguf(random_adapter(other, tmp_path / "l"), other, tmp_path / "l.gguf")
    told = pytest.raises(DamagedRelease, match="for 'llama'; expected an adapter for 'qwen3'")
    with closing(LlamaEngine(to_gguf(base, tmp_path / "a.gguf"), threads=1)) as engine, told:
        engine.add_adapter(small)


def test_a_tokenizer_that_is_split_otherwise_is_refused_not_guessed(tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base")
    table = json.loads((base / "tokenizer.json").read_text())
    table["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = r"\s+|\S+"
    (base / "tokenizer.json").write_text(json.dumps(table))
    with pytest.raises(BadInput, match="splits text in a way that is not known"):
        to_gguf(base, tmp_path / "x.gguf")
