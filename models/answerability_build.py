"""Make a release's answerability model, and measure it beside the logistic weights it replaces."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.engines.answerability import OnnxAnswerability
from appliance.errors import BadInput
from appliance.lexicon_file import load_lexicon
from appliance.logistic import Logistic
from appliance.ranker_file import ANSWERABILITY
from appliance.router_file import load_excerpts
from appliance.stages.excerpt import FEATURES
from appliance.store.known_asks import KnownAsks
from models import answerability, excerpts
from models.build import Build, known_files, open_embedder, open_index
from models.excerpts import Candidates, LabelledAsk
from models.handbook import documents_in_force
from models.outcomes import is_calibration

SEED = 5
MOST_FOUND, MOST_NOTHING = 5_000, 2_500  # training asks searched as they are, and without answer
LEAST_ASKS = 100  # in each half of the held-out ones: of fewer, nothing can be said
LEAST_GAIN = 0.0  # of held-out hit@1 over the logistic weights
MOST_ECE = 0.05  # on the half of the held-out asks that is reported
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Field:
    """Asks searched as they are, and the same without the document that answers them."""

    found: Sequence[Candidates]
    nothing: Sequence[Candidates]

    def half(self, *, calibration: bool) -> Field:
        """Return the asks of one half."""
        return Field(
            *(
                [c for c in part if is_calibration(c.ask.text) == calibration]
                for part in (self.found, self.nothing)
            )
        )


def make(build: Build) -> Mapping[str, Any]:
    """Train, calibrate, export and measure; write `ranker/answerability.onnx`.

    Raises:
        BadInput: There are too few asks, or it is no better than the logistic weights; nothing is
            written.
    """
    held_out = read_field(build, "held_out")
    few = min(len(held_out.half(calibration=x).found) for x in (True, False))
    if few < LEAST_ASKS:
        raise BadInput(
            f"An answerability model needs {LEAST_ASKS} held-out asks to calibrate on and as many"
            f" to be measured on; {few} were found.",
            hint="The release keeps ranker/excerpts.json, which the store then reads.",
        )
    learnt = read_field(build, "asks", most=(MOST_FOUND, MOST_NOTHING))
    judged = held_out.half(calibration=False)
    fitted = held_out.half(calibration=True)
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
    return made


def refuse(figures: Mapping[str, Any]) -> None:
    """Refuse a model that is no better or not calibrated.

    Raises:
        BadInput: It is; the message says by how much.
    """
    was, now = figures["logistic"], figures["answerability"]
    against = []
    if now["hit@1"] - was["hit@1"] < LEAST_GAIN:
        against.append(f"hit@1 is {now['hit@1']:.4f}, the logistic weights have {was['hit@1']:.4f}")
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


def read_field(build: Build, split: str, *, most: tuple[int, int] = (10**9, 10**9)) -> Field:
    """Search for the labelled asks of a split (asks | held_out) as the store does."""
    ours = documents_in_force(build.corpus / "handbook", build.on)
    asks = [a for a in excerpts.read_asks(build.corpus / "asks", split) if a.document in ours]
    random.Random(SEED).shuffle(asks)  # noqa: S311 - an order, not a secret
    return Field(*(_gather(build, asks[:n], without=bool(i)) for i, n in enumerate(most)))


def _gather(build: Build, asks: Sequence[LabelledAsk], *, without: bool) -> list[Candidates]:
    found = excerpts.gather(
        asks,
        index=open_index(build),
        embedder=open_embedder(build),
        lexicon=load_lexicon(build.corpus / "lexicon.toml"),
        known=KnownAsks.load(*known_files(build)),
        on=build.on,
        without=without,
    )
    return list(found)


def _by_weights(model: Logistic, features: Floats) -> Floats:
    weights = np.array([model.weights.get(name, 0.0) for name in FEATURES])
    odds = np.exp(-np.clip(features @ weights + model.bias, -30, 30))
    return (1 / (1 + odds)).astype(np.float32)
