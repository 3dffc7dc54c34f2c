"""Build the demo release's parts in order, each step reading and writing plain files.

corpus → index → ranker → excerpts → intents → cards → lanes → package. The specialist and the
embedder are made by commands of their own (`backroom models base`, `backroom models embedder`).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from appliance.config import Settings
from appliance.engines.onnx import OnnxEmbedder
from appliance.errors import BadInput
from appliance.files import replaced
from appliance.index_build.build import build_index
from appliance.logistic import Logistic
from appliance.records import LaneName
from appliance.release import file_sha256, load_lexicon
from appliance.stages.intent import POLICY
from appliance.store.cards import Cards
from appliance.store.index import SqliteIndex
from appliance.store.index_schema import SCHEMA
from models import excerpts, intents, outcomes, search_commands
from models.corpus.cli import write_corpus
from models.package import package

CORPUS = Path(__file__).parent / "corpus"
SEED = 20261122
EMBED_BATCH = 64
# A lane is not tried when it is right less often than this; a wrong try costs its time only,
# because governance and the draft's own p stand behind it.
TRY_AT = {"card": 0.6, "lookup": 0.3, "specialist": 0.05, "generalist": 0.3, "quote": 0.0}
PROBES = (
    "how long do customers have to return opened headphones",
    "how many {name} do we have",
    "can I give 25% off to a silver customer",
    "what time do we close on sunday",
)


@dataclass(frozen=True, slots=True)
class Build:
    """Where a build reads and writes."""

    release: Path
    work: Path
    on: date  # the day whose rules are in force

    @property
    def catalogue(self) -> Path:
        """The generated catalogue."""
        return self.work / "corpus" / "catalogue.csv"


def steps() -> dict[str, Callable[[Build], Mapping[str, Any]]]:
    """Return the steps in order, by name."""
    return {
        "corpus": write_the_corpus,
        "index": build_the_index,
        "ranker": train_ranker,
        "excerpts": train_excerpts,
        "intents": train_intents,
        "cards": embed_cards,
        "lanes": train_lanes,
        "package": package_it,
    }


def write_the_corpus(build: Build) -> Mapping[str, Any]:
    """Write the catalogue, the store's live data and the cards."""
    products, documents = write_corpus(
        build.work / "corpus", now=_midnight(build.on), release=build.release
    )
    return {"products": products, "documents": documents}


def build_the_index(build: Build) -> Mapping[str, Any]:
    """Index the handbook and the catalogue."""
    embedder = _embedder(build)
    report = build_index(
        docs=[CORPUS / "handbook"],
        catalog=build.catalogue,
        out=build.work / "index.db",
        embedder=embedder,
        embedder_digest=embedder.digest,
    )
    shutil.copyfile(build.work / "index.db", build.release / "index.db")
    shutil.copyfile(CORPUS / "lexicon.toml", build.release / "lexicon.toml")
    return {"passages": report.passages, "bytes": report.size_bytes, "sha": report.content_sha256}


def train_ranker(build: Build) -> Mapping[str, Any]:
    """Train the search ranker on the handbook's asks and made product asks; prints its tables."""
    search_commands.ranker(
        build.release / "index.db",
        target=build.release / "ranker" / "ranker.json",
        catalog=build.catalogue,
        on=_midnight(build.on),
        embedder_folder=build.release / "embedder",
    )
    return _read(build.release / "ranker" / "ranker.json").get("figures", {})


def train_excerpts(build: Build) -> Mapping[str, Any]:
    """Train the sentence ranker on the handbook's asks."""
    gathered = {
        split: list(
            excerpts.gather(
                _asks(build, split),
                index=_index(build),
                embedder=_embedder(build),
                lexicon=load_lexicon(CORPUS / "lexicon.toml"),
                on=build.on,
            )
        )
        for split in ("asks", "held_out")
    }
    model = excerpts.train(gathered["asks"])
    figures = {split: excerpts.report(model, found) for split, found in gathered.items()}
    excerpts.write(model, build.release / "ranker" / "excerpts.json", figures=figures)
    return figures


def train_intents(build: Build) -> Mapping[str, Any]:
    """Train the router's intents and choose the scope threshold."""
    products = intents.read_products(build.catalogue)
    lexicon, embedder = load_lexicon(CORPUS / "lexicon.toml"), _embedder(build)
    index, known = _index(build), intents.known_words(CORPUS)
    made = {}
    for split in ("train", "held_out"):
        found = intents.examples(CORPUS, products, split=split, seed=SEED)
        rows = intents.inputs(
            [e.text for e in found],
            embedder=embedder,
            index=index,
            lexicon=lexicon,
            known=known,
        )
        made[split] = (rows, [e.intent for e in found])
    model = intents.train(*made["train"])
    figures = intents.report(model, *made["held_out"])
    folder = build.release / "router"
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        folder / "router.npz", weights=model["weights"].astype(np.float16), bias=model["bias"]
    )
    old = _read(folder / "router.json")
    table = {
        "intents": model["intents"],
        "known_words": sorted(known),
        "out_of_scope_at": figures["out_of_scope_at"],
        "try_at": TRY_AT,
        "lanes": old.get("lanes") or _unfitted(),
        "figures": {"intents": figures},
    }
    _write(folder / "router.json", table)
    if not (folder / "drafts.json").exists():
        _write(folder / "drafts.json", {"drafts": {"specialist": _draft(Logistic({}, 0.0), 0.0)}})
    return figures


def embed_cards(build: Build) -> Mapping[str, Any]:
    """Embed every card's asks."""
    cards = Cards.load(build.release / "cards" / "cards.json")
    asks = [ask for card in cards for ask in card.asks]
    lexicon = load_lexicon(CORPUS / "lexicon.toml")
    rows = _embedder(build).embed([lexicon.expand(ask) for ask in asks])
    np.save(build.release / "cards" / "vectors.npy", rows.astype(np.float16))
    return {"cards": len(cards), "asks": len(asks)}


def train_lanes(build: Build) -> Mapping[str, Any]:
    """Replay held-out asks through every lane, then fit the lanes' odds and the drafts' p."""
    from appliance.wiring import open_store  # noqa: PLC0415 - a whole store, for this step alone

    package_it(build)
    settings = Settings(home=build.work / "store", release=build.release)
    asks = _asks(build, "held_out")
    live = _live_asks(build)
    with open_store(settings) as store:
        trials = {
            half: [
                *outcomes.try_handbook(store, [a for a in asks if _half(a.text) == half]),
                *outcomes.try_live(store, [a for a in live if _half(a.text) == half]),
            ]
            for half in ("calibration", "report")
        }
    models = outcomes.lane_models(trials["calibration"])
    draft = outcomes.draft_model(trials["calibration"], LaneName.SPECIALIST)
    figures = outcomes.figures(trials["report"], models, draft)
    table = _read(build.release / "router" / "router.json")
    table["lanes"] = {name: _row(model) for name, model in models.items()}
    table["figures"]["lanes"] = figures
    _write(build.release / "router" / "router.json", table)
    _write(
        build.release / "router" / "drafts.json",
        {"drafts": {"specialist": _draft(draft, ACCEPT_AT)}, "figures": figures},
    )
    return figures


# A specialist's draft under this p gives way to the quote: a quote of the same sentence costs the
# associate a longer read, a wrong sentence costs trust.
ACCEPT_AT = 0.5


def package_it(build: Build) -> Mapping[str, Any]:
    """Write the manifest over all parts."""
    embedder = _embedder(build)
    router = _read(build.release / "router" / "router.json")
    evaluation = {
        "router": router.get("figures", {}),
        "excerpts": _read(build.release / "ranker" / "excerpts.json").get("figures", {}),
        "specialist": _read(build.release / "specialist" / "report.json"),
    }
    manifest = package(
        build.release,
        release=f"larkmoor-{build.on:%Y.%m.%d}",
        counter=1,
        created_at=_midnight(build.on),
        compatibility={
            "embedding_dim": embedder.dim,
            "embedder": embedder.digest,
            "tokenizer_sha256": file_sha256(build.release / "embedder" / "tokenizer.json"),
            "index_schema": SCHEMA,
            "values": "slots",
        },
        thresholds={"out_of_scope_at": router["out_of_scope_at"], "accept_at": ACCEPT_AT},
        evaluation=evaluation,
        probes=[{"text": text} for text in _probes(build)],
    )
    return {"parts": len(manifest.parts), "bytes": sum(p.bytes for p in manifest.parts.values())}


def documents_in_force(folder: Path, on: date) -> frozenset[str]:
    """Return the ids of handbook documents in force on a day.

    Raises:
        BadInput: A document's front matter does not parse.
    """
    found = set()
    for path in folder.glob("*.md"):
        try:
            fields = yaml.safe_load(path.read_text(encoding="utf-8").split("---")[1])
            ends = fields.get("effective_to")
            if fields["effective_from"] <= on and (ends is None or on <= ends):
                found.add(str(fields["id"]))
        except (IndexError, KeyError, TypeError, yaml.YAMLError) as exc:
            raise BadInput(f"{path}: its front matter does not parse: {exc}.") from exc
    return frozenset(found)


def _asks(build: Build, field: str) -> list[excerpts.LabelledAsk]:
    ours = documents_in_force(CORPUS / "handbook", build.on)
    return [a for a in excerpts.read_asks(CORPUS / "asks", field) if a.document in ours]


def _live_asks(build: Build) -> list[intents.LiveAsk]:
    """Return held-out wordings over held-out products that name one product for sure."""
    products = intents.read_products(build.catalogue)
    return intents.live_asks(CORPUS, products, seed=SEED)


def _probes(build: Build) -> list[str]:
    name = intents.read_products(build.catalogue)[7].name
    return [text.format(name=name) for text in PROBES]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _half(text: str) -> str:
    return "calibration" if outcomes.is_calibration(text) else "report"


def _unfitted() -> dict[str, Any]:
    """Return odds to start from, before any outcome was recorded."""
    return {
        "card": _row(Logistic({"card_cosine": 20.0}, -17.0)),
        "lookup": _row(Logistic({"live_product": 6.0, "live": 3.0}, -3.0)),
        "specialist": _row(Logistic({POLICY: 4.0}, -2.0)),
        "quote": _row(Logistic({POLICY: 3.0}, -2.0)),
    }


def _row(model: Logistic) -> dict[str, Any]:
    return {"weights": dict(model.weights), "bias": model.bias}


def _draft(model: Logistic, accept_at: float) -> dict[str, Any]:
    return {**_row(model), "accept_at": accept_at}


def _embedder(build: Build) -> OnnxEmbedder:
    return OnnxEmbedder(build.release / "embedder")


def _index(build: Build) -> SqliteIndex:
    return SqliteIndex(
        build.release / "index.db",
        embedder=_embedder(build),
        ranker=build.release / "ranker" / "ranker.json",
    )


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def _write(path: Path, table: Mapping[str, Any]) -> None:
    with replaced(path) as file:
        file.write(json.dumps(table, indent=1, sort_keys=True) + "\n")
