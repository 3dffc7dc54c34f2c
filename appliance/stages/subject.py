"""Which products a question is about, and how surely; the same in training and serving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.ports import Index
from appliance.records import Query
from appliance.stages.excerpt import stem
from appliance.stages.text import words

IDENTIFIED = 0.95  # scores of identifiers and telling parts of them start here
NAMED_AT = 0.3  # below this an ask names no product
VARIANT_SHARE = 0.9  # of the best score, that another product must reach to be meant as well
SHARED_WORDS, ONE_WORD = 2, 0.5
LOOKED_AT = 3


@dataclass(frozen=True, slots=True)
class Subject:
    """What an ask is about: SKUs, likeliest first; how surely it names a thing, in [0, 1]."""

    skus: tuple[str, ...]
    score: float
    is_named: bool  # an order, a badge or a product is


def subject_of(query: Query, index: Index) -> Subject:
    """Return the subject of a prepared question."""
    if any(e.kind in {"order", "badge"} for e in query.entities):
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
    return named(query.standalone, index)


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


def _words_shared(text: str, found: Sequence[tuple[str, float]], index: Index) -> int:
    """Return how many words of the text stand in the best product's name."""
    if not found:
        return 0
    row = index.product(found[0][0]) or {}
    return len({stem(w) for w in words(text)} & {stem(w) for w in words(row.get("name", ""))})
