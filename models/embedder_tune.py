"""Tune the embedder on a chain's own asks, then blend it with the weights it came from.

The lower layers stay as they are, and so do their outputs for the handbook: they are computed once.
What is learnt is to rank the sentence that answers an ask before every other of the handbook
(InfoNCE over the batch, and over all rows as they were when the epoch began). Half the answer
is the blend: Source: Wortsman et al. 2022, "Robust fine-tuning of zero-shot models" (WiSE-FT).

It says nothing of texts outside the handbook; `manual_qa` is measured for that, never trained on.
"""

from __future__ import annotations

import json
import math
import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from appliance.files import replaced
from models.embedder_data import Pair, Shelf
from models.embedder_exam import Exam
from models.embedder_halves import Halves

if TYPE_CHECKING:
    import torch

ASK_TOKENS, ROW_TOKENS = 40, 64
LOSS = "over the batch, and apart from it over all rows as they were when the pass began"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to tune; every number that matters is here."""

    epochs: int = 2
    batch: int = 32
    rate: float = 5e-5  # at its peak; the lower half is frozen, so a little more than usual
    warm_up: float = 0.1  # share of the steps
    decay: float = 0.01
    temperature: float = 0.05
    passages: float = 0.15  # share of asks also paired with their passage
    again: int = 2  # times a Spanish ask comes in an epoch
    frozen: int = 3  # layers
    seed: int = 2026
    threads: int = 2
    minutes: float = 60.0  # no batch is begun later: an epoch may then be a part of one
    blends: tuple[float, ...] = (0.8, 0.6)  # share of the tuned weights


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

    A run that was stopped goes on from its last whole epoch.

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
    run = _Run(halves, shelf, pairs, exam, plan=plan, kept=folder / "checkpoint.pt", say=say)
    epochs = run.train()
    tried = _blend(halves, exam, untuned, before, plan=plan, say=say)
    report = {
        "plan": asdict(plan),
        "epochs_run": epochs,
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


class _Run:
    """The training itself: epochs over pairs, sentence batches and passage batches mixed."""

    def __init__(
        self,
        halves: Halves,
        shelf: Shelf,
        pairs: Sequence[Pair],
        exam: Exam,
        *,
        plan: Plan,
        kept: Path,
        say: Say,
    ) -> None:
        import torch  # noqa: PLC0415

        self._halves, self._shelf, self._pairs, self._exam = halves, shelf, pairs, exam
        self._plan, self._kept, self._say = plan, kept, say
        self._end = math.inf
        self._hidden = halves.lower([r.text for r in shelf.rows], tokens=ROW_TOKENS)
        targets = {t for p in pairs for t in (p.sentence, p.passage)}
        self._rivals = {t: torch.from_numpy(shelf.rivals(t)) for t in targets}
        self._optimizer = torch.optim.AdamW(
            halves.above.parameters(), lr=plan.rate, weight_decay=plan.decay
        )

    def train(self) -> int:
        """Run the epochs that are left, keeping the state after each; return how many are done."""
        import torch  # noqa: PLC0415

        begun = time.monotonic()
        self._end = begun + self._plan.minutes * 60
        done = self._resume()
        while done < self._plan.epochs and time.monotonic() < self._end:
            loss = self._epoch(done)
            spent = (time.monotonic() - begun) / 60
            done += 1
            self._say(f"epoch {done}: loss {loss:.3f}, {spent:.1f} min")
            state = {
                "epochs": done,
                "above": self._halves.above.state_dict(),
                "optimizer": self._optimizer.state_dict(),
            }
            partial = self._kept.with_suffix(".partial")
            torch.save(state, partial)
            partial.replace(self._kept)
            if done < self._plan.epochs:  # after the last one the blends are examined
                self._say(f"held out: {self._exam.handbook()}")
        return done

    def _resume(self) -> int:
        import torch  # noqa: PLC0415

        if not self._kept.exists():
            return 0
        state = torch.load(self._kept, weights_only=True)
        self._halves.above.load_state_dict(state["above"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._say(f"going on after epoch {state['epochs']}")
        return int(state["epochs"])

    def _epoch(self, epoch: int) -> float:
        """Return the mean loss of one pass."""
        import torch  # noqa: PLC0415

        rng = random.Random(f"{self._plan.seed}/{epoch}")  # noqa: S311 - a seed, not a secret
        torch.manual_seed(self._plan.seed + epoch)
        bank = self._halves.rows(self._hidden)  # every row, as old as this epoch
        self._halves.above.train()
        batches = self._batches(rng)
        losses = []
        for number, batch in enumerate(batches):
            if time.monotonic() > self._end:
                self._say(f"time is up at batch {number} of {len(batches)}")
                break
            done = (epoch + number / len(batches)) / self._plan.epochs
            for group in self._optimizer.param_groups:
                group["lr"] = self._plan.rate * _slope(done, self._plan.warm_up)
            loss = self._loss(rng, batch, bank)
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call,unused-ignore]
            torch.nn.utils.clip_grad_norm_(self._halves.above.parameters(), 1.0)
            self._optimizer.step()
            losses.append(loss.item())
            if number % 20 == 0:
                self._say(f"  {number}/{len(batches)}: {np.mean(losses[-20:]):.3f}")
        return float(np.mean(losses))

    def _batches(self, rng: random.Random) -> list[list[tuple[str, int]]]:
        """Return (ask, row) pairs in batches, each of sentences only or of passages only."""
        size, rows = self._plan.batch, self._shelf.rows
        spanish = [p for p in self._pairs if rows[p.sentence].language == "es"]
        said = [*self._pairs, *(spanish * (self._plan.again - 1))]
        # A passage is cut at ROW_TOKENS: an answer behind the cut would teach nonsense.
        seen = [p for p in self._pairs
                if rows[p.sentence].sentence in rows[p.passage].text[: ROW_TOKENS * 4]]  # fmt: skip
        wide = rng.sample(seen, min(len(seen), round(len(said) * self._plan.passages)))
        parts = [[(p.ask, p.sentence) for p in said], [(p.ask, p.passage) for p in wide]]
        made = []
        for part in parts:
            rng.shuffle(part)
            # Rows of like length together, a few batches at a time: a third less padding.
            wider = size * 16
            for start in range(0, len(part), wider):
                near = sorted(part[start : start + wider], key=lambda p: len(self._hidden[p[1]]))
                made += [near[i : i + size] for i in range(0, len(near) - size // 2, size)]
        rng.shuffle(made)
        return made

    def _loss(
        self, rng: random.Random, batch: Sequence[tuple[str, int]], bank: torch.Tensor
    ) -> torch.Tensor:
        """Return InfoNCE of asks to rows, to the batch's rows and, apart, to all rows.

        Fresh and old rows never stand in one sum: the first run did that, and its loss fell from
        2.3 to 0.4 in a pass, mostly because what was right was also what was new.
        """
        import torch  # noqa: PLC0415

        texts = [self._shelf.typed(rng, ask) for ask, _ in batch]
        at = torch.tensor([row for _, row in batch])
        asks = self._halves.upper(self._halves.lower(texts, tokens=ASK_TOKENS))
        rows = self._halves.upper([self._hidden[row] for _, row in batch])
        wrong = torch.stack([self._rivals[row] for _, row in batch])
        fresh = (asks @ rows.T / self._plan.temperature).masked_fill(~wrong[:, at], -math.inf)
        right = (asks * rows).sum(1) / self._plan.temperature
        kept = asks @ bank.T / self._plan.temperature
        known = kept.gather(1, at[:, None])[:, 0]
        old = kept.masked_fill(~wrong, -math.inf)
        return (
            torch.cat([right[:, None], fresh], dim=1).logsumexp(1)
            - right
            + torch.cat([known[:, None], old], dim=1).logsumexp(1)
            - known
        ).mean()


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


def _slope(done: float, warm_up: float) -> float:
    """Return the share of the peak rate: up in a straight line, then down along a cosine."""
    if done < warm_up:
        return (done + 1e-3) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))
