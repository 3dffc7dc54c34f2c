"""The report's charts, drawn once: as SVG for the page and as PNG beside it."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, SOFT, OURS, OTHER, WRONG = "#1d2733", "#8a97a6", "#0b6e6e", "#c46a1b", "#b3261e"
WIDE, SMALL = (5.6, 3.6), (4.6, 4.0)
STYLE = {
    "font.family": "sans-serif", "font.size": 10, "axes.edgecolor": SOFT, "axes.labelcolor": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "grid.color": "#e3e8ee", "text.color": INK, "xtick.color": INK, "ytick.color": INK,
    "svg.fonttype": "none", "svg.hashsalt": "backroom", "legend.frameon": False,
}  # fmt: skip
FLAT = {"Date": None, "Creator": None}  # the same figures give the same bytes


@dataclass(frozen=True, slots=True)
class Chart:
    """One drawn chart."""

    name: str
    title: str
    svg: str
    png: bytes


def reliability(bins: Sequence[Mapping[str, float]], *, ece: float) -> Chart:
    """Return how right answers are by how sure they were said to be."""
    with mpl.rc_context(STYLE):
        figure, axes = _figure(SMALL)
        axes.plot([0, 1], [0, 1], color=SOFT, linestyle="--", label="as sure as right")
        sizes = [20 + 2 * min(float(b["count"]), 100) for b in bins]
        p, right = [b["p"] for b in bins], [b["right"] for b in bins]
        axes.plot(p, right, color=OURS, linewidth=1)
        axes.scatter(p, right, s=sizes, color=OURS, alpha=0.8)
        axes.scatter([], [], s=40, color=OURS, label="answers; the larger, the more")
        axes.set(xlabel="said to be sure", ylabel="were right", xlim=(0, 1.03), ylim=(0, 1.03))
        axes.legend(loc="upper left", fontsize=8)
        return _drawn(figure, "reliability", f"Calibration: ECE {ece:.3f}")


def risk_coverage(points: Sequence[Mapping[str, float]]) -> Chart:
    """Return how much is wrong when only the surest share is answered."""
    with mpl.rc_context(STYLE):
        figure, axes = _figure(WIDE)
        coverage, risk = [q["coverage"] for q in points], [q["risk"] for q in points]
        axes.plot(coverage, risk, color=OURS)
        axes.axhline(0.02, color=OTHER, linestyle="--", linewidth=1)
        axes.text(1.0, 0.02, "2 %", color=OTHER, ha="right", va="bottom", fontsize=8)
        axes.set(
            xlabel="share of asks answered, surest first", ylabel="of these wrong", xlim=(0, 1),
            ylim=(0, None),
        )  # fmt: skip
        return _drawn(figure, "risk_coverage", "Risk by coverage")


def cost_quality(
    ours: Sequence[Mapping[str, float]], oracle: Sequence[Mapping[str, float]]
) -> Chart:
    """Return what is right by how much is passed on."""
    with mpl.rc_context(STYLE):
        figure, axes = _figure(WIDE)
        ends = [ours[0]["quality"], ours[-1]["quality"]]
        axes.plot([0, 1], ends, color=SOFT, linestyle="--", label="chance")
        for points, colour, name in ((oracle, OTHER, "knowing all"), (ours, OURS, "by confidence")):
            axes.plot(
                [q["cost"] for q in points],
                [q["quality"] for q in points],
                color=colour,
                label=name,
            )
        axes.set(xlabel="share of asks passed on", ylabel="right", xlim=(0, 1))
        axes.legend(loc="lower right", fontsize=8)
        return _drawn(figure, "cost_quality", "What passing on would buy, were it always right")


def confusion(table: Mapping[str, Any]) -> Chart:
    """Return truth by what was said, each row as shares."""
    names, counts = list(table["names"]), table["counts"]
    shares = [[c / max(1, sum(row)) for c in row] for row in counts]
    side = 1.8 + 0.26 * len(names)
    with mpl.rc_context({**STYLE, "axes.grid": False}):
        figure, axes = _figure((side + 0.6, side))
        edges = [n - 0.5 for n in range(len(names) + 1)]
        axes.pcolormesh(edges, edges, shares, cmap="Greens", vmin=0, vmax=1.2)
        axes.set_aspect("equal")
        axes.invert_yaxis()
        for y, row in enumerate(counts):
            for x, count in enumerate(row):
                if count:
                    colour = INK if x == y else WRONG
                    axes.text(x, y, str(count), ha="center", va="center", fontsize=7, color=colour)
        places = range(len(names))
        axes.set_xticks(places, names, rotation=60, ha="right", fontsize=8)
        axes.set_yticks(places, names, fontsize=8)
        axes.set(xlabel="said", ylabel="was")
        return _drawn(figure, "confusion", "Intents, held-out asks")


def sizes(rows: Sequence[Mapping[str, Any]]) -> Chart:
    """Return each quantization by its size and how often it is right."""
    with mpl.rc_context(STYLE):
        figure, axes = _figure(WIDE)
        for n, row in enumerate(rows):
            colour = OURS if row["ships"] else SOFT
            axes.scatter(row["mb"], row["right"], s=90, color=colour, zorder=3)
            label = f"{row['kind']}{' (ships)' if row['ships'] else ''}"
            axes.annotate(
                label, (row["mb"], row["right"]), xytext=(0, 9 if n % 2 else -16), ha="center",
                textcoords="offset points", fontsize=8,
            )  # fmt: skip
        axes.set(xlabel="MB", ylabel="right, exam")
        axes.margins(0.25, 0.35)
        return _drawn(figure, "quantization", "Size against accuracy")


def loss(points: Sequence[Mapping[str, float]]) -> Chart:
    """Return a training's loss and accuracy."""
    with mpl.rc_context(STYLE):
        figure, axes = _figure(WIDE)
        steps = [q["step"] for q in points]
        axes.plot(steps, [q["loss"] for q in points], color=OTHER, label="loss")
        axes.set(xlabel="step", ylabel="loss", ylim=(0, None))
        other = axes.twinx()
        other.grid(visible=False)
        other.plot(steps, [q["accuracy"] for q in points], color=OURS, label="accuracy")
        other.set(ylabel="accuracy", ylim=(0, 1))
        figure.legend(loc="outside upper right", fontsize=8, ncols=2, frameon=False)
        return _drawn(figure, "training", "Training")


def _figure(size: tuple[float, float]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots()


def _drawn(figure: Figure, name: str, title: str) -> Chart:
    text, picture = io.StringIO(), io.BytesIO()
    figure.savefig(text, format="svg", transparent=True, metadata=FLAT)
    figure.savefig(picture, format="png", dpi=144, metadata={"Software": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # Ids of several charts on one page must not meet.
    svg = re.sub(r'(id="|href="#|url\(#)', rf"\1{name}-", svg)
    return Chart(name, title, svg, picture.getvalue())
