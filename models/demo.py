"""Make a release's parts around the specialist, each from plain files into plain files.

index → ranker → known → excerpts → answerability → intents → cards, then lanes, which needs a
whole release.
`models.run` calls them; the embedder is made by a command of its own (`backroom models embedder`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from appliance.config import Settings
from appliance.index_build.build import build_index
from appliance.lanes.quote import quote_signals
from appliance.lexicon_file import load_lexicon
from appliance.logistic import Logistic
from appliance.records import LaneName
from appliance.stages.intent import OUT_OF_SCOPE
from appliance.stages.text import fold
from appliance.store.cards import Cards
from appliance.store.known_asks import KnownAsks, packed
from models import (
    answerability_build,
    excerpts,
    excerpts_build,
    intents,
    outcomes,
    search_commands,
)
from models.build import Build, known_files, open_embedder, open_index, read_table, write_table
from models.drawn import SEED, drawn, half, labelled
from models.golden.sit import DayClock
from models.package import package
from models.routing.curves import confusion

FEWEST_EXAMPLES = 12  # of an intent, where only some are taken
ASKED_AT = timedelta(hours=15)  # of the day whose rules are in force, UTC
# A lane is not tried when it is right less often than this; a wrong try costs its time only,
# because governance and the draft's own p stand behind it.
TRY_AT = {"card": 0.75, "lookup": 0.4, "specialist": 0.05, "generalist": 0.3, "quote": 0.0}
# One whose likeliest sentence has a p under this names the wrong subject more often than not, and
# a person to ask is worth more.
QUOTE_AT = 0.2


def steps() -> dict[str, Callable[[Build], Mapping[str, Any]]]:
    """Return what is made without a specialist, in order, by name."""
    return {
        "index": build_the_index,
        "ranker": train_ranker,
        "known": place_known_asks,
        "excerpts": excerpts_build.make,
        "answerability": answerability_build.make_if_better,
        "intents": train_intents,
        "cards": embed_cards,
    }


def build_the_index(build: Build) -> Mapping[str, Any]:
    """Index the handbook and the catalogue."""
    embedder = open_embedder(build)
    report = build_index(
        docs=[build.corpus / "handbook"],
        catalog=build.catalogue,
        out=build.work / "index.db",
        embedder=embedder,
        embedder_digest=embedder.digest,
        like=build.earlier,
    )
    shutil.copyfile(build.work / "index.db", build.release / "index.db")
    shutil.copyfile(build.corpus / "lexicon.toml", build.release / "lexicon.toml")
    return {"passages": report.passages, "bytes": report.size_bytes, "sha": report.content_sha256}


def train_ranker(build: Build) -> Mapping[str, Any]:
    """Train the search ranker on the handbook's asks and made product asks; prints its tables."""
    search_commands.ranker(
        build.release / "index.db",
        asks=build.corpus / "asks",
        lexicon=build.corpus / "lexicon.toml",
        target=build.release / "ranker" / "ranker.json",
        catalog=build.catalogue,
        on=_midnight(build.on),
        embedder_folder=build.release / "embedder",
    )
    return read_table(build.release / "ranker" / "ranker.json").get("figures", {})


def place_known_asks(build: Build) -> Mapping[str, Any]:
    """Keep every labelled ask with the place of its answer, and embed it."""
    index, lexicon = open_index(build), load_lexicon(build.corpus / "lexicon.toml")
    rows = []
    for ask in labelled(build, "asks"):
        place = excerpts.find_answer(ask, index)
        if place is not None:
            passage, start, end = place
            text = lexicon.expand(fold(ask.text))
            rows.append({"passage": passage, "start": start, "end": end, "text": text})
    vectors = open_embedder(build).embed([str(row["text"]) for row in rows])
    table, file = known_files(build)
    write_table(table, rows)
    np.save(file, packed(vectors))
    return {"asks": len(rows)}


def train_intents(build: Build) -> Mapping[str, Any]:
    """Train the router's intents and its scope, and choose the scope's threshold."""
    products = intents.read_products(build.catalogue)
    lexicon, embedder = load_lexicon(build.corpus / "lexicon.toml"), open_embedder(build)
    index, known = open_index(build), intents.known_words(build.corpus)
    asked = KnownAsks.load(*known_files(build))
    made = {}
    for split in ("train", "held_out"):
        found = intents.examples(build.corpus, products, split=split, seed=SEED)
        found = _spread(found, most=build.examples)
        texts = [lexicon.expand(fold(e.text)) for e in found]
        vectors = embedder.embed(texts)
        rows = intents.inputs(texts, vectors=vectors, embedder=embedder, index=index, known=known)
        near = [_nearest(asked, v, text) for v, text in zip(vectors, texts, strict=True)]
        made[split] = (rows, [e.intent for e in found], near)
    rows, truth, near = made["train"]
    model = intents.train(rows, truth)
    names = model["intents"]
    seen = intents.scope_features(intents.unseen_odds(rows, truth), names, known=near, rows=rows)
    scope = outcomes.fit(seen, [t != OUT_OF_SCOPE for t in truth])
    least = intents.scope_threshold([scope.p(f) for f in seen], truth)
    rows, truth, near = made["held_out"]
    odds = intents.odds(model, rows)
    p = [scope.p(f) for f in intents.scope_features(odds, names, known=near, rows=rows)]
    figures = {
        **intents.report(odds, names, truth),
        **intents.scope_report(p, truth, least=least),
        "out_of_scope_at": least,
        "confusion": confusion(truth, [names[i] for i in odds.argmax(axis=1)]),
    }
    _place_router(build, model, scope, known=known, figures=figures)
    return figures


def _spread(found: list[intents.Example], *, most: int) -> list[intents.Example]:
    """Return about `most` examples (0: all) in which every intent keeps enough to be told by."""
    every = -(-len(found) // most) if most else 1
    kept = []
    for intent in sorted({e.intent for e in found}):
        mine = [e for e in found if e.intent == intent]
        kept += mine[:: min(every, max(1, len(mine) // FEWEST_EXAMPLES))]
    return kept if most else found


def _nearest(asked: KnownAsks, vector: Any, text: str) -> float:
    return max((a.cosine for a in asked.nearest(vector, k=1, but=text)), default=0.0)


def _place_router(
    build: Build,
    model: Mapping[str, Any],
    scope: Logistic,
    *,
    known: frozenset[str],
    figures: Mapping[str, Any],
) -> None:
    folder = build.release / "router"
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        folder / "router.npz", weights=model["weights"].astype(np.float16), bias=model["bias"]
    )
    old = read_table(folder / "router.json")
    table = {
        "intents": model["intents"],
        "known_words": sorted(known),
        "scope": outcomes.row_of(scope),
        "out_of_scope_at": figures["out_of_scope_at"],
        "try_at": TRY_AT,
        "lanes": old.get("lanes") or outcomes.unfitted(),
        "figures": {"intents": figures},
    }
    write_table(folder / "router.json", table)
    if not (folder / "drafts.json").exists():
        unsure = outcomes.draft_row(Logistic({}, 0.0), 0.0)
        write_table(folder / "drafts.json", {"drafts": {"specialist": unsure}})


def embed_cards(build: Build) -> Mapping[str, Any]:
    """Embed every card's asks."""
    cards = Cards.load(build.release / "cards" / "cards.json")
    asks = [ask for card in cards for ask in card.asks]
    lexicon = load_lexicon(build.corpus / "lexicon.toml")
    rows = open_embedder(build).embed([lexicon.expand(ask) for ask in asks])
    np.save(build.release / "cards" / "vectors.npy", rows.astype(np.float16))
    return {"cards": len(cards), "asks": len(asks)}


def train_lanes(build: Build) -> Mapping[str, Any]:
    """Replay held-out asks through every lane, then fit the lanes' odds and the drafts' p."""
    from appliance.wiring import open_store  # noqa: PLC0415 - a whole store, for this step alone

    package_for_trials(build)
    settings = Settings(home=build.work / "store", release=build.release)
    asks, live = drawn(build)
    clock = DayClock(_midnight(build.on) + ASKED_AT)
    with open_store(settings, clock=clock) as store:
        trials = {
            part: [
                *outcomes.try_handbook(store, [a for a in asks if half(a.text) == part]),
                *outcomes.try_live(store, [a for a in live if half(a.text) == part]),
            ]
            for part in ("calibration", "report")
        }
    cards = Cards.load(build.release / "cards" / "cards.json")
    vectors = np.load(build.release / "cards" / "vectors.npy").astype(np.float32)
    known_cards = list(outcomes.try_cards(cards, vectors))
    models = outcomes.lane_models([*trials["calibration"], *known_cards])
    draft = outcomes.draft_model(trials["calibration"], LaneName.SPECIALIST)
    # A draft under this p gives way to the quote: a quote of the same sentence costs the associate
    # a longer read, a wrong sentence costs trust.
    least = outcomes.least_p(trials["calibration"], draft, LaneName.SPECIALIST)
    quote = outcomes.draft_model(trials["calibration"], LaneName.QUOTE)
    figures = outcomes.figures(trials["report"], models, draft)
    table = read_table(build.release / "router" / "router.json")
    table["lanes"] = {name: outcomes.row_of(model) for name, model in models.items()}
    table["figures"]["lanes"] = figures
    write_table(build.release / "router" / "router.json", table)
    write_table(
        build.release / "router" / "drafts.json",
        {
            "drafts": {
                "specialist": outcomes.draft_row(draft, least),
                "quote": outcomes.draft_row(quote, quote.p(quote_signals(QUOTE_AT))),
            },
            "figures": figures,
        },
    )
    return {**figures, "accept_at": least}


def package_for_trials(build: Build) -> None:
    """Write a manifest over the parts as they are, so that they open as a store."""
    package(
        build.release, release="trials", counter=0, created_at=_midnight(build.on),
        compatibility={}, thresholds={}, evaluation={}, probes=(),
    )  # fmt: skip


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
