"""Tuning an embedder of random weights on a handbook of four sentences: it learns, and resumes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.embedder_data import Shelf
from models.embedder_halves import Halves
from models.embedder_run import Plan, Run, slope

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
WORDS = [
    "box", "receipt", "headphones", "days", "opened", "kettle", "aisle", "four", "thirty", "keep",
    "bring", "back", "the",
]  # fmt: skip
DOCUMENT = """---
id: returns
---
# Returns

Keep the box. Bring the receipt. Opened headphones back thirty days. The kettle aisle four.
"""
ASKS = {
    "Keep the box.": ["box", "the box", "keep box", "keep the box"],
    "Bring the receipt.": ["receipt", "the receipt", "bring receipt", "bring the receipt"],
    "Opened headphones back thirty days.": ["headphones", "opened headphones", "days", "back"],
    "The kettle aisle four.": ["kettle", "aisle", "kettle aisle", "the kettle"],
}
PLAN = Plan(epochs=8, batch=4, rate=3e-3, frozen=1, threads=1, round=5, passages=0.0, warm_up=0.02)


class Stop(Exception):
    """The machine went down."""


def a_model(folder: Path) -> Path:
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    vocabulary = {w: i for i, w in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = BertNormalizer(), BertPreTokenizer()
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=80,
    )  # fmt: skip
    transformers.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    for name in ("handbook", "asks"):
        (tmp_path / name).mkdir()
    (tmp_path / "handbook" / "returns.md").write_text(DOCUMENT, encoding="utf-8")
    lines = [{"doc": "returns", "answer": a, "asks": q, "held_out": []} for a, q in ASKS.items()]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "asks" / "returns.jsonl").write_text(text, encoding="utf-8")
    lexicon = Path(__file__).parents[3] / "models" / "corpus" / "lexicon.toml"
    return Shelf.read(tmp_path / "handbook", lexicon)


def a_run(
    shelf: Shelf, folder: Path, said: list[str], *, stop_after: int = 99
) -> tuple[Run, Halves]:
    def say(text: str) -> None:
        said.append(text)
        if len(said) == stop_after:
            raise Stop

    halves = Halves(folder / "model", frozen=1)
    pairs = shelf.pairs(folder / "asks", field="asks")
    return Run(halves, shelf, pairs, plan=PLAN, kept=folder / "kept.pt", say=say), halves


def test_a_run_that_was_stopped_ends_where_it_would_have_ended(
    shelf: Shelf, tmp_path: Path
) -> None:
    a_model(tmp_path / "model")
    said: list[str] = []
    whole, there = a_run(shelf, tmp_path, said)
    assert whole.train() == {"steps": 32, "planned": 32}
    losses = [float(text.split("loss ")[1].split(",")[0]) for text in said]
    assert losses[-1] < 0.8 * losses[0]
    (tmp_path / "kept.pt").unlink()

    cut, _ = a_run(shelf, tmp_path, [], stop_after=2)
    with pytest.raises(Stop):
        cut.train()
    again: list[str] = []
    rest, here = a_run(shelf, tmp_path, again)
    rest.train()

    assert again[0] == "going on after step 10"
    for name, value in there.weights().items():
        assert torch.equal(value, here.weights()[name]), name


def test_the_rate_climbs_then_falls_to_nothing() -> None:
    rates = [slope(step / 100, 0.1) for step in range(101)]
    assert max(rates) == rates[10]
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[100] == pytest.approx(0.0)
