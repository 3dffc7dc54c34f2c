"""The training loop: one stage after another, each until it is learned or its time is up."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from models.base import Transformer, load, save
from models.batch import Batch

EVERY = 25  # steps between lines of the log


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
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=stage.rate, betas=(0.9, 0.95), weight_decay=stage.weight_decay,
        fused=True,
    )  # fmt: skip
    path, step, spent, tokens = folder / f"{stage.name}.pt", 0, 0.0, 0
    if path.exists():
        kept, more = load(str(path))
        model.load_state_dict(kept.state_dict())
        optimizer.load_state_dict(more["optimizer"])
        step, spent = int(more["step"]), float(more["spent"])
        tokens = int(more.get("tokens", 0))
        if more["done"]:
            say(f"{stage.name}: already done after {step} steps")
            return dict(more["figures"])
    right, losses = [], []
    figures: dict[str, float] = {}
    began = time.monotonic() - spent
    together = dist.get_world_size() if dist.is_initialized() else 1
    done, leads = False, not dist.is_initialized() or dist.get_rank() == 0
    progress = max(step / stage.steps, spent / stage.seconds)
    while not done:
        for group in optimizer.param_groups:
            group["lr"] = stage.rate * _shape(stage, step, progress)
        batch = next(batches)
        loss, accuracy = _step(model, batch)
        spent = time.monotonic() - began
        progress = max((step + 1) / stage.steps, spent / stage.seconds)
        loss, accuracy, progress = _together(model, [loss, accuracy, progress])
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        step, tokens = step + 1, tokens + batch.tokens.numel() * together
        right.append(accuracy)
        losses.append(loss)
        lately = sum(right[-EVERY:]) / len(right[-EVERY:])
        done = progress >= 1 or (lately >= stage.goal and len(right) >= EVERY)
        if leads and (step % EVERY == 0 or done):
            mean = sum(losses[-EVERY:]) / len(losses[-EVERY:])
            figures = {"step": step, "loss": mean, "accuracy": lately, "tokens": tokens, "s": spent}
            if check and (step % check_every == 0 or done):
                figures |= check(model)
            _note(folder, stage.name, figures, say)
        if leads and (step % (4 * EVERY) == 0 or done):
            # Written beside and renamed: a cut run keeps its last whole checkpoint.
            save(
                model, f"{path}.new", optimizer=optimizer.state_dict(), step=step,
                spent=time.monotonic() - began, done=done, figures=figures, tokens=tokens,
            )  # fmt: skip
            Path(f"{path}.new").replace(path)
    return figures


def _step(model: Transformer, batch: Batch) -> tuple[float, float]:
    """Add the batch's gradients; return its loss and the share of scored places that are right."""
    where = batch.targets >= 0
    hidden = model(batch.tokens, batch.positions, batch.mask)[where]
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
