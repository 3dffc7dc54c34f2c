"""A trained model in several sizes: what each weighs, how fast it is, what it still gets right."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import llama_cpp

from appliance.engines.llama import LlamaEngine
from appliance.files import replaced
from models.card import write_card
from models.evaluate import examine
from models.exam import Question, exam
from models.export import quantize
from models.run.speed import tokens_per_second
from models.specialist import EXAM, Desk

KINDS: Mapping[str, int] = {
    "q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0,
    "q5_k_m": llama_cpp.LLAMA_FTYPE_MOSTLY_Q5_K_M,
    "q4_k_m": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M,
}
# Shares nearer than this are not told apart: one standard error of 0.92 over 810 questions.
NOISE = 0.01


def compare_sizes(
    desk: Desk, folder: Path, *, kinds: Sequence[str] = tuple(KINDS)
) -> dict[str, dict[str, Any]]:
    """Return figures of each kind: bytes, speed on one thread, and the exam's shares.

    Args:
        desk: Whose held-out asks and exam are used.
        folder: Of a run that `models.specialist.finish` has finished; the files are written there.
        kinds: Some of `KINDS`.
    """
    practice, test = desk.held_out.halves()
    wanted, found = desk.recipe.exam, {}
    asked = timed_questions(desk)
    for kind in kinds:
        path = folder / f"specialist-{kind}.gguf"
        quantize(folder / "specialist-f32.gguf", path, kind=KINDS[kind])
        with closing(LlamaEngine(path, threads=1, limits=EXAM)) as served:
            figures = examine(
                served, practice=practice, material=test, size=wanted.size, seed=wanted.seed
            )
            speed = tokens_per_second(served, asked)
        found[kind] = {"bytes": path.stat().st_size, **speed, **shares(figures)}
    return found


def timed_questions(desk: Desk) -> list[Question]:
    """Return the questions that every size is timed on."""
    draw = random.Random(desk.recipe.exam.seed + 2)  # noqa: S311 - no secret
    return exam(draw, desk.held_out.halves()[0], size=desk.recipe.exam.parity)


def keep_sizes(folder: Path, found: Mapping[str, Mapping[str, Any]]) -> str:
    """Write the comparison into a run's report and card; return the kind that serves best."""
    best = fastest_as_good(found)
    path = folder / "report.json"
    report = json.loads(path.read_text(encoding="utf-8"))
    report["sizes"] = {"kinds": dict(found), "best": best, "why": why(found, best)}
    for name, text in (("report.json", json.dumps(report, indent=1)), ("CARD.md", "")):
        with replaced(folder / name) as file:
            file.write(f"{text}\n" if text else write_card(report))
    return best


def why(found: Mapping[str, Mapping[str, Any]], best: str) -> str:
    """Return why a kind is chosen, in a sentence."""
    others = [k for k in found if k != best]
    lost = "; ".join(
        f"{kind}: right {100 * (found[kind]['right'] - found[best]['right']):+.1f}, declined "
        f"{100 * (found[kind]['declined'] - found[best]['declined']):+.1f} points, "
        f"{(found[kind]['bytes'] - found[best]['bytes']) / 1e6:+.2f} MB"
        for kind in others
    )
    return (
        f"{best} is the fastest of those within {100 * NOISE:.0f} point of the best, which is the "
        f"exam's standard error ({lost})."
    )


def shares(figures: Mapping[str, Any]) -> dict[str, float]:
    """Return the few shares of an exam that sizes are chosen by."""
    sure = figures["calibrated"]["shares"]
    return {
        "right": sure["right"],
        "declined": sure["declined"],
        "falsely declined": sure["falsely declined"],
        "spoken": figures["spoken"]["shares"]["right"],
        "further": figures["further"]["shares"]["right"],
    }


def fastest_as_good(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the kind to ship: of those the exam cannot tell from the best, the fastest.

    Right answers and rightly declined asks count alike; equally fast ones are told by their size.
    """
    best = max(map(_score, found.values()))
    good = [kind for kind, row in found.items() if _score(row) >= best - NOISE]
    return max(good, key=lambda kind: (found[kind]["tokens_per_s"], -found[kind]["bytes"]))


def _score(row: Mapping[str, Any]) -> float:
    return float(row["right"] + row["declined"]) / 2
