"""A real OpenAI-compatible server: llama-cpp-python's own, on the demo specialist."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from appliance.config import DEMO_RELEASE
from tests.builders.hub.process import free_port

KEY = "sk-local-0123456789"
LONGEST_START_S = 120.0


@contextmanager
def generalist(folder: Path, *, model: Path | None = None) -> Iterator[str]:
    """Give the base URL of a server that is up; its key is KEY."""
    port = free_port()
    options = {
        "--model": str(model or DEMO_RELEASE / "specialist" / "specialist.gguf"),
        "--model_alias": "demo",
        "--host": "127.0.0.1",
        "--port": str(port),
        "--n_ctx": "1024",
        "--n_threads": "1",
        "--chat_format": "chatml",
        "--api_key": KEY,
        "--interrupt_requests": "false",  # one caller's request must not end another's
    }
    said = folder / "generalist.log"
    with said.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "llama_cpp.server", *(p for o in options.items() for p in o)],
            stdout=log,
            stderr=log,
        )
    try:
        _wait(process, f"http://127.0.0.1:{port}/v1/models", said)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, said: Path) -> None:
    begun = time.monotonic()
    while True:
        try:
            if httpx.get(url, headers={"authorization": f"Bearer {KEY}"}, timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        if process.poll() is not None or time.monotonic() - begun > LONGEST_START_S:
            raise AssertionError(f"llama_cpp.server did not start:\n{said.read_text()[-3000:]}")
        time.sleep(0.2)
