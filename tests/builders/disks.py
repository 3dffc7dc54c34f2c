"""Small or read-only file systems, where this machine lets its user mount one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, *, size: str = "1m") -> Iterator[Path]:
    """Make `folder` a file system of its own in memory; skip the test where that is not allowed."""
    folder.mkdir()
    mount = shutil.which("mount") or pytest.skip("there is no mount on this machine")
    made = _run(mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    if made.returncode != 0:
        pytest.skip(f"this user may not mount a tmpfs: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        # Lazy: a server that is still closing its files holds it for a moment.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def make_read_only(folder: Path) -> None:
    """Let nobody write to a small disk any more, root included."""
    _run("mount", "-o", "remount,ro", str(folder)).check_returncode()


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
