"""The training loop: one stage after another, each until it is learned or its time is up."""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from appliance.errors import BadInput
from models.base import Transformer, load, save
from models.batch import Batch

Reading = Callable[[Tensor, Tensor | None, Tensor | None], Tensor]  # tokens to hidden states
EVERY = 25  # steps between lines of the log
LONGEST_STEP_S = (
    10.0  # a step that took longer was stopped by someone, and the rest is not its time
)


@dataclass(frozen=True)
class Stage:
    """When a stage ends and at which rate it learns."""

    name: str
    rate: float
    steps: int  # most steps
    seconds: float = math.inf  # most seconds, the decay included
    goal: float = 2.0  # ends early when accuracy reaches it; > 1: never
    warmup: int = 100
    decay: float = 0.0  # share of the stage at its end in which the rate falls to a tenth
    weight_decay: float = 0.01
    bf16: bool = False  # products in bfloat16
    compiled: bool = False  # fuse what lies between products; costs minutes at the start


def learn(
    model: Transformer,
    batches: Iterator[Batch],
    *,
    stage: Stage,
    folder: Path,
    check: Callable[[Transformer], dict[str, float]] | None = None,
    check_every: int = 1000,
    say: Callable[[str], None] = print,
) -> dict[str, float]:
    """Train in place; return the last figures. A checkpoint `stage.pt` is kept and resumed.

    Args:
        model: Changed in place.
        batches: Endless.
        stage: Limits and rates.
        folder: Where `<stage>.pt` and `log.jsonl` go.
        check: Called every `check_every` steps; its figures go into the log.
        check_every: In steps.
        say: Where each line of the log is also said.
    """
    run = _Run(model, stage, folder)
    if run.over():
        say(f"{stage.name}: already done after {run.step} steps")
        return run.figures
    while not run.over():
        run.go(next(batches))
        if not run.leads:
            continue
        if run.step % EVERY == 0 or run.over():
            run.figures = run.lately()
            if check and (run.step % check_every == 0 or run.over()):
                run.figures |= check(model)
            _note(folder, stage.name, run.figures, say)
        if run.step % (4 * EVERY) == 0 or run.over():
            run.keep()
    return run.figures


class _Run:
    """Where a stage stands: its optimizer, its clock and what the last steps gave."""

    def __init__(self, model: Transformer, stage: Stage, folder: Path) -> None:
        self.model, self.stage = model, stage
        self._read: Reading = torch.compile(model, dynamic=True) if stage.compiled else model
        self.path = folder / f"{stage.name}.pt"
        self.optimizer = torch.optim.AdamW(
            model.parameters(),
            lr=stage.rate,
            betas=(0.9, 0.95),
            weight_decay=stage.weight_decay,
            fused=True,
        )
        self.together = dist.get_world_size() if dist.is_initialized() else 1
        self.leads = self.together == 1 or dist.get_rank() == 0
        self.step, self.tokens, self._over = 0, 0, False
        self.figures: dict[str, float] = {}
        self.last: deque[tuple[float, float]] = deque(maxlen=EVERY)  # loss, accuracy
        self.spent = self._resume() if self.path.exists() else 0.0
        self._at = time.monotonic()
        self.progress = max(self.step / stage.steps, self.spent / stage.seconds)

    def go(self, batch: Batch) -> None:
        """Learn from one batch, together with the other processes."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.stage.rate * _shape(self.stage, self.step, self.progress)
        self.model.halve(is_on=self.stage.bf16)
        loss, accuracy = _step(self.model, batch, self._read)
        self.model.halve(is_on=False)
        self._tick()
        progress = max((self.step + 1) / self.stage.steps, self.spent / self.stage.seconds)
        loss, accuracy, self.progress = _together(self.model, [loss, accuracy, progress])
        if not math.isfinite(loss):
            raise BadInput(
                f"{self.stage.name}: the loss is {loss} at step {self.step + 1}, rate"
                f" {self.stage.rate:g}.",
                hint=f"Lower the rate, say to {self.stage.rate / 10:g}; the checkpoint is kept.",
            )
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        self.tokens += batch.tokens.numel() * self.together
        self.last.append((loss, accuracy))
        learned = len(self.last) == EVERY and self.lately()["accuracy"] >= self.stage.goal
        self._over = self.progress >= 1 or learned

    def over(self) -> bool:
        """Tell whether the stage is learned or its time is up."""
        return self._over

    def lately(self) -> dict[str, float]:
        """Return means over the last steps, and the counts so far."""
        loss, accuracy = (sum(column) / len(self.last) for column in zip(*self.last, strict=True))
        counts = {"step": self.step, "tokens": self.tokens, "s": self.spent}
        return {"loss": loss, "accuracy": accuracy, **counts}

    def keep(self) -> None:
        """Write the checkpoint beside the old one and rename: a cut run keeps the old."""
        new = f"{self.path}.new"
        save(
            self.model,
            new,
            optimizer=self.optimizer.state_dict(),
            step=self.step,
            spent=self.spent,
            done=self._over,
            figures=self.figures,
            tokens=self.tokens,
        )
        Path(new).replace(self.path)

    def _tick(self) -> None:
        """Count the time since the last step, but no pause."""
        now = time.monotonic()
        self.spent += min(now - self._at, LONGEST_STEP_S)
        self._at = now

    def _resume(self) -> float:
        """Take up a checkpoint; return the seconds behind it."""
        kept, more = load(str(self.path))
        self.model.load_state_dict(kept.state_dict())
        self.optimizer.load_state_dict(more["optimizer"])
        self.step, self.tokens = int(more["step"]), int(more.get("tokens", 0))
        self._over, self.figures = bool(more["done"]), dict(more["figures"])
        return float(more["spent"])


def _step(model: Transformer, batch: Batch, read: Reading) -> tuple[float, float]:
    """Add the batch's gradients; return its loss and the share of scored places that are right."""
    where = batch.targets >= 0
    hidden = read(batch.tokens, batch.positions, batch.mask)[where]
    logits = model.logits(hidden)
    wanted, weights = batch.targets[where], batch.weights[where]
    loss: Tensor = (F.cross_entropy(logits, wanted, reduction="none") * weights).sum()
    loss = loss / weights.sum()
    loss.backward()
    hit = (logits.argmax(-1) == wanted).float()
    if batch.scored is not None:
        hit = hit[batch.scored[where]]
    return loss.item(), hit.mean().item()


def _together(model: Transformer, numbers: list[float]) -> list[float]:
    """Average gradients and a few numbers over the processes that train together, if any do.

    Processes of one thread each share two busy cores far better than one process of two threads,
    which waits at every product for whichever core is taken: 860 against 280 tokens a second, seen
    on a 2-core machine with a load of 6.
    """
    if not dist.is_initialized():
        return numbers
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([*(g.flatten() for g in grads), torch.tensor(numbers)])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for grad, mean in zip(
        grads, flat.split([*(g.numel() for g in grads), len(numbers)]), strict=False
    ):
        grad.copy_(mean.view_as(grad))
    return [float(x) for x in flat[-len(numbers) :]]


def _shape(stage: Stage, step: int, progress: float) -> float:
    """Return the share of the full rate: a short rise, a plateau, a straight fall to a tenth."""
    rise = min(1.0, (step + 1) / stage.warmup)
    if not stage.decay or progress < 1 - stage.decay:
        return rise
    return rise * max(0.1, 1 - 0.9 * (progress - 1 + stage.decay) / stage.decay)


def _note(folder: Path, stage: str, figures: dict[str, float], say: Callable[[str], None]) -> None:
    line = {"stage": stage, **{k: round(v, 5) for k, v in figures.items()}}
    with (folder / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    say(json.dumps(line))
