"""The model a GGUF was made from, run by transformers: what parity holds the GGUF against."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from models.hf_base import HfBase, read_base


@dataclass(frozen=True)
class SourceModel:
    """A Hugging Face model behind the two calls that `models.parity` makes."""

    base: HfBase
    model: Any

    @classmethod
    def read(cls, folder: Path) -> SourceModel:
        """Return the model of a folder, in float32.

        Raises:
            BadInput: The folder is none of the known shapes.
        """
        base = read_base(folder)
        model = AutoModelForCausalLM.from_pretrained(
            str(folder), dtype=torch.float32, local_files_only=True
        )
        return cls(base, model.eval())

    def __call__(self, tokens: Tensor) -> Tensor:
        """(batch, time) token ids -> (batch, time, width) hidden states, normed."""
        hidden: Tensor = self.model.model(input_ids=tokens, use_cache=False).last_hidden_state
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """(…, width) -> (…, vocabulary)."""
        found: Tensor = self.model.lm_head(hidden)
        return found
