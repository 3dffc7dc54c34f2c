"""The base model: a small Qwen3-shaped transformer, as llama.cpp reads it.

Pre-norm RMSNorm, attention with QK-norm and rotary positions (NeoX halves), SwiGLU, tied output.
Nothing here is our own invention on purpose: the exported GGUF must run in stock llama.cpp.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

EPS = 1e-6


@dataclass(frozen=True)
class Shape:
    """Sizes of a model; the defaults are the demo chain's specialist."""

    vocabulary: int = 2048
    width: int = 224
    layers: int = 5
    heads: int = 7
    inner: int = 512  # of the SwiGLU
    context: int = 1024
    rope_base: float = 1_000_000.0  # slow: words match over the whole prompt
    init: float = 0.06

    @property
    def head_width(self) -> int:
        """Width of one head."""
        return self.width // self.heads


class RMSNorm(nn.Module):  # type: ignore[misc]
    """Scale to unit mean square, then by a learned weight."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """(…, width) -> the same shape."""
        return F.rms_norm(x, (x.shape[-1],), self.weight, EPS)


class Halved(torch.autograd.Function):  # type: ignore[misc]
    """x · wᵀ in bfloat16, forwards and backwards; weights and what comes in and out stay 32-bit.

    Attention, norms and the readout stay 32-bit too: attention's backward pass is three times as
    slow in bfloat16 (torch 2.13, on a CPU with AMX), products alone are three times as fast.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        """(…, in), (out, in) -> (…, out)."""
        rows, low = x.reshape(-1, x.shape[-1]).bfloat16(), weight.bfloat16()
        ctx.save_for_backward(rows, low)
        ctx.shape = x.shape
        y: Tensor = (rows @ low.t()).float().view(*x.shape[:-1], -1)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients of x and of the weight."""
        rows, low = ctx.saved_tensors
        g = grad.reshape(-1, grad.shape[-1]).bfloat16()
        return (g @ low).float().view(ctx.shape), (g.t() @ rows).float()


class Linear(nn.Linear):  # type: ignore[misc]
    """A product without bias, in bfloat16 while a training says so."""

    halved = False

    def __init__(self, wide: int, out: int) -> None:
        super().__init__(wide, out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(…, in) -> (…, out)."""
        y: Tensor = Halved.apply(x, self.weight) if self.halved else F.linear(x, self.weight)
        return y


class Block(nn.Module):  # type: ignore[misc]
    """Attention, then SwiGLU, each with its own residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        w, self.heads = shape.width, shape.heads
        self.attn_norm, self.mlp_norm = RMSNorm(w), RMSNorm(w)
        self.qkv = Linear(w, 3 * w)
        self.q_norm, self.k_norm = RMSNorm(shape.head_width), RMSNorm(shape.head_width)
        self.out = Linear(w, w)
        self.gate_up = Linear(w, 2 * shape.inner)
        self.down = Linear(shape.inner, w)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
        """(batch, time, width) -> the same shape.

        Args:
            x: The residual stream.
            turn: cos and sin of the rotary angles, (batch or 1, 1, time, head width).
            mask: True where a query may look, (batch, 1, time, time); None: causal.
        """
        b, t, w = x.shape
        qkv = self.qkv(self.attn_norm(x)).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k = rotate(self.q_norm(qkv[0]), turn), rotate(self.k_norm(qkv[1]), turn)
        y = F.scaled_dot_product_attention(q, k, qkv[2], attn_mask=mask, is_causal=mask is None)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, w))
        gate, up = self.gate_up(self.mlp_norm(x)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


class Transformer(nn.Module):  # type: ignore[misc]
    """Tokens to hidden states; `logits` reads them out through the tied embedding."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = RMSNorm(shape.width)
        inverse = shape.rope_base ** (
            -torch.arange(0, shape.head_width, 2, dtype=torch.float64) / shape.head_width
        )
        angles = torch.arange(shape.context, dtype=torch.float64)[:, None] * inverse
        angles = torch.cat([angles, angles], dim=-1).float()
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                # What writes into the residual starts at nothing, as in nanochat.
                last = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(p, std=0.0 if last else shape.init)

    def forward(
        self, tokens: Tensor, positions: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """(batch, time) token ids -> (batch, time, width) hidden states, normed."""
        where = torch.arange(tokens.shape[1])[None] if positions is None else positions
        turn = (self.cos[where][:, None], self.sin[where][:, None])
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, turn, mask)
        hidden: Tensor = self.norm(x)
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """(…, width) -> (…, vocabulary)."""
        return F.linear(hidden, self.embed.weight)

    def halve(self, *, is_on: bool) -> None:
        """Let products run in bfloat16, or in full again."""
        for part in self.modules():
            if isinstance(part, Linear):
                part.halved = is_on

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(p.numel() for p in self.parameters())


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Turn (batch, heads, time, head width) by its positions' angles, NeoX halves."""
    cos, sin = turn
    a, b = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-b, a], dim=-1) * sin


def save(model: Transformer, path: str, **more: Any) -> None:
    """Write a checkpoint with the model's shape and whatever a resumed run needs."""
    torch.save({"shape": asdict(model.shape), "model": model.state_dict(), **more}, path)


def load(path: str) -> tuple[Transformer, dict[str, Any]]:
    """Return the model of a checkpoint and all that was saved beside it."""
    kept = torch.load(path, map_location="cpu", weights_only=True)
    model = Transformer(Shape(**kept.pop("shape")))
    model.load_state_dict(kept.pop("model"))
    return model, kept
