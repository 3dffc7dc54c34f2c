"""Steps router to evaluate: the parts around the model, and how the whole store answers with it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from appliance.backroom import Store
from appliance.config import Settings
from appliance.engines.llama import LlamaEngine
from appliance.errors import BackroomError, BadInput
from appliance.files import replaced
from appliance.records import LaneName, Role
from appliance.release import file_sha256, read_manifest
from appliance.wiring import open_store
from models import demo, drawn, outcomes
from models.build import Build, read_table
from models.evaluate import examine
from models.excerpts import LabelledAsk
from models.golden.sit import DayClock, figures, read_questions, run
from models.intents import LiveAsk
from models.quantized import fastest_as_good
from models.routing import curves, policies, promised
from models.run.bench import Bench
from models.run.folder import RECORD
from models.run.making import open_desk
from models.run.parts import EMBEDDER, untrained
from models.specialist import EXAM

ROUTER_PARTS = ("index.db", "lexicon.toml", "ranker", "known", "cards", "router", EMBEDDER)
WORST = 12  # examples shown
DEADLINE_S = 30.0


def router(bench: Bench) -> Mapping[str, Any]:
    """Index the corpus and train what finds passages and knows what an ask is about."""
    out, corpus = bench.out, bench.made("corpus")
    _place(_parts(bench) / EMBEDDER, out / EMBEDDER, shutil.copyfile)
    (out / "cards").mkdir(exist_ok=True)
    shutil.copyfile(corpus / "cards.json", out / "cards" / "cards.json")
    build = _build(bench, out)
    found: dict[str, Any] = {}
    with (bench.work / "log.txt").open("a", encoding="utf-8") as log:
        for number, (name, make) in enumerate(demo.steps().items(), 1):
            bench.watch.note(name)
            with contextlib.redirect_stdout(log):
                found[name] = make(build)
            bench.watch.progress(number, len(demo.steps()))
    return found


def calibrate(bench: Bench) -> Mapping[str, Any]:
    """Replay held-out asks through every lane of the quantized model; fit the lanes' odds."""
    release = bench.work / "release"
    assemble(bench, release, calibrated=False)
    found = demo.train_lanes(_build(bench, release))
    for name in ("router.json", "drafts.json"):
        shutil.copyfile(release / "router" / name, bench.out / name)
    shutil.rmtree(release)
    return found


def evaluate(bench: Bench) -> Mapping[str, Any]:
    """Examine every size of the model, and ask the whole store held-out and golden questions."""
    release = bench.work / "release"
    assemble(bench, release, calibrated=True)
    build = _build(bench, release)
    demo.package_for_trials(build)
    sizes = _exams(bench)
    settings = Settings(home=bench.work / "store", release=release)
    clock = DayClock(asked_at(bench))
    with open_store(settings, clock=clock) as store:
        heard = listen(store, *drawn.report_asks(build), watch=bench.watch)
        more = listen(store, [], drawn.more_live_asks(build), watch=bench.watch)
        golden = _golden(bench, store)
    earlier = _earlier(bench, golden)
    found: dict[str, Any] = {
        "exam": sizes,
        "heard": told(heard),
        "promise": promised.of_heard([*heard, *more]),
        "golden": golden,
        "earlier": earlier,
    }
    found["fastest_as_good"] = _fastest(bench, sizes)
    write(bench.out / "evaluation.json", found)
    with replaced(bench.out / "heard.jsonl") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in heard)
    shutil.rmtree(release)
    return {
        "golden_right": golden.get("right"), "ece": found["heard"]["ece"],
        "exam": {k: v["calibrated"]["shares"] for k, v in sizes.items()},
    }  # fmt: skip


def assemble(bench: Bench, into: Path, *, calibrated: bool, copies: bool = False) -> None:
    """Put a release's parts together from the finished steps and the recipe's folder of parts.

    Args:
        bench: Of the step that wants it.
        into: Made anew.
        calibrated: With the lanes' odds of the step calibrate; else with the router's own.
        copies: Real copies, that may travel; else hard links, which nobody may write into.
    """
    shutil.rmtree(into, ignore_errors=True)
    place = shutil.copyfile if copies else _link_file
    for name in ROUTER_PARTS:
        _place(bench.made("router") / name, into / name, place)
    for name, path in untrained(bench.recipe).items():
        _place(path, into / name, place)
    live = bench.made("corpus") / "store"
    if live.is_dir():
        _place(live, into / "store", place)
    shipped = bench.made("quantize") / f"{bench.recipe.quantize.ship}.gguf"
    _place(shipped, into / "specialist" / "specialist.gguf", place)
    if calibrated:
        for name in ("router.json", "drafts.json"):
            (into / "router" / name).unlink(missing_ok=True)
            shutil.copyfile(bench.made("calibrate") / name, into / "router" / name)


def asked_at(bench: Bench) -> datetime:
    """Return the instant golden questions are asked at."""
    return bench.midnight + demo.ASKED_AT


def listen(
    store: Store, asks: Sequence[LabelledAsk], live: Sequence[LiveAsk], *, watch: Any
) -> list[dict[str, Any]]:
    """Ask the whole store; return what was heard, how sure it was and whether it was right."""
    rows: list[dict[str, Any]] = []
    for ask in asks:
        reply = store.ask(ask.text, role=Role.MANAGER, deadline_s=DEADLINE_S)
        rows.append(_row(reply, ask.text, outcomes.says(reply.text, ask), ask.answer))
        watch.progress(len(rows), len(asks) + len(live))
    for one in live:
        reply = store.ask(one.text, role=Role.MANAGER, deadline_s=DEADLINE_S)
        is_its = any(one.subject in f.id for f in reply.facts) if one.subject else True
        is_right = reply.lane is LaneName.LOOKUP and reply.intent == one.intent and is_its
        rows.append(_row(reply, one.text, is_right, f"{one.intent} {one.subject}".strip()))
        watch.progress(len(rows), len(asks) + len(live))
    return rows


def told(heard: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the figures and curves of what was heard; a hand-over claims nothing."""
    said = [row for row in heard if row["lane"] != LaneName.HANDOFF.value]
    p, right = [row["p"] for row in said], [row["right"] for row in said]
    every = np.array([row["right"] for row in heard], dtype=bool)
    sure = np.array([row["p"] if row in said else 0.0 for row in heard])
    cloud = policies.Paired(sure, every, np.ones(len(heard), bool), np.ones(len(heard)))
    worst = sorted((r for r in said if not r["right"]), key=lambda r: -r["p"])[:WORST]
    return {
        "asks": len(heard),
        "answered": len(said),
        "right": round(float(np.mean(right)), 4) if said else None,
        "ece": round(curves.ece(p, right), 4),
        "auroc": curves.auroc(p, right),
        "promise": promised.of_heard(heard)["sentence"],
        "reliability": curves.reliability(p, right),
        "risk_coverage": curves.risk_coverage(p, right),
        "cost_quality": policies.points(cloud) if len(heard) else [],
        "cost_quality_oracle": policies.points(cloud.scored(policies.oracle(cloud))),
        "by_lane": {
            lane: {
                "said": len(mine := [r for r in heard if r["lane"] == lane]),
                "right": round(float(np.mean([r["right"] for r in mine])), 4),
            }
            for lane in sorted({str(r["lane"]) for r in heard})
        },
        "worst": worst,
    }


def write(path: Path, table: Any) -> None:
    """Write a JSON table whole."""
    with replaced(path) as file:
        file.write(json.dumps(table, indent=1, ensure_ascii=False) + "\n")


def _exams(bench: Bench) -> dict[str, Any]:
    """Examine every size, side by side, each in an engine of one thread."""
    practice, test = open_desk(bench).held_out.halves()
    wanted, kinds = bench.recipe.exam, bench.recipe.quantize.kinds

    def sat(kind: str) -> dict[str, Any]:
        path = bench.made("quantize") / f"{kind}.gguf"
        with closing(LlamaEngine(path, threads=1, limits=EXAM)) as served:
            return examine(
                served, practice=practice, material=test, size=wanted.size, seed=wanted.seed,
                is_whole=kind == bench.recipe.quantize.ship,  # the others are only compared
            )  # fmt: skip

    bench.watch.note(f"exams of {', '.join(kinds)}")
    with ThreadPoolExecutor(max_workers=len(kinds)) as hall:
        return dict(zip(kinds, hall.map(sat, kinds), strict=True))


def _fastest(bench: Bench, sizes: Mapping[str, Any]) -> str:
    """Return the kind to ship: the fastest of those the exam cannot tell from the best."""
    speeds = read_table(bench.made("parity") / "parity.json")
    made = read_table(bench.made("quantize") / RECORD)["figures"]["kinds"]
    return fastest_as_good(
        {
            kind: {
                "bytes": made[kind]["bytes"],
                "tokens_per_s": speeds[kind]["tokens_per_s"],
                **exam["calibrated"]["shares"],
            }
            for kind, exam in sizes.items()
        }
    )


def _golden(bench: Bench, store: Store) -> dict[str, Any]:
    wanted = bench.recipe.evaluate
    if not wanted.golden:
        return {}
    path = bench.recipe.path(wanted.golden)
    asked = read_questions(path, most=wanted.asks)
    done = run(store, asked, progress=bench.watch.progress)
    missed = [
        {"id": r.question["id"], "ask": r.question["text"], "said": r.reply.text[:300],
         "lane": r.reply.lane.value, "p": round(r.reply.confidence, 3), "verdict": r.verdict}
        for r in done if r.verdict == "wrong" or r.wrong
    ]  # fmt: skip
    of = f"{file_sha256(path)[:16]}/{len(asked)}"
    return {**figures(done), "of": of, "missed": missed[:WORST]}


def _earlier(bench: Bench, golden: Mapping[str, Any]) -> dict[str, Any]:
    """Return the previous release's golden figure: recorded on these questions, else asked now."""
    named = bench.recipe.release.previous
    if not named or not golden:
        return {}
    folder = bench.recipe.path(named)
    manifest = read_manifest(folder)
    recorded = manifest.evaluation.get("golden", {})
    if recorded.get("of") == golden["of"]:
        return {"id": manifest.id, "right": recorded["right"], "is_recorded": True}
    bench.watch.note(f"golden questions of {manifest.id}")
    home = bench.work / "earlier"
    try:
        with open_store(
            Settings(home=home, release=folder), clock=DayClock(asked_at(bench))
        ) as store:
            found = _golden(bench, store)
    except BackroomError as exc:
        raise BadInput(
            f"The previous release {manifest.id} does not open: {exc.message}",
            hint="Name another in [release] previous, or none.",
        ) from exc
    return {"id": manifest.id, "right": found["right"], "is_recorded": False}


def _row(reply: Any, text: str, is_right: bool, wanted: str) -> dict[str, Any]:
    return {
        "ask": text, "lane": reply.lane.value, "p": round(float(reply.confidence), 4),
        "right": bool(is_right), "said": reply.text[:300], "wanted": wanted[:300],
    }  # fmt: skip


def _build(bench: Bench, release: Path) -> Build:
    """Return where parts are built; what was embedded is kept from run to run."""
    work = bench.run / "cache" / "build"
    work.mkdir(parents=True, exist_ok=True)
    recipe, named = bench.recipe, bench.recipe.release.previous
    earlier = recipe.path(named) / "index.db" if named else None
    return Build(
        release, work, bench.on, bench.made("corpus"), recipe.calibrate.asks,
        recipe.corpus.examples, earlier if earlier and earlier.is_file() else None,
    )  # fmt: skip


def _parts(bench: Bench) -> Path:
    return bench.recipe.path(bench.recipe.release.parts)


def _place(source: Path, target: Path, place: Any) -> None:
    files = [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.is_file())
    if not files:
        raise BadInput(f"The release needs {source.name}, and {source} is not there.")
    for path in files:
        to = target if source.is_file() else target / path.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        place(path, to)


def _link_file(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copyfile(source, target)
