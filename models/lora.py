"""How an adapter is trained, and the files PEFT would write of it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from peft import LoraConfig
from safetensors.torch import save as to_safetensors
from torch import Tensor

from appliance.files import replaced, replaced_file
from models.hf_base import PROJECTIONS, HfBase
from models.hf_gguf import CONFIG, ORIGIN, WEIGHTS


@dataclass(frozen=True)
class LoraSettings:
    """How an adapter is trained. Only `steps`, `rate` and `keep_every` may change on the way."""

    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.0
    projections: tuple[str, ...] = PROJECTIONS
    rate: float = 1e-3
    warmup: int = 5  # steps; then the rate falls along a cosine to a tenth
    steps: int = 60
    batch: int = 16  # pairs a step, of all processes together
    at_once: int = 8  # pairs a forward pass
    weight_decay: float = 0.0
    clip: float = 1.0  # longest gradient
    word_weight: float = 0.15  # a token of the answer's words, beside the citation's 1
    precision: str = "no"  # or bf16, on GPUs that have it
    keep_every: int = 20  # steps between checkpoints
    seed: int = 1


def lora_config(settings: LoraSettings) -> LoraConfig:
    """Return PEFT's own configuration of these settings."""
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(settings.projections),
        task_type="CAUSAL_LM",
    )


def write_adapter(
    folder: Path, state: dict[str, Tensor], *, settings: LoraSettings, base: HfBase
) -> None:
    """Write an adapter as PEFT does, and which base it is of; each file is replaced whole."""
    config = lora_config(settings).to_dict()
    config |= {"base_model_name_or_path": base.name, "inference_mode": True}
    config["target_modules"] = sorted(settings.projections)
    with replaced_file(folder / WEIGHTS) as part:
        part.write_bytes(to_safetensors(state, metadata={"format": "pt"}))
    with replaced(folder / CONFIG) as file:
        file.write(json.dumps(config, indent=1, default=str) + "\n")
    with replaced(folder / ORIGIN) as file:
        file.write(json.dumps({"base": base.name, "base_sha256": base.sha256}) + "\n")


def rate_share(settings: LoraSettings, step: int) -> float:
    """Return the share of the full rate at a step."""
    rise = min(1.0, (step + 1) / max(1, settings.warmup))
    along = step / max(1, settings.steps)
    return rise * (0.1 + 0.45 * (1 + math.cos(math.pi * along)))
