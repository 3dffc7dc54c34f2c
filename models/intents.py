"""Train the router's intents: what kind of question an ask is, and whether it is ours."""

from __future__ import annotations

import csv
import random
import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.ports import Embedder, Index
from appliance.records import Query
from appliance.stages.intent import OUT_OF_SCOPE, POLICY, word_row
from appliance.stages.prepare import find_entities
from appliance.stages.subject import subject_of, without_name
from appliance.stages.text import language, words
from models.excerpts import read_asks

SAMPLES = 6  # fillings of each template
FOLDS = 4
EVENING = 0.5  # 0: as many as there are; 1: every live fact weighs as much as the handbook
HIGHEST_LEAST = 0.7  # training asks are easier than an associate's: a margin for the latter
FALSE_OUT_OF_SCOPE = 0.01  # share of the store's own questions that may be turned away
BEFORE = ("", "", "", "hey ", "customer asking ", "quick question, ", "can you check ", "oye ")
AFTER = ("", "", "", " please", " for a customer", " thanks", "?", " por favor")
TAUGHT_AT = 3  # asks a word must occur in to be taught


@dataclass(frozen=True, slots=True)
class Example:
    """A text and its intent."""

    text: str
    intent: str


@dataclass(frozen=True, slots=True)
class LiveAsk:
    """A question for a live fact, with the intent and product it is about."""

    text: str
    intent: str
    subject: str


@dataclass(frozen=True, slots=True)
class Product:
    """What a template may be filled with."""

    sku: str
    ean: str
    name: str


def read_products(path: Path) -> list[Product]:
    """Return the products of a catalogue CSV."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [Product(r["sku"], r["ean"], r["name"]) for r in rows]


def examples(corpus: Path, products: Sequence[Product], *, split: str, seed: int) -> list[Example]:
    """Return the examples of a split: train or held_out.

    Products are split too: those of held-out examples are never in a training example.
    """
    chance = random.Random(seed)  # noqa: S311
    mine = [p for i, p in enumerate(products) if (i % 5 == 0) == (split == "held_out")]
    table = tomllib.loads((corpus / "intents.toml").read_text(encoding="utf-8"))[split]
    found = [
        Example(_dressed(_filled(template, mine, chance), chance), intent)
        for intent, templates in table.items()
        for template in templates
        for _ in range(SAMPLES if "{" in template else 1)
    ]
    asks = read_asks(corpus / "asks", "asks" if split == "train" else "held_out")
    return [*found, *(Example(a.text, POLICY) for a in asks)]


def prepared(text: str) -> Query:
    """Return a folded question as `stages.prepare` leaves it, outside of any thread."""
    return Query(text, text, language(text), find_entities(text))


def known_words(corpus: Path) -> frozenset[str]:
    """Return the words routing is taught: the templates' own, and the common ones of the asks."""
    table = tomllib.loads((corpus / "intents.toml").read_text(encoding="utf-8"))["train"]
    templates = [re.sub(r"\{\w+\}", " ", t) for ts in table.values() for t in ts]
    found = Counter(w for a in read_asks(corpus / "asks", "asks") for w in set(words(a.text)))
    common = {w for w, n in found.items() if n >= TAUGHT_AT}
    return frozenset(common | {w for t in templates for w in words(t)})


def inputs(
    texts: Sequence[str],
    *,
    vectors: NDArray[np.float32],
    embedder: Embedder,
    index: Index,
    known: frozenset[str],
) -> NDArray[np.float32]:
    """Return the router's input rows, shape (n, dim + words + extras), as routing makes them.

    Args:
        texts: Folded, shorthand expanded.
        vectors: Their embeddings, (n, dim); where a text names a product, the question without
            the name is embedded in its place.
        embedder: Of the release.
        index: Tells how well a text names a product.
        known: Words the router is taught.
    """
    subjects = [subject_of(prepared(text), index) for text in texts]
    bare = [without_name(t, s, index) for t, s in zip(texts, subjects, strict=True)]
    rows = [word_row(t, known=known, product=s.score) for t, s in zip(bare, subjects, strict=True)]
    named = [i for i, (t, b) in enumerate(zip(texts, bare, strict=True)) if t != b]
    vectors = vectors.copy()
    if named:
        vectors[named] = embedder.embed([bare[i] for i in named])
    return np.concatenate([vectors, np.stack(rows)], axis=1)


def train(rows: NDArray[np.float32], truth: Sequence[str]) -> dict[str, Any]:
    """Return names, weights (intents, inputs) and bias of a multinomial logistic regression."""
    fitted = _regression().fit(rows, truth, sample_weight=_weights(truth))
    return {
        "intents": [str(c) for c in fitted.classes_],
        "weights": fitted.coef_.astype(np.float32),
        "bias": fitted.intercept_.astype(np.float32),
    }


def odds(model: Mapping[str, Any], rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the softmax over intents, shape (n, intents)."""
    scores = rows @ model["weights"].T + model["bias"]
    found = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(found / found.sum(axis=1, keepdims=True), dtype=np.float32)


def unseen_odds(rows: NDArray[np.float32], truth: Sequence[str]) -> NDArray[np.float32]:
    """Return each row's odds by a model that was not trained on its fold, (n, intents) by name."""
    from sklearn.model_selection import cross_val_predict  # noqa: PLC0415

    found = cross_val_predict(
        _regression(),
        rows,
        truth,
        cv=FOLDS,
        method="predict_proba",
        params={"sample_weight": _weights(truth)},
    )
    return np.asarray(found, dtype=np.float32)


def scope_features(
    found: NDArray[np.float32], intents: Sequence[str], *, known: Sequence[float], rows: Any
) -> list[dict[str, float]]:
    """Return what the scope is told from, named as `stages.route.lane_features` names it."""
    product = np.asarray(rows)[:, -2]  # EXTRAS ends with product, things
    out = list(intents).index(OUT_OF_SCOPE)
    policy = list(intents).index(POLICY)
    table = []
    for row, near, thing in zip(found, known, product, strict=True):
        live = max(0.0, 1.0 - float(row[out]) - float(row[policy]))
        table.append(
            {
                "out_of_scope": float(row[out]),
                "policy": float(row[policy]),
                "known": float(near),
                "live_product": live * float(thing),
            }
        )
    return table


def report(
    found: NDArray[np.float32], intents: Sequence[str], truth: Sequence[str]
) -> dict[str, Any]:
    """Return accuracy, in all and by intent."""
    said = [intents[i] for i in found.argmax(axis=1)]
    by_intent = {
        name: round(
            float(np.mean([s == t for s, t in zip(said, truth, strict=True) if t == name])), 3
        )
        for name in sorted(set(truth))
    }
    accuracy = float(np.mean([s == t for s, t in zip(said, truth, strict=True)]))
    return {"accuracy": round(accuracy, 4), "by_intent": by_intent}


def scope_report(p: Sequence[float], truth: Sequence[str], *, least: float) -> dict[str, float]:
    """Return how many foreign questions are turned away at `least`, and how many of ours."""
    scope, is_ours = np.array(p), np.array([t != OUT_OF_SCOPE for t in truth])
    return {
        "out_of_scope_recall": round(float((scope[~is_ours] < least).mean()), 4),
        "false_out_of_scope": round(float((scope[is_ours] < least).mean()), 4),
    }


def scope_threshold(p: Sequence[float], truth: Sequence[str]) -> float:
    """Return the p under which only `FALSE_OUT_OF_SCOPE` of the store's own questions fall."""
    ours = [x for x, t in zip(p, truth, strict=True) if t != OUT_OF_SCOPE]
    return round(float(min(np.quantile(ours, FALSE_OUT_OF_SCOPE), HIGHEST_LEAST)), 4)


def _weights(truth: Sequence[str]) -> NDArray[np.float64]:
    """Return an example's weight: half way, on a log scale, to as much for every live fact.

    The handbook's asks are twenty for one of any other intent. Foreign questions keep their weight:
    as heavy as all of ours, they turned away one question in twenty of the store's own.
    """
    count = Counter(truth)
    most = max(count.values())
    each = {
        name: 1.0 if name in {POLICY, OUT_OF_SCOPE} else (most / n) ** EVENING
        for name, n in count.items()
    }
    return np.array([each[name] for name in truth])


def _regression() -> Any:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    return LogisticRegression(C=3.0, max_iter=300)


def _dressed(text: str, chance: random.Random) -> str:
    """Return a text with what people put around a question, or as it is."""
    return f"{chance.choice(BEFORE)}{text}{chance.choice(AFTER)}"


def _filled(template: str, products: Sequence[Product], chance: random.Random) -> str:
    product = chance.choice(products)
    return template.format(
        p=spoken_name(product.name, chance),
        sku=product.sku if chance.random() < 0.8 else product.sku.removeprefix("LM-"),
        ean=product.ean,
        order=f"ORD-{chance.randrange(10**8):08d}",
        badge=str(chance.randrange(1000, 10000)),
    )


def spoken_name(name: str, chance: random.Random) -> str:
    """Return a product's name as a person says it: some of its words, often the last ones."""
    head = name.split(",", maxsplit=1)[0].split()
    kind = chance.random()
    if kind < 0.35:
        return name.lower()
    if kind < 0.7 and len(head) > 2:
        return " ".join(head[chance.randrange(1, min(3, len(head) - 1)) :]).lower()
    return " ".join(head)


def live_asks(corpus: Path, products: Sequence[Product], *, seed: int) -> list[LiveAsk]:
    """Return held-out questions for live facts, each with its one right product."""
    chance = random.Random(seed + 1)  # noqa: S311
    mine = [p for i, p in enumerate(products) if i % 5 == 0]
    table = tomllib.loads((corpus / "intents.toml").read_text(encoding="utf-8"))["held_out"]
    found = []
    for intent, templates in table.items():
        for template in templates:
            if not re.search(r"\{(p|sku|ean|order)\}", template):
                continue
            for _ in range(SAMPLES):
                product = chance.choice(mine)
                order = f"ORD-{chance.randrange(10**8):08d}"
                text = template.format(
                    p=product.name, sku=product.sku, ean=product.ean, order=order
                )
                found.append(LiveAsk(text, intent, "" if "{order}" in template else product.sku))
    return found
