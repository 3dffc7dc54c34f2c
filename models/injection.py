"""Train the injection screen on our own examples: ``python -m models.injection``.

Logistic regression over the features that serve (`appliance.stages.screen`), by gradient steps in
numpy; seconds on one core. The threshold is taken where five-fold cross-validation keeps false
alarms on our own benign look-alikes under `FALSE_ALARMS`. Other people's attacks are for
evaluation only: tests/unit/stages/test_screen.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.stages.screen import BUCKETS, SIGNS, VERSION, Screen, features, pieces, sign_names
from appliance.stages.text import sentence_spans

CORPUS = Path(__file__).parent / "corpus"
OUT = Path(__file__).parents[1] / "appliance" / "demo" / "release" / "injection" / "weights.json"
FALSE_ALARMS = 0.02  # share of our look-alikes, in cross-validation; real asks are far easier
STEPS = 400
RATE = 0.05
DECAY = 2e-4  # L2, per step and example
FOLDS = 5
SEED = 7

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Example:
    """One text; every piece of an attack counts as one."""

    text: str
    is_attack: bool
    is_ask: bool = True  # False: a handbook sentence, for the training only


def load_examples(corpus: Path = CORPUS) -> list[Example]:
    """Return our attacks, our benign look-alikes and the handbook's sentences, in file order."""
    found = [Example(text, is_attack=True) for text in _texts(corpus / "injection/attacks.jsonl")]
    found += [Example(text, is_attack=False) for text in _texts(corpus / "injection/benign.jsonl")]
    for page in sorted((corpus / "handbook").glob("*.md")):
        body = page.read_text(encoding="utf-8").split("---", 2)[-1]
        body = re.sub(r"^#+ .*$", "", body, flags=re.MULTILINE)
        found += [
            Example(body[a:b], is_attack=False, is_ask=False) for a, b in sentence_spans(body)
        ]
    return found


def train(examples: Sequence[Example]) -> tuple[Floats, Floats, float]:
    """Return (bucket weights (BUCKETS,), sign weights, bias)."""
    rows = [(p, e.is_attack) for e in examples for p in pieces(e.text)]
    x = np.stack([_row(piece) for piece, _ in rows])
    y = np.array([is_attack for _, is_attack in rows], dtype=np.float64)
    share = np.where(y > 0, 0.5 / y.mean(), 0.5 / (1 - y.mean()))  # both classes weigh the same
    weights = np.zeros(x.shape[1])
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, STEPS + 1):  # Adam over the whole set: no order, no batches, no chance
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        slope = x.T @ (share * (p - y)) / len(y) + DECAY * weights
        first = 0.9 * first + 0.1 * slope
        second = 0.999 * second + 0.001 * slope**2
        ahead = first / (1 - 0.9**step)
        weights -= RATE * ahead / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return weights[:BUCKETS], weights[BUCKETS:-1], float(weights[-1])


def cross_validate(examples: Sequence[Example]) -> tuple[list[float], list[float]]:
    """Return held-out probabilities of (attacks, benign asks)."""
    rng = np.random.default_rng(SEED)
    fold = rng.integers(0, FOLDS, len(examples))
    attacks: list[float] = []
    benign: list[float] = []
    for k in range(FOLDS):
        screen = _screen(train([e for e, f in zip(examples, fold, strict=True) if f != k]), 0.5)
        for example, f in zip(examples, fold, strict=True):
            if f == k and example.is_ask:
                (attacks if example.is_attack else benign).append(screen(example.text)[0])
    return attacks, benign


def main() -> None:
    """Train, choose the threshold, write the weights and print what was measured."""
    examples = load_examples()
    attacks, benign = cross_validate(examples)
    threshold = max(0.5, float(np.quantile(benign, 1 - FALSE_ALARMS, method="higher")) + 1e-3)
    recall = float(np.mean(np.array(attacks) >= threshold))
    alarms = float(np.mean(np.array(benign) >= threshold))
    buckets, signs, bias = train(examples)
    scale = float(np.abs(buckets).max() / 127)
    table: dict[str, Any] = {
        "version": VERSION,
        "threshold": round(threshold, 4),
        "bias": round(bias, 4),
        "signs": dict(zip(sign_names(), np.round(signs, 4).tolist(), strict=True)),
        "scale": scale,
        "measured": {
            "attacks": len(attacks),
            "benign": len(benign),
            "recall": round(recall, 3),
            "false_alarms": round(alarms, 4),
            "how": f"{FOLDS}-fold cross-validation on models/corpus/injection",
        },
        "weights": np.round(buckets / scale).astype(int).tolist(),
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(table, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{len(attacks)} attacks, {len(benign)} benign; threshold {threshold:.3f}")
    print(f"held out: recall {recall:.1%}, false alarms {alarms:.2%}; {OUT.stat().st_size:,} bytes")


def _texts(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines if line.strip()]


def _row(piece: str) -> Floats:
    buckets, signs = features(piece)
    row = np.zeros(BUCKETS + len(SIGNS) + 1)
    row[list(buckets)] = 1 / np.sqrt(max(1, len(buckets)))
    row[BUCKETS:-1] = signs
    row[-1] = 1.0
    return row


def _screen(trained: tuple[Floats, Floats, float], threshold: float) -> Screen:
    buckets, signs, bias = trained
    return Screen(tuple(buckets.tolist()), tuple(signs.tolist()), bias, threshold)


if __name__ == "__main__":
    main()
