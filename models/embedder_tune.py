"""Tune the embedder on a chain's own asks, then blend it with the weights it came from.

The lower layers stay as they are, and so do their outputs for the handbook: they are computed once.
What is learnt is to rank the sentence that answers an ask before every other of the handbook
(InfoNCE over the batch with hard negatives, and over all rows: `models/embedder_run.py`). Then the
blend. Source: Wortsman et al. 2022, "Robust fine-tuning of zero-shot models" (WiSE-FT).

It says nothing of texts outside the handbook; `manual_qa` is measured for that, never trained on.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.files import replaced
from models.embedder_data import Shelf
from models.embedder_exam import Exam
from models.embedder_halves import Halves
from models.embedder_run import LOSS, Plan, Run, Say

if TYPE_CHECKING:
    import torch


def tune(
    source: Path,
    *,
    handbook: Path,
    asks: Path,
    lexicon: Path,
    manual: Path,
    on: date,
    folder: Path,
    plan: Plan | None = None,
    say: Say = print,
) -> dict[str, Any]:
    """Tune, blend, and leave the blended fp32 model and `figures.json` in `folder`.

    A run that was stopped goes on from its last round.

    Raises:
        BadInput: A folder lacks what it should hold.
    """
    import torch  # noqa: PLC0415

    plan = plan or Plan()
    torch.set_num_threads(plan.threads)
    folder.mkdir(parents=True, exist_ok=True)
    halves = Halves(source, frozen=plan.frozen)
    shelf = Shelf.read(handbook, lexicon)
    pairs = shelf.pairs(asks, field="asks")
    exam = Exam(halves, shelf, shelf.pairs(asks, field="held_out"), on=on, manual=manual)
    untuned = halves.weights()
    before = _once(
        folder / "before.json", lambda: {"handbook": exam.handbook(), "manual_qa": exam.manual()}
    )
    say(f"{len(shelf.rows)} rows, {len(pairs)} asks, {len(exam.pairs)} held out: {before}")
    run = Run(halves, shelf, pairs, plan=plan, kept=folder / "checkpoint.pt", say=say)
    done = run.train()
    tried = _blend(halves, exam, untuned, before, plan=plan, say=say)
    report = {
        "plan": asdict(plan),
        **done,
        "loss": LOSS,
        "layers": halves.model.config.num_hidden_layers,
        "rows": len(shelf.rows),
        "asks": len(pairs),
        "held_out": len(exam.pairs),
        "on": on.isoformat(),
        "before": before,
        **tried,
    }
    _save(halves, source, folder, report)
    return report


def _once(path: Path, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what is kept at `path`, or else work it out and keep it there."""
    if not path.exists():
        with replaced(path) as file:
            file.write(json.dumps(work(), indent=2) + "\n")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _blend(
    halves: Halves,
    exam: Exam,
    untuned: dict[str, torch.Tensor],
    before: dict[str, Any],
    *,
    plan: Plan,
    say: Say,
) -> dict[str, Any]:
    """Leave in `halves` the blend with the best held-out hit@1 that costs the manual nothing."""
    tuned = halves.weights()
    best: dict[str, Any] = {"alpha": 0.0, "after": before}
    tried = []
    for alpha in plan.blends:
        _load_blend(halves, untuned, tuned, alpha)
        after: dict[str, Any] = {"handbook": exam.handbook(), "manual_qa": exam.manual()}
        say(f"alpha {alpha}: {after}")
        tried.append({"alpha": alpha, **after})
        kept = all(after["manual_qa"][k] >= before["manual_qa"][k] for k in before["manual_qa"])
        gained = after["handbook"]["all"]["hit@1"] > best["after"]["handbook"]["all"]["hit@1"]
        if kept and gained:
            best = {"alpha": alpha, "after": after}
    _load_blend(halves, untuned, tuned, best["alpha"])
    return {**best, "tried": tried}


def _load_blend(
    halves: Halves,
    untuned: dict[str, torch.Tensor],
    tuned: dict[str, torch.Tensor],
    alpha: float,
) -> None:
    mixed = {name: (1 - alpha) * untuned[name] + alpha * tuned[name] for name in tuned}
    halves.above.load_state_dict(mixed)


def _save(halves: Halves, source: Path, folder: Path, report: dict[str, Any]) -> None:
    halves.model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)
    with replaced(folder / "figures.json") as file:
        file.write(json.dumps(report, indent=2) + "\n")
