"""An adapter added into its base for good: a Hugging Face folder again, and its GGUF."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from appliance.files import replaced, replaced_file
from models.hf_base import CONFIG, TOKENIZER, WEIGHTS, read_base
from models.hf_gguf import lora_scale, read_adapter

BESIDE = (TOKENIZER, "tokenizer_config.json", "special_tokens_map.json",
          "generation_config.json", "chat_template.jinja")  # fmt: skip


def merge(base: Path, adapter: Path, out: Path) -> Path:
    """Write `base` with the adapter added into its weights, in float32, as a folder of its own.

    Args:
        base: A Hugging Face folder.
        adapter: A PEFT LoRA folder trained on it.
        out: The new folder; one model.safetensors, however the base was cut.

    Raises:
        BadInput: They do not fit each other, or the disk is full.
    """
    read = read_base(base)
    added, scale = read_adapter(adapter, read), lora_scale(adapter)
    tensors: dict[str, torch.Tensor] = {}
    for name, path in read.files.items():
        with safe_open(path, framework="pt") as file:
            weight = file.get_tensor(name).float()
        if name in added:
            a, b = (torch.from_numpy(half) for half in added[name])
            weight = weight + scale * (b @ a)
        tensors[name] = weight.contiguous()
    write_folder(base, out, tensors)
    return out


def write_folder(base: Path, out: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write weights with a base's configuration and tokenizer; config.json comes last."""
    with replaced_file(out / WEIGHTS) as part:
        save_file(tensors, part, metadata={"format": "pt"})
    for name in BESIDE:
        if (base / name).is_file():
            with replaced_file(out / name) as part:
                shutil.copyfile(base / name, part)
    config = json.loads((base / CONFIG).read_text(encoding="utf-8"))
    config.pop("torch_dtype", None)
    with replaced(out / CONFIG) as file:
        file.write(json.dumps({**config, "dtype": "float32"}, indent=1) + "\n")
