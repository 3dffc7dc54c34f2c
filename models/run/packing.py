"""Step package: put the release together, hold it against the gate, write cards and manifest."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from appliance.config import Settings
from appliance.engines.onnx import OnnxEmbedder
from appliance.files import replaced
from appliance.release import file_sha256, read_manifest
from appliance.store.index_schema import SCHEMA
from appliance.wiring import open_store
from models import gate
from models.build import read_table
from models.cards import write_model_card
from models.golden.sit import DayClock
from models.intents import read_products
from models.package import package as write_manifest
from models.report.page import write_report
from models.routing.placing import place_promise
from models.run.bench import Bench
from models.run.folder import RECORD
from models.run.serving import asked_at, assemble, write

RELEASE, GATE, REPORT = "release", "gate.json", "report"
NAMED = 7  # the product whose name probes say
STEPS = ("corpus", "base", "finetune", "export", "quantize", "parity", "router", "calibrate",
         "evaluate")  # fmt: skip


def package(bench: Bench) -> Mapping[str, Any]:
    """Make the release; nothing is left of one that the gate refuses.

    Raises:
        BadInput: The gate refused it; every reason is named, and `gate.json` has them too.
    """
    folder = bench.out / RELEASE
    assemble(bench, folder, calibrated=True, copies=True)
    recipe = bench.recipe
    named: dict[str, Any] = {
        "release": recipe.release.id.format(name=recipe.name, on=bench.on),
        "counter": recipe.release.counter,
        "created_at": bench.made_at,
        "compatibility": compatibility(folder),
        "thresholds": _thresholds(folder),
        "probes": _probes(bench),
    }
    write_manifest(folder, **named, evaluation={})  # so that it opens as a store
    findings, probed = _checked(bench, folder, named)
    told = [asdict(f) for f in findings]
    write(bench.run / GATE, told)
    if not all(f.is_ok for f in findings):
        # An earlier release must not be taken for the one that was refused.
        shutil.rmtree(bench.made("package"), ignore_errors=True)
    gate.stop_if_refused(findings)
    _write_cards(bench, folder)
    write_report(bench.run, folder / REPORT, pictures=False)
    evaluation = _evaluation(bench) | {"self_test": probed, "gate": told}
    write_manifest(folder, **named, evaluation=evaluation)
    place_promise(folder, read_table(bench.made("evaluate") / "evaluation.json")["promise"])
    manifest = read_manifest(folder)
    return {
        "id": manifest.id, "parts": len(manifest.parts),
        "bytes": sum(p.bytes for p in manifest.parts.values()),
        "gate": {f.name: f.said for f in findings},
    }  # fmt: skip


def compatibility(folder: Path) -> dict[str, Any]:
    """Return what the parts of a release say they must fit."""
    embedder = OnnxEmbedder(folder / "embedder")
    return {
        "embedding_dim": embedder.dim,
        "embedder": embedder.digest,
        "tokenizer_sha256": file_sha256(folder / "embedder" / "tokenizer.json"),
        "index_schema": SCHEMA,
        "values": gate.VALUES,
    }


def _checked(
    bench: Bench, folder: Path, named: Mapping[str, Any]
) -> tuple[list[gate.Finding], list[dict[str, Any]]]:
    limits = bench.recipe.gate
    found = read_table(bench.made("evaluate") / "evaluation.json")
    parity = read_table(bench.made("parity") / "parity.json")
    settings = Settings(home=bench.work / "store", release=folder)
    with open_store(settings, clock=DayClock(asked_at(bench))) as store:
        answered, probed = gate.answers(store, named["probes"], limits=limits)
    findings = [
        gate.remembers(found["golden"], found["earlier"], limits=limits),
        gate.agrees(parity, ships=bench.recipe.quantize.ship, limits=limits),
        gate.calibrated(found["heard"], limits=limits),
        gate.fits(folder, named["compatibility"]),
        answered,
        gate.light(folder, limits=limits),
    ]
    return findings, probed


def _probes(bench: Bench) -> list[dict[str, Any]]:
    products = read_products(bench.made("corpus") / "catalogue.csv")
    name = products[NAMED % len(products)].name
    return [
        {"text": p.text.replace("{name}", name), "holds": list(p.holds), "lanes": list(p.lanes)}
        for p in bench.recipe.release.probes
    ]


def _thresholds(folder: Path) -> dict[str, float]:
    drafts = read_table(folder / "router" / "drafts.json")["drafts"]
    return {
        "out_of_scope_at": read_table(folder / "router" / "router.json")["out_of_scope_at"],
        "accept_at": drafts["specialist"]["accept_at"],
    }


def _write_cards(bench: Bench, folder: Path) -> None:
    records = {name: read_table(bench.run / name / RECORD) for name in STEPS}
    evaluation = read_table(bench.made("evaluate") / "evaluation.json")
    report = {
        "name": bench.recipe.name,
        "ships": bench.recipe.quantize.ship,
        "figures": {name: record.get("figures", {}) for name, record in records.items()},
        "digests": {name: record.get("outputs", {}) for name, record in records.items()},
        "exam": evaluation["exam"],
        "golden": evaluation["golden"],
        "heard": {k: evaluation["heard"][k] for k in ("asks", "answered", "right", "ece", "auroc")},
        "gguf_sha256": file_sha256(folder / "specialist" / "specialist.gguf"),
        "gguf_bytes": (folder / "specialist" / "specialist.gguf").stat().st_size,
    }
    with replaced(folder / "specialist" / "CARD.md") as file:
        file.write(write_model_card(report))
    with replaced(folder / "specialist" / "report.json") as file:
        file.write(json.dumps(report | {"digests": {}}, indent=1) + "\n")
    data_card = bench.made("corpus") / "CARD.md"
    with replaced(folder / "DATA.md") as file:
        file.write(data_card.read_text(encoding="utf-8"))


def _evaluation(bench: Bench) -> dict[str, Any]:
    """Return the figures that travel in the manifest; the curves are in the report."""
    found = read_table(bench.made("evaluate") / "evaluation.json")
    golden = {k: v for k, v in found["golden"].items() if k != "missed"}
    heard = {k: found["heard"][k] for k in ("asks", "answered", "right", "ece", "by_lane")}
    router = read_table(bench.made("calibrate") / "router.json").get("figures", {})
    ships = bench.recipe.quantize.ship
    return {
        "golden": golden, "earlier": found["earlier"], "heard": heard, "router": router,
        "parity": read_table(bench.made("parity") / "parity.json"),
        "specialist": found["exam"][ships],
    }  # fmt: skip
