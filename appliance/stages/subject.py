"""Which products a question is about, and how surely; the same in training and serving."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.ports import Index
from appliance.records import Query
from appliance.stages.stems import stem
from appliance.stages.text import words

IDENTIFIED = 0.95  # scores of identifiers and telling parts of them start here
NAMED_AT = 0.3  # below this an ask names no product
VARIANT_SHARE = 0.9  # of the best score, that another product must reach to be meant as well
SHARED_WORDS, ONE_WORD = 2, 0.5
LOOKED_AT = 3
RECORDS = frozenset({"order", "badge", "receipt"})  # looked up by themselves, whatever else is said
THIS_ITEM = "this item"
VARIANTS = 20  # of one product, looked at for a follow-up


@dataclass(frozen=True, slots=True)
class Subject:
    """What an ask is about: SKUs, likeliest first; how surely it names a thing, in [0, 1]."""

    skus: tuple[str, ...]
    score: float
    is_named: bool  # an order, a badge or a product is


def subject_of(query: Query, index: Index) -> Subject:
    """Return the subject of a prepared question."""
    if any(e.kind in RECORDS for e in query.entities):
        return Subject((), 1.0, is_named=True)
    for entity in query.entities:
        row = index.product(entity.value) if entity.kind in {"sku", "ean", "model"} else None
        if row:
            return Subject((row["sku"],), 1.0, is_named=True)
    if any(e.kind in {"sku", "ean"} for e in query.entities):
        # A product is named, but not one of ours: no other may stand in for it.
        return Subject((), 1.0, is_named=True)
    if query.subject:
        return Subject(query.subject, 1.0, is_named=True)
    found = named(query.standalone, index)
    if query.is_follow_up and found.score >= IDENTIFIED and found.skus:
        return Subject((variant(found.skus[0], query.text, index),), 1.0, is_named=True)
    return found


def variant(sku: str, text: str, index: Index) -> str:
    """Return the product of the same family that a follow-up means: "and the blue one?".

    The one whose name holds most of the follow-up's words; the product itself when none holds more.
    """
    row = index.product(sku) or {}
    group, asked = row.get("variant_group", ""), {stem(w) for w in words(text)}
    best, most = sku, len(asked & {stem(w) for w in words(row.get("name", ""))})
    for other, _ in index.find_products(f"{row.get('name', '')} {text}", k=VARIANTS):
        columns = index.product(other) or {}
        shared = len(asked & {stem(w) for w in words(columns.get("name", ""))})
        if group and columns.get("variant_group", "") == group and shared > most:
            best, most = other, shared
    return best


def named(text: str, index: Index) -> Subject:
    """Return the products that the words of a text name."""
    found = index.find_products(text, k=LOOKED_AT)
    score = found[0][1] if found else 0.0
    if score < IDENTIFIED and _words_shared(text, found, index) < SHARED_WORDS:
        score *= ONE_WORD  # "rain" alone does not name the rain jacket
    if score < NAMED_AT:
        return Subject((), score, is_named=False)
    skus = tuple(sku for sku, p in found if p >= VARIANT_SHARE * found[0][1])
    return Subject(skus, score, is_named=True)


def without_name(text: str, subject: Subject, index: Index) -> str:
    """Return the question with the product's name said as "this item".

    What is asked of a product does not depend on which it is; its name is most of the words.
    A question about no product, or with an identifier in place of the name, comes back as it is.
    """
    if not subject.skus:
        return text
    row = index.product(subject.skus[0]) or {}
    named_words = {stem(w) for w in words(row.get("name", ""))}

    def is_name(word: str) -> bool:
        own = words(word)
        return bool(own) and all(stem(w) in named_words for w in own)

    runs = [(mine, list(run)) for mine, run in itertools.groupby(text.split(), key=is_name)]
    # One word alone, "set" or "with", is the name only where no longer run of it is said.
    least = min(2, max((len(run) for mine, run in runs if mine), default=0))
    kept = [[THIS_ITEM] if mine and len(run) >= least else run for mine, run in runs]
    return " ".join(word for run in kept for word in run)


def _words_shared(text: str, found: Sequence[tuple[str, float]], index: Index) -> int:
    """Return how many words of the text stand in the best product's name."""
    if not found:
        return 0
    row = index.product(found[0][0]) or {}
    return len({stem(w) for w in words(text)} & {stem(w) for w in words(row.get("name", ""))})
