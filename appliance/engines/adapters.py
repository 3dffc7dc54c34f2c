"""LoRA adapters over a loaded model: which are there, and which of them computes now.

Used by the scheduler's thread only. llama.cpp applies an adapter to a whole batch, so a batch is
of one adapter; who switches is told by `Chunk.adapter`.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

from appliance.engines.gguf_header import read_header
from appliance.engines.llama_library import clear_complaints, first_complaint, library
from appliance.errors import DamagedRelease, EngineError

BASE = ""  # the key of "no adapter"


class LlamaAdapters:
    """The adapters of one model; freed with it."""

    def __init__(self, model: Any, architecture: str) -> None:
        self._model = model
        self._architecture = architecture
        self._loaded: dict[str, Any] = {}  # key -> llama.cpp's handle
        self._live = BASE

    def load(self, key: str, path: Path) -> None:
        """Read an adapter from its GGUF under a key; nothing happens when it is there already.

        Raises:
            DamagedRelease: Missing, cut, no adapter, or of another model.
        """
        if key in self._loaded:
            return
        header = read_header(path)
        if header.kind != "adapter" or header.architecture != self._architecture:
            raise DamagedRelease(
                f"{path} is a GGUF of kind {header.kind!r} for {header.architecture!r}; expected "
                f"an adapter for {self._architecture!r}.",
                hint="Export the adapter over this release's base.",
            )
        clear_complaints()
        handle = library().llama_adapter_lora_init(self._model, str(path).encode())
        if not handle:
            raise DamagedRelease(
                f"{path} does not load: {first_complaint()}",
                hint="It was trained on another base, or it is damaged inside.",
            )
        self._loaded[key] = handle

    def use(self, context: Any, key: str) -> None:
        """Let what is decoded from now on be computed with an adapter.

        Raises:
            EngineError: It is not loaded, or llama.cpp refused.
        """
        if key == self._live:
            return
        if key not in self._loaded and key != BASE:
            raise EngineError(f"Adapter {key} is not loaded; loaded are {sorted(self._loaded)}.")
        handles = [self._loaded[key]] if key != BASE else []
        pointer = library().llama_adapter_lora_p_ctypes
        code = library().llama_set_adapters_lora(
            context,
            (pointer * len(handles))(*handles),
            len(handles),
            (ctypes.c_float * len(handles))(*[1.0] * len(handles)),
        )
        if code != 0:
            raise EngineError(f"llama.cpp did not take adapter {key or 'none'} (code {code}).")
        self._live = key

    def drop(self, key: str) -> None:
        """Free an adapter that nothing computes with; nothing happens when it is not there.

        Raises:
            EngineError: It is the one that computes now.
        """
        if key == self._live:
            raise EngineError(f"Adapter {key} computes now.")
        handle = self._loaded.pop(key, None)
        if handle is not None:
            library().llama_adapter_lora_free(handle)
