"""Make a release's answerability model, and measure it beside the logistic weights it replaces."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.engines.answerability import OnnxAnswerability
from appliance.errors import BadInput
from appliance.logistic import Logistic
from appliance.ranker_file import ANSWERABILITY
from appliance.router_file import load_excerpts
from appliance.stages.excerpt import FEATURES
from models import answerability
from models.build import Build
from models.excerpts import Candidates
from models.excerpts_build import gathered
from models.outcomes import is_calibration

LEAST_ASKS = 100  # in each half of the held-out ones: of fewer, nothing can be said
FITTED = 3  # one in so many of the half that teaches sets the two numbers of calibration instead
DRAWS = 1_000  # of the bootstrap
SURE = 0.95  # that hit@1 has fallen, before the model is refused for it
MOST_ECE = 0.05  # with a quarter of the asks unanswered, on the half that is reported
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Field:
    """Asks searched as they are, and the same without the document that answers them."""

    found: Sequence[Candidates]
    nothing: Sequence[Candidates]

    def half(self, *, calibration: bool) -> Field:
        """Return the asks of one half."""
        return self._those(lambda text: is_calibration(text) == calibration)

    def lesson(self, *, fits: bool) -> Field:
        """Return, of the half that teaches, what sets its calibration, or the rest."""
        return self._those(lambda text: (zlib.crc32(text.encode()) // 2 % FITTED == 0) == fits)

    def _those(self, is_wanted: Callable[[str], bool]) -> Field:
        found, nothing = (
            [c for c in part if is_wanted(c.ask.text)] for part in (self.found, self.nothing)
        )
        return Field(found, nothing)


def make(build: Build) -> Mapping[str, Any]:
    """Train, calibrate, export and measure; write `ranker/answerability.onnx`.

    Raises:
        BadInput: There are too few asks, or it is no better than the logistic weights; nothing is
            written.
    """
    held_out = read_field(build)
    few = min(len(held_out.half(calibration=x).found) for x in (True, False))
    if few < LEAST_ASKS:
        raise BadInput(
            f"An answerability model needs {LEAST_ASKS} held-out asks to calibrate on and as many"
            f" to be measured on; {few} were found.",
            hint="The release keeps ranker/excerpts.json, which the store then reads.",
        )
    judged, teaches = (held_out.half(calibration=x) for x in (False, True))
    learnt, fitted = teaches.lesson(fits=False), teaches.lesson(fits=True)
    model = answerability.train(learnt.found, learnt.nothing)
    model = answerability.calibrate(model, fitted.found, fitted.nothing)
    path = build.release / ANSWERABILITY
    trial = path.with_name(".answerability.trial.onnx")
    answerability.write(model, trial, figures={})
    figures = measure(build, judged, trial)
    graph = OnnxAnswerability(trial, features=FEATURES)
    strays = [abs(graph(c.features) - model.p(c.features)).max() for c in judged.found[:200]]
    trial.unlink()
    figures["int8 strays by"] = round(float(max(strays)), 4)
    refuse(figures)
    answerability.write(model, path, figures=figures)
    return figures


def make_if_better(build: Build) -> Mapping[str, Any]:
    """Make it, or do without: the store then ranks by `ranker/excerpts.json`."""
    try:
        return make(build)
    except BadInput as refused:
        (build.release / ANSWERABILITY).unlink(missing_ok=True)
        return {"refused": refused.message}


def measure(build: Build, field: Field, path: Path) -> dict[str, Any]:
    """Return the figures of the graph in `path` beside those of the release's excerpts.json."""
    old = load_excerpts(build.release / "ranker" / "excerpts.json")
    graph = OnnxAnswerability(path, features=FEATURES)
    known = [*field.found, *field.nothing]
    made: dict[str, Any] = {}
    firsts: dict[str, list[bool]] = {}
    ways: dict[str, tuple[Callable[[Floats], Floats], Callable[[Floats], float]]] = {
        "logistic": (lambda x: _by_weights(old, x), lambda p: float(p.max())),
        "answerability": (graph, lambda p: float(p.sum())),
    }
    for name, (rank, sure) in ways.items():
        begun = time.perf_counter()
        odds = [rank(c.features) for c in known]
        spent = (time.perf_counter() - begun) / len(known) * 1e3
        told = [sure(p) for p in odds]
        found = answerability.report(odds, field.found, field.nothing, told=told)
        made[name] = {**found, "ms": round(spent, 3)}
        firsts[name] = [bool(c.labels[p.argmax()]) for p, c in zip(odds, field.found, strict=False)]
    low, high = fall(firsts["logistic"], firsts["answerability"])
    made["hit@1 falls by"] = {"low": round(low, 4), "high": round(high, 4)}
    return made


def fall(was: Sequence[bool], now: Sequence[bool], *, seed: int = 2026) -> tuple[float, float]:
    """Return the interval, at `SURE`, of by how much fewer asks have their answer first.

    Of the same asks in both, drawn anew together: what both get right or wrong tells nothing.
    """
    lost = np.asarray(was, dtype=float) - np.asarray(now, dtype=float)
    chance = np.random.default_rng(seed)
    drawn = lost[chance.integers(0, len(lost), (DRAWS, len(lost)))].mean(axis=1)
    low, high = np.quantile(drawn, [(1 - SURE) / 2, (1 + SURE) / 2])
    return float(low), float(high)


def refuse(figures: Mapping[str, Any]) -> None:
    """Refuse a model that does not tell "nothing answers" better, or is not calibrated.

    That is what it is for. Which sentence comes first it need not tell better than the weights it
    stands in for: only surely worse is refused.

    Raises:
        BadInput: It is; the message says by how much.
    """
    was, now = figures["logistic"], figures["answerability"]
    against = []
    if figures["hit@1 falls by"]["low"] > 0:
        against.append(
            f"hit@1 is {now['hit@1']:.4f}, the logistic weights have {was['hit@1']:.4f}, which is"
            " no accident of these asks"
        )
    if now["answered_auroc"] < was["answered_auroc"]:
        against.append(
            f"AUROC of answered is {now['answered_auroc']:.4f}, not {was['answered_auroc']:.4f}"
        )
    if now["ece_mixed"] > MOST_ECE:
        against.append(f"its calibration error is {now['ece_mixed']:.4f}, over {MOST_ECE}")
    if against:
        raise BadInput(
            f"The answerability model is refused: {'; '.join(against)}.",
            hint="The release keeps ranker/excerpts.json, which the store then reads.",
        )


def read_field(build: Build) -> Field:
    """Search for the held-out asks as the store does."""
    return Field(*(gathered(build, "held_out", without=without) for without in (False, True)))


def _by_weights(model: Logistic, features: Floats) -> Floats:
    weights = np.array([model.weights.get(name, 0.0) for name in FEATURES])
    odds = np.exp(-np.clip(features @ weights + model.bias, -30, 30))
    return (1 / (1 + odds)).astype(np.float32)
