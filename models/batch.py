"""A batch of training sequences, and the two warm-ups that need no text.

Source: design/FACTS.md, "A small specialist": without copying first, a small model answers with a
slot chosen by chance, and its loss does not show it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Sequences and what is asked of them; `targets` is −1 where nothing is."""

    tokens: Tensor  # (batch, time) int64
    targets: Tensor  # (batch, time) int64: the token to say at each place
    weights: Tensor  # (batch, time) float32
    positions: Tensor | None = None  # (batch, time) int64; None: 0, 1, 2 …
    mask: Tensor | None = None  # (batch, 1, time, time) bool; None: causal
    scored: Tensor | None = None  # (batch, time) bool: places that count as answers; None: all


def copies(rng: random.Random, *, vocabulary: int, size: int = 64) -> Iterator[Batch]:
    """Yield random sequences of 6–24 tokens said twice; the second saying is supervised."""
    draw = torch.Generator().manual_seed(rng.getrandbits(63))
    while True:
        length = rng.randint(6, 24)
        half = torch.randint(vocabulary, (size, length), generator=draw)
        tokens = torch.cat([half, half], dim=1)
        targets = torch.full_like(tokens, -1)
        targets[:, length:-1] = half[:, 1:]
        yield Batch(tokens, targets, (targets >= 0).float())


def lookups(rng: random.Random, *, vocabulary: int, size: int = 48) -> Iterator[Batch]:
    """Yield 4–10 facts (label, two keys, value …) and asks that name the keys in either order.

    A fact is `label key key value`; an ask is `key key → label value`. One key is shared by
    several facts, so both must be looked at. Each ask sees the facts alone, as in serving.
    """
    draw = torch.Generator().manual_seed(rng.getrandbits(63))
    while True:
        facts, asks = rng.randint(4, 10), 6
        ids = torch.stack(
            [torch.randperm(vocabulary, generator=draw)[: 4 * facts + 1] for _ in range(size)]
        )
        label, value = ids[:, :facts], ids[:, facts : 2 * facts]
        pool = ids[:, 2 * facts : -1].reshape(size, 2, facts)
        groups = max(2, facts // 2)
        first = pool[:, 0, torch.arange(facts) % groups]
        second = pool[:, 1, torch.arange(facts) // groups]
        context = torch.stack([label, first, second, value], dim=-1).reshape(size, -1)
        marker = ids[:, -1:]
        rows = torch.arange(size)
        parts, wanted = [context], [torch.full_like(context, -1)]
        for _ in range(asks):
            pick = torch.randint(facts, (size,), generator=draw)
            keys = torch.stack([first[rows, pick], second[rows, pick]], dim=1)
            if rng.random() < 0.5:
                keys = keys.flip(1)
            answer = torch.stack([label[rows, pick], value[rows, pick]], dim=1)
            parts.append(torch.cat([keys, marker, answer[:, :1]], dim=1))
            nothing = torch.full_like(keys, -1)
            wanted.append(torch.cat([nothing, answer], dim=1))
        tokens, targets = torch.cat(parts, dim=1), torch.cat(wanted, dim=1)
        positions, mask = branches(4 * facts, [4] * asks)
        yield Batch(
            tokens,
            targets,
            (targets >= 0).float(),
            positions.expand(size, -1),
            mask.expand(size, -1, -1, -1),
        )


def branches(trunk: int, lengths: list[int]) -> tuple[Tensor, Tensor]:
    """Return positions (1, time) and mask (1, 1, time, time) of a trunk and its branches.

    Each branch sees the trunk and itself and stands right after the trunk, so several asks over
    the same sources train at the price of one reading of them, each exactly as it is served.
    """
    owner = torch.tensor([0] * trunk + [i for i, n in enumerate(lengths, 1) for _ in range(n)])
    spots = list(range(trunk)) + [trunk + j for n in lengths for j in range(n)]
    time = len(spots)
    mask = torch.ones(time, time, dtype=torch.bool).tril()
    mask &= (owner[:, None] == owner[None]) | (owner[None] == 0)
    return torch.tensor(spots)[None], mask[None, None]
