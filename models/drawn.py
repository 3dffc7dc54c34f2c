"""Which held-out asks calibrate, which report, and which nobody has seen.

An ask is in one half for good, by a checksum of its text; what is fresh is in neither.
"""

from __future__ import annotations

import random

from models import excerpts, intents, outcomes
from models.build import Build
from models.handbook import documents_in_force

SEED = 20261122
MOST_DRAWS = 20  # of live asks, for the promise


def report_asks(build: Build) -> tuple[list[excerpts.LabelledAsk], list[intents.LiveAsk]]:
    """Return the drawn held-out asks that calibrated nothing."""
    asks, live = drawn(build)
    return (
        [a for a in asks if half(a.text) == "report"],
        [a for a in live if half(a.text) == "report"],
    )


def more_live_asks(build: Build) -> list[intents.LiveAsk]:
    """Return further questions for live facts, of none that calibrated or is kept as fresh.

    A promise takes some hundred answers more than a report; wordings are few, products are not, so
    as many are drawn as the handbook has asks in the report: half and half, as a store is asked.
    """
    asks, live = report_asks(build)
    seen = {a.text for which in ("drawn", "fresh") for a in asks_for(build, which)[1]}
    products, found = intents.read_products(build.catalogue), dict[str, intents.LiveAsk]()
    for seed in range(SEED + 2, SEED + 2 + MOST_DRAWS):
        if len(found) >= len(asks) - len(live):
            break
        more = intents.live_asks(build.corpus, products, seed=seed)
        found |= {a.text: a for a in more if a.text not in seen and half(a.text) == "report"}
    return list(found.values())[: max(0, len(asks) - len(live))]


def asks_for(build: Build, which: str) -> tuple[list[excerpts.LabelledAsk], list[intents.LiveAsk]]:
    """Return held-out asks: `drawn` are those that calibrate or report, `fresh` the others."""
    tried, live = drawn(build)
    if which == "drawn":
        return tried, live
    seen, ours = {a.text for a in tried}, labelled(build, "held_out")
    products = intents.read_products(build.catalogue)
    others = intents.live_asks(build.corpus, products, seed=SEED + 1)
    known = {a.text for a in live}
    return [a for a in ours if a.text not in seen], [a for a in others if a.text not in known]


def drawn(build: Build) -> tuple[list[excerpts.LabelledAsk], list[intents.LiveAsk]]:
    """Return the held-out asks that calibrate or report, both halves."""
    held_out = labelled(build, "held_out")
    asks = random.Random(SEED).sample(held_out, min(build.asks, len(held_out)))  # noqa: S311
    live = _live_asks(build)
    return asks, random.Random(SEED).sample(live, min(build.asks, len(live)))  # noqa: S311


def labelled(build: Build, field: str) -> list[excerpts.LabelledAsk]:
    """Return the asks of documents in force; `field` is asks (trained on) or held_out."""
    ours = documents_in_force(build.corpus / "handbook", build.on)
    return [a for a in excerpts.read_asks(build.corpus / "asks", field) if a.document in ours]


def _live_asks(build: Build) -> list[intents.LiveAsk]:
    """Return held-out wordings over held-out products that name one product for sure."""
    products = intents.read_products(build.catalogue)
    return intents.live_asks(build.corpus, products, seed=SEED)


def half(text: str) -> str:
    """Return the half a held-out ask is in, by a checksum of its text."""
    return "calibration" if outcomes.is_calibration(text) else "report"
