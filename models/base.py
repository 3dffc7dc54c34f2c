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


class Block(nn.Module):  # type: ignore[misc]
    """Attention, then SwiGLU, each with its own residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        w, self.heads = shape.width, shape.heads
        self.attn_norm, self.mlp_norm = RMSNorm(w), RMSNorm(w)
        self.qkv = nn.Linear(w, 3 * w, bias=False)
        self.q_norm, self.k_norm = RMSNorm(shape.head_width), RMSNorm(shape.head_width)
        self.out = nn.Linear(w, w, bias=False)
        self.gate_up = nn.Linear(w, 2 * shape.inner, bias=False)
        self.down = nn.Linear(shape.inner, w, bias=False)

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
