"""What routing is trained on: examples split by wording and product, and honest figures."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import numpy as np
import pytest

from appliance.stages.intent import EXTRAS, POLICY, WORD_BUCKETS
from appliance.stages.route import lane_features
from models.intents import (
    FALSE_OUT_OF_SCOPE,
    HIGHEST_LEAST,
    SAMPLES,
    Example,
    Product,
    examples,
    inputs,
    known_words,
    live_asks,
    odds,
    read_products,
    report,
    scope_features,
    scope_report,
    scope_threshold,
    spoken_name,
    train,
)
from tests.builders.records import a_query
from tests.fakes.ports import HashEmbedder, WordIndex

PRODUCTS = [Product(f"LM-{n:06}", f"{n:013}", f"brand{n} kettle{n}, red") for n in range(100, 150)]
INTENTS = """
[train]
price = ["how much is {p}", "price of {sku}", "is it dear"]
out_of_scope = ["write a poem"]
[held_out]
price = ["what would {p} set me back", "scan {ean}"]
pickup = ["is {order} ready"]
"""


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "intents.toml").write_text(INTENTS, encoding="utf-8")
    (tmp_path / "asks").mkdir()
    row = {"doc": "returns", "answer": "x", "asks": ["can they return it"], "held_out": ["back?"]}
    lines = [row, {**row, "asks": ["will they return it"]}, {**row, "asks": ["do they return it"]}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "asks" / "returns.jsonl").write_text(text, encoding="utf-8")
    return tmp_path


def numbers_in(texts: list[str]) -> set[int]:
    return {n for n in range(100, 150) for t in texts if re.search(rf"(?<!\d)0*{n}(?!\d)", t)}


def test_no_product_of_a_held_out_example_is_in_a_training_example(corpus: Path) -> None:
    split = {
        name: numbers_in([e.text for s in range(20) for e in made(corpus, name, seed=s)])
        for name in ("train", "held_out")
    }
    assert split["held_out"] == set(range(100, 150, 5))
    assert split["train"]
    assert not split["train"] & split["held_out"]


def made(corpus: Path, split: str, *, seed: int = 1) -> list[Example]:
    return examples(corpus, PRODUCTS, split=split, seed=seed)


def test_examples_are_the_same_for_a_seed_and_others_for_another(corpus: Path) -> None:
    assert made(corpus, "train") == made(corpus, "train")
    assert made(corpus, "train") != made(corpus, "train", seed=2)


def test_a_template_with_a_gap_is_filled_several_times_and_one_without_once(corpus: Path) -> None:
    found = [e.intent for e in made(corpus, "train")]
    assert found.count("price") == 2 * SAMPLES + 1
    assert found.count("out_of_scope") == 1
    assert found.count(POLICY) == 3
    held_out = made(corpus, "held_out")
    assert {e.text for e in held_out if e.intent == POLICY} == {"back?"}


def test_words_are_taught_from_templates_and_from_what_is_asked_often(corpus: Path) -> None:
    known = known_words(corpus)
    assert {"how", "much", "poem", "return"} <= known  # "return": three asks
    assert not {"p", "sku", "can", "set"} & known  # gaps, a rare word, a held-out one


def test_a_live_ask_names_a_held_out_product_and_knows_it(corpus: Path) -> None:
    found = live_asks(corpus, PRODUCTS, seed=1)
    assert len(found) == 3 * SAMPLES
    orders = [ask for ask in found if not ask.subject]
    assert {ask.intent for ask in orders} == {"pickup"}
    by_sku = {p.sku: p for p in PRODUCTS[::5]}
    for ask in found:
        if not ask.subject:
            continue
        product = by_sku[ask.subject]
        assert ask.intent == "price"
        assert product.name in ask.text or product.ean in ask.text


def test_a_spoken_name_is_words_of_the_name_and_never_none() -> None:
    chance = random.Random(1)
    for _ in range(200):
        for name in ("Fernway Rain Kettle Deluxe, red", "Kettle", "Rain kettle"):
            said = spoken_name(name, chance)
            assert said
            assert said.lower() in name.lower()


def test_products_are_read_from_a_catalogue(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.csv"
    path.write_text("sku,ean,name,price\nLM-1,40,Kettle,3\n", encoding="utf-8")
    assert read_products(path) == [Product("LM-1", "40", "Kettle")]


def test_rows_are_the_embedding_then_the_words_with_the_product_left_unsaid() -> None:
    index = WordIndex([], {"LM-1": "fernway kettle"})
    texts = ["price of the fernway kettle", "headphones"]
    vectors = HashEmbedder().embed(texts)
    rows = inputs(
        texts,
        vectors=vectors,
        embedder=HashEmbedder(),
        index=index,
        known=frozenset({"price"}),
    )
    dim = HashEmbedder().dim
    assert rows.shape == (2, dim + WORD_BUCKETS + len(EXTRAS))
    assert rows[0, -2] == 1.0  # names the kettle
    assert np.array_equal(rows[0, :dim], HashEmbedder().embed(["price of the this item"])[0])
    assert np.array_equal(rows[1, :dim], vectors[1])


def test_training_gives_a_row_of_weights_for_each_intent() -> None:
    pytest.importorskip("sklearn")
    rows = np.eye(3, dtype=np.float32).repeat(4, axis=0)
    truth = [name for name in ("out_of_scope", "policy", "price") for _ in range(4)]
    model = train(rows, truth)
    assert model["intents"] == ["out_of_scope", "policy", "price"]
    assert (model["weights"].shape, model["bias"].shape) == ((3, 3), (3,))
    found = odds(model, rows)
    assert found.sum(axis=1) == pytest.approx(1.0)
    assert report(found, model["intents"], truth)["accuracy"] == 1.0


OURS, FOREIGN = "price", "out_of_scope"


def test_a_report_counts_what_is_right_in_all_and_by_intent() -> None:
    found = np.array([[0.1, 0.9], [0.2, 0.8], [0.9, 0.1], [0.4, 0.6]], dtype=np.float32)
    figures = report(found, [FOREIGN, OURS], [OURS, OURS, FOREIGN, FOREIGN])
    assert figures == {"accuracy": 0.75, "by_intent": {OURS: 1.0, FOREIGN: 0.5}}


def test_a_scope_report_says_what_a_threshold_catches_and_what_it_costs() -> None:
    p, truth = [0.1, 0.6, 0.4, 0.9], [FOREIGN, FOREIGN, OURS, OURS]
    assert scope_report(p, truth, least=0.5) == {
        "out_of_scope_recall": 0.5,
        "false_out_of_scope": 0.5,
    }


def test_the_scope_threshold_turns_away_few_of_our_own_and_is_never_strict() -> None:
    ours = [n / 1000 for n in range(1000)]
    truth = [OURS] * 1000 + [FOREIGN]
    least = scope_threshold([*ours, 0.0], truth)
    assert least == pytest.approx(FALSE_OUT_OF_SCOPE, abs=0.002)
    assert scope_threshold([1.0, 1.0, 0.0], [OURS, OURS, FOREIGN]) == HIGHEST_LEAST


def test_the_scope_is_told_from_features_that_routing_computes() -> None:
    rows = np.zeros((1, 6))
    rows[0, -2] = 0.5  # names a product half surely
    (row,) = scope_features(
        np.array([[0.1, 0.3, 0.6]], np.float32), [FOREIGN, POLICY, OURS], known=[0.7], rows=rows
    )
    served = lane_features(
        a_query(),
        {FOREIGN: 0.1, POLICY: 0.3, OURS: 0.6},
        product=0.5,
        cosine=0.0,
        has_subject=True,
        known=0.7,
    )
    assert row == pytest.approx({name: served[name] for name in row})
