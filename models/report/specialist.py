"""The report on the specialist itself: how it learned, what its sizes cost, how its exams went."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from models.report.charts import Chart
from models.report.markup import number, percent, table

# Of an exam: what it is made of, by its name in evaluation.json.
EXAMS = {
    "calibrated": "Generated asks in frames, names and values that were never trained on.",
    "spoken": "Handbook asks written by hand, that share little but meaning with what answers.",
    "further": "Two sources, comparisons, follow-ups and Spanish, and asks that nothing answers.",
}


def training(story: Mapping[str, Any], drawn: Sequence[Chart]) -> str:
    """Return what was trained and its curve."""
    base, tuned = figures(story, "base"), figures(story, "finetune")
    if not base:
        return ""
    told = [f"{base['parameters']:,} parameters."] if "parameters" in base else ["Your own base."]
    if tuned.get("pairs"):
        told.append(
            f"Tuned by LoRA on {tuned['pairs']} pairs: loss {tuned['first_loss']:.2f} to"
            f" {tuned['last_loss']:.2f} in {tuned['steps']} steps."
        )
    return f"<h2>Model</h2><p>{' '.join(told)}</p>" + figure(drawn, "training")


def quantization(story: Mapping[str, Any], found: Mapping[str, Any], drawn: Sequence[Chart]) -> str:
    """Return what each size costs and keeps, and which is the best."""
    rows = sizes(story, found)
    if not rows:
        return ""
    compared = table(
        ("size", "#MB", "#tokens/s", "#ms an answer", "#citation as source", "#answer as source",
         "#right", "#declined"),
        [
            (f"{r['kind']}{' (ships)' if r['ships'] else ''}", f"{r['mb']:.2f}",
             f"{r['tokens_per_s']:,}", number(r["answer_ms"], 1), percent(r["first"]),
             percent(r["answers"]), percent(r["right"]), percent(r["declined"]))
            for r in rows
        ],
    )  # fmt: skip
    chosen = found.get("fastest_as_good", "")
    told = (
        f"<p>The fastest of those the exam cannot tell from the best: "
        f"<b>{html.escape(chosen)}</b>.</p>"
        if chosen
        else ""
    )
    note = (
        '<p class="soft">Speeds are of one thread on a machine that did other things too: read them'
        " as ratios. “As source”: token for token what the unquantized model says.</p>"
    )
    return f"<h2>Quantization</h2>{told}{compared}{note}" + figure(drawn, "quantization")


def exams(story: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Return how the shipped size did in each exam, by kind of ask."""
    ships = figures(story, "quantize").get("ships", "")
    exam = found.get("exam", {}).get(ships)
    if not exam:
        return ""
    told = [f"<h2>Exam of {html.escape(ships)}</h2>", _exam(exam, "calibrated", "uncalibrated")]
    told += [_exam(exam, n, f"{n} uncalibrated") for n in ("spoken", "further") if n in exam]
    return "".join(told)


def _exam(exam: Mapping[str, Any], name: str, always: str) -> str:
    sure, other = exam[name], exam.get(always, {}).get("shares", {})
    rows = [
        (what, percent(share), percent(other.get(what)), str(sure["counts"][what]))
        for what, share in sure["shares"].items()
    ]
    head = ("what", f"#when surer than {sure['least']:.2f}", "#always", "#of")
    return f"<p>{EXAMS[name]}</p>" + table(head, rows)


def sizes(story: Mapping[str, Any], found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each size that was examined and timed."""
    made, exam = figures(story, "quantize"), found.get("exam", {})
    held = figures(story, "parity")
    return [
        {
            "kind": kind, "ships": kind == made["ships"], "mb": file["bytes"] / 1e6,
            "right": exam[kind]["calibrated"]["shares"].get("right", 0.0),
            "declined": exam[kind]["calibrated"]["shares"].get("declined"),
            **{k: held[kind][k] for k in ("tokens_per_s", "answer_ms", "first", "answers")},
        }
        for kind, file in made.get("kinds", {}).items()
        if kind in exam and kind in held
    ]  # fmt: skip


def figures(story: Mapping[str, Any], step: str) -> dict[str, Any]:
    """Return the figures of a step; empty when the run did not get there."""
    return dict(story["steps"].get(step, {}).get("figures", {}))


def figure(drawn: Sequence[Chart], name: str, *, bare: bool = False) -> str:
    """Return a drawn chart by its name, or nothing."""
    for chart in drawn:
        if chart.name == name:
            shown = (
                f"<figure><figcaption>{html.escape(chart.title)}</figcaption>{chart.svg}</figure>"
            )
            return shown if bare else f'<div class="charts">{shown}</div>'
    return ""
