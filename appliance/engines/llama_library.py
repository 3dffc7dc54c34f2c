"""llama.cpp's library: loaded when first used, quiet, and patient on a busy machine."""

from __future__ import annotations

import ctypes
import functools
import os
from collections import deque
from typing import Any

_ERROR = 4  # ggml_log_level
_RECENT: deque[str] = deque(maxlen=20)  # llama.cpp's latest errors, for ours
_KEPT_ALIVE: list[Any] = []  # C holds a pointer to the log callback


@functools.cache
def library() -> Any:
    """Return the `llama_cpp` module, its backend started and its log kept off stderr."""
    # The one place that touches the environment: libgomp reads this once, as it is loaded, and
    # has no call for it. By default its threads spin at every barrier; when another process wants
    # the same core, each barrier then costs a time slice. On 2 cores beside one busy process a
    # 0.4 M model fell from 1,047 tokens/s to 3, so one ask took minutes.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import llama_cpp  # noqa: PLC0415 - after the line above

    @llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
    def keep(level: int, text: bytes, _data: Any) -> None:
        if level == _ERROR:
            _RECENT.append(text.decode("utf-8", "replace").strip())

    _KEPT_ALIVE.append(keep)
    llama_cpp.llama_log_set(keep, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    return llama_cpp


def clear_complaints() -> None:
    """Forget what llama.cpp complained about so far."""
    _RECENT.clear()


def first_complaint() -> str:
    """Return llama.cpp's first error since `clear_complaints`: the cause, not what followed."""
    return next((line for line in _RECENT if line), "no reason given")
