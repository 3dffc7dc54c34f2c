"""Start a model with the sketch of the circuit its work needs, instead of leaving it to chance.

From random weights a 3 M model needs millions of tokens to find induction ("what came after this
token before?"), and until then it cites by chance while its loss looks fine. The
sketch writes three old acquaintances into the first blocks; everything trains on from there.

* block 0: heads that look one token back; a head that looks to the start of the own source
* block 1: heads that look for tokens whose predecessor is the current one (copying); heads that
  look for the same word elsewhere and fetch which source it stands in
* block 2: at `<|answer|>`, heads that gather what the words of the ask fetched: a vote

The residual stream: one constant, 96 of content, 96 for the predecessor's content, then what tells
sources apart. Source of copying by two heads: Olsson et al., "In-context learning and induction
heads", 2022.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from models.base import Block, Transformer

HEADS = 3  # of each kind
SHARP = 2.0  # weight of q and k norms: logits reach 32 · 2 · 2 / √32 = 22.6


def sketch(
    model: Transformer, *, sources: Sequence[int], ask: int, content: Tensor | None = None
) -> None:
    """Write the circuit into a fresh model.

    Args:
        model: With heads of width 32, at least 7 of them and 3 blocks.
        sources: Token ids that open a source.
        ask: Token id that opens the ask.
        content: (vocabulary, 96) rows; tokens alike in use point alike. None: random.
    """
    with torch.no_grad():
        _draw(model, [*sources, ask], content)


def _draw(model: Transformer, starts: Sequence[int], content: Tensor | None) -> None:
    shape = model.shape
    h, init = shape.head_width, shape.init
    size = HEADS * h  # of content
    words = slice(1, 1 + size)
    flag = 1 + 2 * size
    own, stood, votes = (flag + 1 + j * len(starts) for j in range(3))
    if votes + len(starts) > shape.width or shape.heads < 2 * HEADS + 1 or shape.layers < 3:
        raise ValueError(f"A model of width {shape.width}, {shape.heads} heads is too small.")

    e = model.embed.weight
    rows = torch.randn(shape.vocabulary, size) if content is None else content
    e.zero_()
    e[:, words] = init * size**0.5 * torch.nn.functional.normalize(rows, dim=1)
    e[:, 0] = init * shape.width**0.5
    for i, token in enumerate(starts):
        e[token, [flag, own + i]] = 0.5
        e[token, votes + i] = 0.5  # a vote for a source is a logit of its token

    theta = shape.rope_base ** (-torch.arange(0, h, 2) / h)
    fast = (theta > 0.15).float()
    near = ((theta < 0.04) & (theta > 0.005)).float()
    slow = torch.cat([theta < 0.006, theta < 0.006]).nonzero()[:, 0]  # still alike 300 tokens on
    none = torch.zeros(h // 2)
    for block in model.blocks[:3]:
        block.q_norm.weight.fill_(SHARP)
        block.k_norm.weight.fill_(SHARP)

    first, second, third = model.blocks[0], model.blocks[1], model.blocks[2]
    for i in range(HEADS):
        part = torch.arange(h) + 1 + i * h
        q, k, v, out = _head(first, i)  # one token back
        q[:, 0] = torch.cat([fast, none])
        k[:, 0] = torch.cat([fast * theta.cos(), fast * theta.sin()])
        v[torch.arange(h), part] = 1.0
        out[part + size, torch.arange(h)] = 0.2
        q, k, v, out = _head(second, i)  # after this token, before
        q[slow, part[: len(slow)]] = 1.0
        k[slow, part[: len(slow)] + size] = 1.0
        v[torch.arange(h), part] = 1.0
        out[part, torch.arange(h)] = 0.5
        q, k, v, out = _head(second, HEADS + i)  # the same word elsewhere
        q[slow, part[: len(slow)]] = 1.0
        k[slow, part[: len(slow)]] = 1.0
        _carry(v, out, stood, votes, len(starts), gain=0.1)
    q, k, v, out = _head(first, HEADS)  # the start of the own source
    q[:, 0] = torch.cat([near, none])
    k[:, flag] = torch.cat([near, none])
    k[h - 1, 0] = 0.1
    _carry(v, out, own, stood, len(starts), gain=0.07)
    q, k, v, out = _head(third, 0)  # what the words of the ask fetched
    q[h // 2 - 1, 0] = 1.0
    k[h // 2 - 1, stood + len(starts) - 1] = 1.0
    k[h - 1, 0] = 0.1
    _carry(v, out, votes, votes, len(starts) - 1, gain=1.0)


def _head(block: Block, i: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return views of a head's q, k, v (head width, width) and out (width, head width), emptied."""
    w = block.out.weight.shape[0]
    h = w // block.heads
    rows = slice(i * h, (i + 1) * h)
    q, k, v = (block.qkv.weight[j * w : (j + 1) * w][rows] for j in range(3))
    for part in (q, k):
        part.mul_(0.01)
    v.zero_()
    return q, k, v, block.out.weight[:, rows]


def _carry(v: Tensor, out: Tensor, source: int, target: int, count: int, *, gain: float) -> None:
    """Let a head move `count` residual dimensions from one place to another."""
    each = torch.arange(count)
    v[each, source + each] = 1.0
    out[target + each, each] = gain
