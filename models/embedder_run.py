"""The tuning itself: steps over pairs, with a bank of all rows and hard negatives from it.

A step learns to rank an ask's row before the batch's rows and the hardest wrong rows of the whole
handbook, all embedded anew; and, in a sum of its own, before every row as the bank holds it.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.embedder_data import Pair, Shelf
from models.embedder_halves import Halves

if TYPE_CHECKING:
    import torch

ASK_TOKENS, ROW_TOKENS = 40, 64
LOSS = (
    "over the batch's rows and the hardest wrong row of each ask, embedded anew, and apart from it"
    " over all rows as the bank holds them"
)
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to tune; every number that matters is here."""

    epochs: int = 3
    batch: int = 32
    rate: float = 5e-5  # at its peak; the lower half is frozen, so a little more than usual
    warm_up: float = 0.1  # share of the steps
    decay: float = 0.01
    temperature: float = 0.05
    hard: int = 1  # wrong rows an ask brings to its batch
    passages: float = 0.15  # share of asks also paired with their passage
    again: int = 2  # times a Spanish ask comes in an epoch
    frozen: int = 3  # layers
    seed: int = 2026
    threads: int = 2
    round: int = 100  # steps between two checkpoints, when the bank is embedded anew
    minutes: float = 60.0  # no step is begun later
    blends: tuple[float, ...] = (1.0, 0.85, 0.7, 0.5)  # share of the tuned weights


class Run:
    """Steps over sentence batches and passage batches, mixed; a stopped run goes on."""

    def __init__(
        self,
        halves: Halves,
        shelf: Shelf,
        pairs: Sequence[Pair],
        *,
        plan: Plan,
        kept: Path,
        say: Say,
    ) -> None:
        """Embed what never changes: each row up to the layers that learn.

        Args:
            halves: The model; its upper half is trained in place.
            shelf: The handbook's rows.
            pairs: Asks and their rows.
            plan: How.
            kept: The checkpoint, written after every round.
            say: Told of progress.
        """
        import torch  # noqa: PLC0415

        self._halves, self._shelf, self._pairs = halves, shelf, pairs
        self._plan, self._kept, self._say = plan, kept, say
        self._hidden = halves.lower([r.text for r in shelf.rows], tokens=ROW_TOKENS)
        targets = {t for p in pairs for t in (p.sentence, p.passage)}
        self._rivals = {t: torch.from_numpy(shelf.rivals(t)) for t in targets}
        self._optimizer = torch.optim.AdamW(
            halves.above.parameters(), lr=plan.rate, weight_decay=plan.decay
        )

    def train(self) -> dict[str, float]:
        """Run the steps that are left; return how many were done, of how many planned."""
        begun = time.monotonic()
        end = begun + self._plan.minutes * 60
        batches = [b for epoch in range(self._plan.epochs) for b in self._batches(epoch)]
        step = self._resume()
        while step < len(batches) and time.monotonic() < end:
            bank = self._halves.rows(self._hidden)
            self._halves.above.train()
            losses = []
            for batch in batches[step : step + self._plan.round]:
                if time.monotonic() > end:
                    break
                losses.append(self._step(step, len(batches), batch, bank))
                step += 1
            self._keep(step)
            spent = (time.monotonic() - begun) / 60
            self._say(f"{step}/{len(batches)}: loss {np.mean(losses):.3f}, {spent:.1f} min")
        return {"steps": step, "planned": len(batches)}

    def _step(
        self, step: int, of: int, batch: Sequence[tuple[str, int]], bank: torch.Tensor
    ) -> float:
        import torch  # noqa: PLC0415

        torch.manual_seed(self._plan.seed + step)
        rng = random.Random(f"{self._plan.seed}/{step}")  # noqa: S311 - a seed, not a secret
        for group in self._optimizer.param_groups:
            group["lr"] = self._plan.rate * slope(step / of, self._plan.warm_up)
        loss = self._loss(rng, batch, bank)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call,unused-ignore]
        torch.nn.utils.clip_grad_norm_(self._halves.above.parameters(), 1.0)
        self._optimizer.step()
        return float(loss.item())

    def _keep(self, step: int) -> None:
        import torch  # noqa: PLC0415

        state = {
            "steps": step,
            "above": self._halves.above.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        partial = self._kept.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self._kept)

    def _resume(self) -> int:
        import torch  # noqa: PLC0415

        if not self._kept.exists():
            return 0
        state = torch.load(self._kept, weights_only=True)
        self._halves.above.load_state_dict(state["above"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._say(f"going on after step {state['steps']}")
        return int(state["steps"])

    def _batches(self, epoch: int) -> list[list[tuple[str, int]]]:
        """Return (ask, row) pairs in batches, each of sentences only or of passages only."""
        rng = random.Random(f"{self._plan.seed}/{epoch}")  # noqa: S311 - a seed, not a secret
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
        """Return InfoNCE of asks to rows embedded anew and, apart, to all rows of the bank.

        Fresh and old rows never stand in one sum: the first run did that, and its loss fell from
        2.3 to 0.4 in a pass, mostly because what was right was also what was new.
        """
        import torch  # noqa: PLC0415

        texts = [self._shelf.typed(rng, ask) for ask, _ in batch]
        at = torch.tensor([row for _, row in batch])
        wrong = torch.stack([self._rivals[row] for _, row in batch])
        asks = self._halves.upper(self._halves.lower(texts, tokens=ASK_TOKENS))
        kept = asks @ bank.T / self._plan.temperature
        known = kept.gather(1, at[:, None])[:, 0]
        old = kept.masked_fill(~wrong, -math.inf)
        hardest = old.detach().topk(self._plan.hard, dim=1).indices.flatten()
        shown = torch.cat([at, hardest[~torch.isin(hardest, at)].unique()])
        rows = self._halves.upper([self._hidden[row] for row in shown.tolist()])
        fresh = (asks @ rows.T / self._plan.temperature).masked_fill(~wrong[:, shown], -math.inf)
        right = (asks * rows[: len(at)]).sum(1) / self._plan.temperature
        return (
            torch.cat([right[:, None], fresh], dim=1).logsumexp(1)
            - right
            + torch.cat([known[:, None], old], dim=1).logsumexp(1)
            - known
        ).mean()


def slope(done: float, warm_up: float) -> float:
    """Return the share of the peak rate: up in a straight line, then down along a cosine."""
    if done < warm_up:
        return (done + 1e-3) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))
