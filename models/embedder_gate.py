"""Whether an embedder may take the untuned one's place: better on the chain, no worse off it.

Both are measured as the store runs them, int8 and one text at a time.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from appliance.engines.onnx import OnnxEmbedder
from appliance.errors import BadInput
from appliance.files import replaced
from models.embedder import Exported, export
from models.embedder_data import Shelf
from models.embedder_exam import Figures, served

LEAST_GAIN = 0.05  # of hit@1 on the held-out asks
LEAST_COSINE = 0.98  # of the int8 graph to the fp32 one, at worst
REPORT = "gate.json"


@dataclass(frozen=True, slots=True)
class Judged:
    """What the gate measured, and what it holds against the embedder; nothing when it passes."""

    before: Figures
    after: Figures
    against: tuple[str, ...]


def judge(before: Figures, after: Figures, *, cosine: float) -> Judged:
    """Return the gate's word on the figures before and after tuning.

    Args:
        before: The untuned embedder's.
        after: The tuned one's.
        cosine: The lowest of the tuned int8 graph to its fp32 model.
    """
    against = []
    gain = after["held out"]["hit@1"] - before["held out"]["hit@1"]
    if gain < LEAST_GAIN:
        against.append(
            f"held-out hit@1 gains {gain * 100:+.1f} points; {LEAST_GAIN * 100:.0f} are needed"
        )
    for name, was in before["manual_qa"].items():
        if (now := after["manual_qa"][name]) < was:
            against.append(f"manual_qa {name} falls from {was:.4f} to {now:.4f}")
    if cosine < LEAST_COSINE:
        against.append(f"int8 strays to a cosine of {cosine:.4f}; {LEAST_COSINE} is the least")
    return Judged(before, after, tuple(against))


def export_better(
    source: Path,
    out: Path,
    *,
    untuned: Path,
    corpus: Path,
    manual: Path,
    on: date,
    license_file: Path | None = None,
    show: Callable[[Judged], None] = lambda _: None,
) -> Exported:
    """Export `source` to `out` if it passes the gate against `untuned`.

    Args:
        source: The tuned sentence-transformers folder.
        out: Folder to fill; left as it is when the gate refuses.
        untuned: The folder that was tuned.
        corpus: Folder with handbook, asks and lexicon.toml.
        manual: Folder of the public manual_qa data.
        on: Day of asking.
        license_file: The model's licence; see `export`.
        show: Told what was measured, before a refusal.

    Raises:
        BadInput: The gate refuses, or a folder lacks what it should hold.
    """
    shelf = Shelf.read(corpus / "handbook", corpus / "lexicon.toml")
    pairs = shelf.pairs(corpus / "asks", field="held_out")
    with tempfile.TemporaryDirectory(prefix="backroom-gate-") as scratch:
        old, new = Path(scratch) / "old", Path(scratch) / "new"
        export(untuned, old, license_file=license_file)
        made = export(source, new, license_file=license_file)
        before, after = (
            served(OnnxEmbedder(folder), shelf, pairs, on=on, manual=manual)
            for folder in (old, new)
        )
        judged = judge(before, after, cosine=made.cosine_low)
        show(judged)
        if judged.against:
            raise BadInput(
                f"The embedder from {source} is refused: {'; '.join(judged.against)}.",
                hint="Tune it longer or on more asks: backroom models embedder-tune --help",
            )
        out.mkdir(parents=True, exist_ok=True)
        for path in sorted(new.iterdir()):
            shutil.copyfile(path, out / path.name)
    with replaced(out / REPORT) as file:
        file.write(json.dumps({"before": judged.before, "after": judged.after}, indent=1) + "\n")
    return Exported(out, made.size_bytes, made.cosine_mean, made.cosine_low)
