"""The gate: what a release must hold before it may leave; every fault is told at once, in numbers.

Each check is a pure function over figures or over the parts themselves. It does not say that a
release is good: it says that nothing known to be wrong is in it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from appliance.backroom import Store
from appliance.engines.llama import LlamaEngine
from appliance.engines.onnx import OnnxEmbedder
from appliance.errors import BackroomError, BadInput
from appliance.holding import holds
from appliance.lanes.prompt import CONTROLS
from appliance.records import Role
from appliance.release import file_sha256
from appliance.router_file import load_router
from appliance.store.index import SqliteIndex
from appliance.store.index_schema import SCHEMA
from appliance.store.known_asks import KnownAsks
from models.recipe import GateRecipe

VALUES = "slots"
TRIES = 2  # of each probe; the quicker counts: another process may have had the core
GOLDEN_STEP = 1e-9  # a fall of exactly what is allowed is allowed


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    name: str
    is_ok: bool
    said: str  # which figure, and by how much


def remembers(
    golden: Mapping[str, Any], earlier: Mapping[str, Any], *, limits: GateRecipe
) -> Finding:
    """Check that golden answers did not fall by more than is allowed."""
    if not golden:
        return Finding("remembers", True, "no golden questions in the recipe")
    now = float(golden["right"])
    wrong = int(golden.get("wrong_values", 0))
    if wrong:
        return Finding("remembers", False, f"{wrong} golden answers hold a value of no source")
    if not earlier:
        return Finding("remembers", True, f"golden {now:.1%}; no earlier release to compare with")
    before = float(earlier["right"])
    fell = before - now
    said = f"golden {now:.1%}, {earlier['id']} had {before:.1%}"
    if fell > limits.forgets + GOLDEN_STEP:
        allowed = f"{100 * limits.forgets:g} is allowed"
        return Finding("remembers", False, f"{said}: {100 * fell:.1f} points down, {allowed}")
    return Finding("remembers", True, said)


def agrees(parity: Mapping[str, Any], *, ships: str, limits: GateRecipe) -> Finding:
    """Check that the GGUF says what its source says, before quantizing and after."""
    faults, told = [], []
    for kind, least in (("f32", limits.agreement), (ships, limits.quantized)):
        found = parity.get(kind)
        if found is None:
            faults.append(f"{kind} was never held against its source")
            continue
        first, apart = float(found["first"]), int(found["tokenized_differently"])
        told.append(f"{kind} {first:.1%}")
        if not first >= least:
            faults.append(f"{kind} cites as its source does in {first:.1%}, {least:.1%} is asked")
        if apart:
            faults.append(f"{kind} reads {apart} texts in other tokens than its source")
    said = "; ".join(faults) if faults else f"first tokens as the source's: {', '.join(told)}"
    return Finding("agrees", not faults, said)


def calibrated(heard: Mapping[str, Any], *, limits: GateRecipe) -> Finding:
    """Check that what is said to be 80 % sure is right 80 times in 100."""
    error, count = float(heard.get("ece", math.nan)), int(heard.get("answered", 0))
    said = f"ECE {error:.3f} over {count} answers"
    if not count or not error <= limits.ece:  # NaN is no calibration
        return Finding("calibrated", False, f"{said}, at most {limits.ece:g} is allowed")
    return Finding("calibrated", True, said)


def fits(folder: Path, compatibility: Mapping[str, Any]) -> Finding:
    """Check that the parts lying in a folder are of one release."""
    faults: list[str] = []
    embedder = _read(faults, lambda: OnnxEmbedder(folder / "embedder"))
    if embedder is not None:
        faults += _vectors(folder, embedder, compatibility)
    tokenizer = file_sha256(folder / "embedder" / "tokenizer.json")
    if tokenizer != compatibility["tokenizer_sha256"]:
        told = str(compatibility["tokenizer_sha256"])
        faults.append(f"the tokenizer is {tokenizer[:12]}, stated is {told[:12]}")
    if str(compatibility["index_schema"]) != SCHEMA:
        faults.append(f"index schema {compatibility['index_schema']}, this store reads {SCHEMA}")
    if compatibility["values"] != VALUES:
        faults.append(f"values {compatibility['values']!r}, the lanes know {VALUES!r}")
    faults += _controls(folder / "specialist" / "specialist.gguf")
    return Finding("fits", not faults, "; ".join(faults) or "every part fits the others")


def answers(
    store: Store, probes: Sequence[Mapping[str, Any]], *, limits: GateRecipe
) -> tuple[Finding, list[dict[str, Any]]]:
    """Check that the release answers its probes rightly and in time, on this machine."""
    rows = [_probed(store, probe) for probe in probes]
    faults = [f"{r['text']!r}: {r['fault']}" for r in rows if r["fault"]]
    slow = [r for r in rows if r["s"] > limits.probe_s]
    faults += [f"{r['text']!r} took {r['s']:.2f} s, {limits.probe_s:g} is allowed" for r in slow]
    if not rows:
        faults = ["the recipe names no probe: [[release.probes]]"]
    slowest = max((r["s"] for r in rows), default=0.0)
    said = "; ".join(faults) or f"{len(rows)} probes answered, the slowest in {slowest:.2f} s"
    return Finding("answers", not faults, said), rows


def light(folder: Path, *, limits: GateRecipe) -> Finding:
    """Check that the release is no bigger than stores were told."""
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    said = f"{size / 1e6:.1f} MB of {limits.most_bytes / 1e6:.0f}"
    return Finding("light", size <= limits.most_bytes, said)


def stop_if_refused(findings: Sequence[Finding]) -> None:
    """Let a release pass, or say everything that is wrong with it.

    Raises:
        BadInput: A check failed; all that did are named.
    """
    faults = [f"{f.name}: {f.said}" for f in findings if not f.is_ok]
    if faults:
        raise BadInput(
            f"The release is refused, {len(faults)} of {len(findings)} checks fail.\n  "
            + "\n  ".join(faults),
            hint="Mend what is named and run again; backroom models report RUN shows it all.",
        )


def _vectors(folder: Path, embedder: OnnxEmbedder, stated: Mapping[str, Any]) -> list[str]:
    """Return where something was embedded by another embedder than the release's."""
    faults: list[str] = []
    if embedder.dim != stated["embedding_dim"]:
        faults.append(f"the embedder has {embedder.dim} dimensions, {stated['embedding_dim']} said")
    _read(faults, lambda: SqliteIndex(folder / "index.db", embedder=embedder))
    known = _read(
        faults,
        lambda: KnownAsks.load(folder / "known" / "asks.json", folder / "known" / "vectors.npy"),
    )
    if known is not None and len(known.vectors) and known.vectors.shape[1] != embedder.dim:
        faults.append(f"known asks have {known.vectors.shape[1]} dimensions, not {embedder.dim}")
    cards = _read(faults, lambda: np.load(folder / "cards" / "vectors.npy", allow_pickle=False))
    if cards is not None and cards.shape[-1] != embedder.dim:
        faults.append(f"cards have {cards.shape[-1]} dimensions, not {embedder.dim}")
    table, weights = folder / "router" / "router.json", folder / "router" / "router.npz"
    _read(faults, lambda: load_router(table, weights, dim=embedder.dim))
    return faults


def _controls(gguf: Path) -> list[str]:
    faults: list[str] = []
    engine = _read(faults, lambda: LlamaEngine(gguf, threads=1))
    if engine is None:
        return faults
    with closing(engine):
        for name in CONTROLS:
            if _read(faults, lambda name=name: engine.token_id(name)) is None:  # type: ignore[misc]
                break
    return faults


def _read(faults: list[str], make: Callable[[], Any]) -> Any:
    """Return what `make` makes; None, and the fault noted, when it cannot."""
    try:
        return make()
    except (BackroomError, OSError, ValueError) as exc:
        faults.append(getattr(exc, "message", str(exc)))
        return None


def _probed(store: Store, probe: Mapping[str, Any]) -> dict[str, Any]:
    times: list[float] = []
    fault, lane = "", ""
    for _ in range(TRIES):
        started = time.perf_counter()
        try:
            reply = store.ask(str(probe["text"]), role=Role.ASSOCIATE)
        except BackroomError as exc:
            return {**probe, "fault": exc.message, "lane": "", "s": time.perf_counter() - started}
        times.append(time.perf_counter() - started)
        lane = reply.lane.value
        lacking = [w for w in probe.get("holds", ()) if not holds(reply.text, w)]
        if lacking:
            fault = f"{' and '.join(lacking)} not in {reply.text[:90]!r}"
        elif probe.get("lanes") and lane not in probe["lanes"]:
            fault = f"{lane} answered, expected {' or '.join(probe['lanes'])}"
    return {**probe, "fault": fault, "lane": lane, "s": round(min(times), 3)}
