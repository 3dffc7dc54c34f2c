"""Training groups: a few sources and many asks over them, each to be answered or declined.

Sources come in the order a ranker would deliver them, so the likeliest is first more often than
not. Hard negatives are kept: neighbours in the section, the same product's other facts, superseded
rules, sentences an embedder finds close.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.lanes.prompt import MOST_SOURCES, Answer, SlottedSource, slotted_sources
from models.handbook import Statement
from models.kinds import SCENES, Scene, stray
from models.phrasings import JOINS
from models.rules import made_up_rules
from models.shelf import Phrases, shelf
from models.wording import Wording

# Shares of the training groups, by kind.
MIXTURE = {
    "handbook": 0.30,
    "product": 0.22,
    "rule": 0.17,
    "two-source": 0.11,
    "comparison": 0.06,
    "follow-up": 0.05,
    "spanish": 0.09,
}
MOST_ASKS = 24  # of a group: an ask costs a tenth of what reading its sources does
ORDERS = 24  # sentences kept per ask, likeliest first


@dataclass(frozen=True, slots=True)
class Group:
    """Sources and asks over them; an ask's second part is the place or places that answer it."""

    sources: tuple[SlottedSource, ...]
    asks: tuple[tuple[str, Answer], ...]
    kind: str = ""


@dataclass(frozen=True)
class Material:
    """All that groups are made of."""

    statements: Sequence[Statement]
    phrases: Phrases
    wording: Wording
    orders: NDArray[np.int32]  # (asks, ORDERS): statements by likeness to each training ask
    owners: Sequence[tuple[int, str]]  # statement and text of each row of `orders`

    @classmethod
    def of(
        cls,
        statements: Sequence[Statement],
        phrases: Phrases,
        wording: Wording,
        *,
        embedder: Path | None,
        cache: Path,
        held_out: bool = False,
    ) -> Material:
        """Return material whose orders come from an embedder folder, or from shared words."""
        owners = [
            (i, ask)
            for i, s in enumerate(statements)
            for ask in (s.held_out if held_out else s.asks)
        ]
        asks = [a for _, a in owners]
        digest = hashlib.sha256(json.dumps([asks, [s.text for s in statements]]).encode())
        kept = cache / f"orders-{digest.hexdigest()[:16]}-{embedder is not None:d}.npy"
        if not kept.exists():
            np.save(kept, likeness_orders(asks, statements, embedder=embedder))
        orders = np.load(kept)
        return cls(statements, phrases, wording, orders, owners)

    def halves(self) -> tuple[Material, Material]:
        """Return two materials that share statements but no ask: every third ask, and the rest."""
        rows = np.arange(len(self.owners))
        return self._of_rows(rows[rows % 3 == 0]), self._of_rows(rows[rows % 3 != 0])

    def _of_rows(self, rows: NDArray[np.int64]) -> Material:
        owners = [self.owners[int(r)] for r in rows]
        return replace(self, orders=self.orders[rows], owners=owners)


def likeness_orders(
    asks: Sequence[str], statements: Sequence[Statement], *, embedder: Path | None
) -> NDArray[np.int32]:
    """Return (asks, ORDERS) statements, likeliest first, by shared words and the embedder."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415

    texts = [f"{s.title}: {s.text}" for s in statements]
    shared = TfidfVectorizer(sublinear_tf=True, stop_words="english").fit(texts)
    score = (shared.transform(asks) @ shared.transform(texts).T).toarray()
    if embedder is not None:
        from appliance.engines.onnx import OnnxEmbedder  # noqa: PLC0415

        model = OnnxEmbedder(embedder)
        score = 0.5 * score + model.embed(list(asks)) @ model.embed(texts).T
    return np.argsort(-score, axis=1, kind="stable")[:, :ORDERS].astype(np.int32)


def training_group(rng: random.Random, material: Material) -> Group:
    """Return one group of the training mixture."""
    kind = rng.choices(tuple(MIXTURE), tuple(MIXTURE.values()))[0]
    if kind == "handbook":
        return _handbook_group(rng, material)
    if kind in ("product", "rule"):
        return _made_group(rng, material, kind)
    return _scene_group(rng, material, kind)


def _handbook_group(rng: random.Random, material: Material) -> Group:
    row = rng.randrange(len(material.owners))
    anchor, ask = material.owners[row]
    likely = [int(i) for i in material.orders[row]]
    jitter = {i: at + rng.gauss(0, 1.2) for at, i in enumerate(likely)}  # rankers differ a little
    order = sorted(likely, key=jitter.__getitem__)
    count = rng.choice((1, 2, 3, 4, 5, 6, 7, 8, 8))
    chosen = order[:count]
    asks: list[tuple[str, Answer]] = []
    if anchor not in chosen:
        chosen[rng.randrange(len(chosen) // 2, len(chosen))] = anchor
    if rng.random() < 0.25:  # its answer is not there, its neighbours are
        chosen = [i for i in order if i != anchor][:count]
    place = {statement: at for at, statement in enumerate(chosen)}
    asks += [(a, place.get(anchor)) for a in _asks_for(rng, material, anchor, 4, first=ask)]
    others = rng.choice((0.3, 0.9))  # as ranked, or asks for nearly every source
    for at, other in enumerate(chosen):
        if other != anchor and rng.random() < others:
            asks += [(a, at) for a in _asks_for(rng, material, other, 2)]
    absent = [i for i in order[count:] if i not in place]
    near = rng.sample(absent, min(len(absent), rng.choice((1, 2, 3, 4))))
    for other in near:
        asks += [(a, None) for a in _asks_for(rng, material, other, 2)]
    for _ in range(rng.choice((0, 0, 1, 2))):
        asks += _both(rng, material, chosen, absent)
    if rng.random() < 0.35:
        asks.append((_stray(rng, material, place), None))
    rng.shuffle(asks)
    rows = [material.statements[i] for i in chosen]
    return _group(rows, asks, "handbook")


def _both(
    rng: random.Random, material: Material, chosen: Sequence[int], absent: Sequence[int]
) -> list[tuple[str, Answer]]:
    """Return an ask of two things; where but one of them is here, it is the one that is cited."""
    first = rng.randrange(len(chosen))
    if len(chosen) > 1 and rng.random() < 0.75:
        second = rng.choice([p for p in range(len(chosen)) if p != first])
        parts, answer = [chosen[first], chosen[second]], (min(first, second), max(first, second))
        rng.shuffle(parts)
    elif absent:
        parts, answer = [chosen[first], rng.choice(absent)], first  # type: ignore[assignment]
        rng.shuffle(parts)
    else:
        return []
    a, b = (_asks_for(rng, material, p, 1)[0].rstrip("?") for p in parts)
    return [(rng.choice(JOINS).format(a=a, b=b), answer)]


def _asks_for(
    rng: random.Random, material: Material, statement: int, count: int, *, first: str = ""
) -> list[str]:
    """Return asks of one statement: hand-written ones varied, else a few of its words."""
    one = material.statements[statement]
    asks = [material.wording.vary(rng, first)] if first else []
    while len(asks) < count:
        spanish = one.language == "es"
        draw = rng.random()
        if one.asks and draw < 0.65:
            asks.append(material.wording.vary(rng, rng.choice(one.asks)))
        elif draw < 0.75 and not spanish:
            asks.append(material.wording.in_spanish(rng, one.text, one.title))
        else:
            asks.append(material.wording.keywords(rng, one.text, one.title, spanish=spanish))
    return asks


def _stray(rng: random.Random, material: Material, place: dict[int, int]) -> str:
    """Return an ask that nothing here answers: out of scope, a product's, another document's."""
    draw = rng.random()
    if draw < 0.2:
        return str(rng.choice(material.phrases.train["out_of_scope"]))
    if draw < 0.4:
        return stray(rng, held_out=False)
    if draw < 0.6:
        return rng.choice(rng.choice(shelf(rng, material.phrases, held_out=False, count=2)).asks)
    while True:
        statement, ask = rng.choice(material.owners)
        if statement not in place:
            return material.wording.vary(rng, ask)


def _made_group(rng: random.Random, material: Material, kind: str) -> Group:
    count = rng.choice((1, 2, 3, 4, 5, 6, 8))
    found = made(rng, material.phrases, kind, held_out=False, count=count + 3)
    rng.shuffle(found)
    cut = max(1, len(found) - 3)
    present, absent = found[:cut], found[cut:]
    asks: list[tuple[str, Answer]] = []
    for at, one in enumerate(present):
        asks += [(_reworded(rng, material, one), at) for _ in range(3)]
    for one in absent:
        asks += [(_reworded(rng, material, one), None) for _ in range(rng.choice((2, 3)))]
    if rng.random() < 0.15:
        asks.append((stray(rng, held_out=False), None))
    rng.shuffle(asks)
    if rng.random() < 0.4:  # a handbook sentence among them, as the search would add
        present = [*present, rng.choice(material.statements)][:MOST_SOURCES]
    return _group(present, asks, kind)


def _reworded(rng: random.Random, material: Material, one: Statement) -> str:
    """Return an ask of a made-up statement: by template, or by a few of its own words.

    Templates alone are learned by heart, and any other wording is then declined as unknown.
    """
    if rng.random() < 0.4:
        thing = one.document.rsplit("-", 1)[-1] if one.document.startswith("rule-") else ""
        said = material.wording.keywords(rng, one.text, one.title, spanish=False)
        return said if thing in said else f"{said} {thing}"
    pool = one.spanish if one.spanish and rng.random() < 0.12 else one.asks
    ask = rng.choice(pool)
    if rng.random() < 0.3:
        ask = f"{ask} {rng.choice(('pls', 'please', '?', 'thx'))}"
    return material.wording.vary(rng, ask) if rng.random() < 0.4 else ask


def _scene_group(rng: random.Random, material: Material, kind: str) -> Group:
    scene: Scene = SCENES[kind](rng, material.phrases, held_out=False)
    rows, asks = list(scene.rows), []
    for ask, answer in scene.asks:
        said = material.wording.vary(rng, ask) if rng.random() < 0.3 else ask
        asks.append((said, answer))
    if rng.random() < 0.4 and len(rows) < MOST_SOURCES:  # at the end: places stay what they are
        rows.append(rng.choice(material.statements))
    rng.shuffle(asks)
    return _group(rows, asks, kind)


def made(
    rng: random.Random, phrases: Phrases, kind: str, *, held_out: bool, count: int
) -> list[Statement]:
    """Return made-up statements of a kind (product | rule), no two with the same asks."""
    if kind == "product":
        return shelf(rng, phrases, held_out=held_out, count=count)
    return made_up_rules(rng, held_out=held_out, count=count)


def _group(
    rows: Sequence[Statement],
    asks: Sequence[tuple[str, Answer]],
    kind: str,
) -> Group:
    sources = slotted_sources([(s.document, s.title, s.text) for s in rows[:MOST_SOURCES]])
    kept = [(a, at) for a, at in asks if reaches(at, len(sources))]
    return Group(sources, tuple(kept[:MOST_ASKS]), kind)


def reaches(answer: Answer, count: int) -> bool:
    """Tell whether an answer's places are among the first `count` sources."""
    return answer is None or (max(answer) if isinstance(answer, tuple) else answer) < count
