"""What a run made leaves in open formats, and says elsewhere what it says here."""

from __future__ import annotations

import csv
import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.training

from appliance.engines.context import Choice  # noqa: E402
from appliance.engines.llama import LlamaEngine  # noqa: E402
from appliance.errors import BadInput  # noqa: E402
from appliance.lanes.prompt import build_prompt, plain_source  # noqa: E402
from appliance.ports import Prompt  # noqa: E402
from models.hf_base import read_base  # noqa: E402
from models.hf_gguf import to_gguf  # noqa: E402
from models.hf_vocab import BaseVocabulary  # noqa: E402
from models.leave import export_run, modelfile  # noqa: E402
from tests.builders.hf_bases import FAMILIES, tiny_base, write_pairs  # noqa: E402

PROMPT = tuple((7 * i * i + 3) % 400 for i in range(40))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    base = tiny_base(folder / "base")
    to_gguf(base, folder / "export" / "specialist-f32.gguf")
    corpus = folder / "corpus"
    for name in ("asks", "handbook"):
        (corpus / name).mkdir(parents=True)
    (corpus / "CARD.md").write_text("# Data of tiny\n")
    (corpus / "handbook" / "returns.md").write_text("# Returns\nWithin 14 days.\n")
    (corpus / "asks" / "returns.jsonl").write_text('{"doc": "returns", "asks": ["how long?"]}\n')
    (corpus / "cards.json").write_text('{"cards": [{"id": "c1"}, {"id": "c2"}]}')
    with (corpus / "catalogue.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["sku", "name"], ["1001", "Lark Buds"]])
    (folder / "finetune" / "work").mkdir(parents=True)
    write_pairs(folder / "finetune" / "work" / "pairs.jsonl", count=3)
    return folder


def is_plain(piece: bytes) -> bool:
    return piece.isascii() and not piece.startswith((b"<|", b"[PAD"))


@pytest.mark.parametrize("family", FAMILIES)
def test_another_llama_runtime_says_the_same_greedy_tokens(tmp_path: Path, family: str) -> None:
    xllamacpp = pytest.importorskip("xllamacpp")
    gguf = to_gguf(tiny_base(tmp_path / "base", family), tmp_path / "x.gguf")
    with closing(LlamaEngine(gguf, threads=1)) as engine:
        # The other runtime reports whole characters; a token that is none is banned on both sides.
        silent = [i for i in range(read_base(gguf.parent / "base").sizes.vocabulary)
                  if not is_plain(engine.piece(i))]  # fmt: skip
        ours = list(
            engine.submit(
                Prompt(PROMPT), max_tokens=12, deadline_s=60, stop=frozenset(),
                choice=Choice(never=frozenset(silent)),
            )
        )  # fmt: skip
    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.n_ctx, params.n_parallel, params.n_gpu_layers = 512, 1, 0
    params.warmup, params.fit_params, params.verbosity = False, False, 0
    params.cpuparams.n_threads = 1
    said = xllamacpp.Server(params).handle_completions(
        {"prompt": list(PROMPT), "n_predict": 12, "temperature": 0.0, "top_k": 1, "logprobs": 1,
         "cache_prompt": False, "logit_bias": [[i, False] for i in silent]}
    )  # fmt: skip
    theirs = [token["id"] for token in said["choices"][0]["logprobs"]["content"]]
    tied = next((i for i, t in enumerate(ours) if t.margin < 0.05), len(ours))
    assert tied >= 4
    assert theirs[:tied] == [t.id for t in ours][:tied]


def test_ggufs_leave_whole(run: Path, tmp_path: Path) -> None:
    (left,) = export_run(run, "gguf", tmp_path / "out")
    assert left.path.read_bytes() == (run / "export" / "specialist-f32.gguf").read_bytes()


def test_safetensors_leave_as_a_folder_transformers_reads(run: Path, tmp_path: Path) -> None:
    export_run(run, "safetensors", tmp_path / "out")
    assert read_base(tmp_path / "out" / "model").sha256 == read_base(run / "base").sha256


def test_an_onnx_model_says_what_the_engine_says(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("optimum.exporters.onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    export_run(run, "onnx", tmp_path / "out")
    session = onnxruntime.InferenceSession(str(tmp_path / "out" / "specialist" / "model.onnx"))
    with closing(LlamaEngine(run / "export" / "specialist-f32.gguf", threads=1)) as engine:
        said = list(engine.submit(Prompt(PROMPT), max_tokens=8, deadline_s=60, stop=frozenset()))
    tokens = list(PROMPT)
    for token in said:
        ids = np.array([tokens])
        (logits,) = session.run(
            ["logits"],
            {"input_ids": ids, "attention_mask": np.ones_like(ids),
             "position_ids": np.arange(len(tokens))[None]},
        )  # fmt: skip
        if token.margin < 0.05:
            break
        assert int(logits[0, -1].argmax()) == token.id
        tokens.append(token.id)
    assert len(tokens) > len(PROMPT)


def test_a_modelfile_lays_out_the_stores_own_prompt(run: Path, tmp_path: Path) -> None:
    gguf, made = export_run(run, "ollama", tmp_path / "out")
    text = made.path.read_text()
    assert f"FROM ./{gguf.path.name}\n" in text
    assert "PARAMETER temperature 0\n" in text
    assert "PARAMETER num_ctx 512\n" in text
    template = modelfile("x.gguf", context=1).split('"""')[1]
    vocabulary = BaseVocabulary.of(read_base(run / "base"))
    source = plain_source("a", "returns", "ask a manager.")
    prompt = build_prompt(vocabulary, ask="who decides?", sources=[source])
    system = "<|src1|> ask a manager.<|of|> returns"
    filled = template.replace("{{ .System }}", system).replace("{{ .Prompt }}", " who decides?")
    assert vocabulary.tokenize(filled, special=True) == prompt.tokens


def test_data_leave_as_jsonl_with_a_card_that_counts_them(run: Path, tmp_path: Path) -> None:
    left = {p.path.name for p in export_run(run, "jsonl", tmp_path / "out")}
    card = (tmp_path / "out" / "DATA_CARD.md").read_text()
    assert left == {"asks.jsonl", "documents.jsonl", "products.jsonl", "cards.jsonl",
                    "pairs.jsonl", "DATA_CARD.md"}  # fmt: skip
    assert card.startswith("# Data of tiny\n")
    assert "| cards.jsonl | 2 |" in card
    assert "| pairs.jsonl | 3 |" in card
    (product,) = (tmp_path / "out" / "products.jsonl").read_text().splitlines()
    assert json.loads(product) == {"sku": "1001", "name": "Lark Buds"}


@pytest.mark.parametrize(
    ("to", "told"),
    [("gguf", "holds no GGUF: its step export"), ("onnx", "holds no model: its step base"),
     ("jsonl", "holds no data: its step corpus"), ("pickle", "No format 'pickle'")],
)  # fmt: skip
def test_a_run_that_has_not_got_that_far_says_which_step_is_missing(
    tmp_path: Path, to: str, told: str
) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(BadInput, match=told):
        export_run(tmp_path / "run", to, tmp_path / "out")
