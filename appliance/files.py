"""Files replaced whole: a reader sees the old content or the new, never half of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from appliance.errors import BadInput

READABLE = 0o666  # as `open` makes a file


@contextmanager
def replaced(path: Path, *, make_folders: bool = True, mode: int = READABLE) -> Iterator[TextIO]:
    """Give a text file beside `path` that takes its name, durably, when the block ends well.

    A lone surrogate, which is no text, is written as JSON writes it, by its number.

    Args:
        path: The file to write.
        make_folders: Make the folders on the way, as whoever names an `--out` wants it. False
            where the folder must be there already: its absence is then the fault to tell.
        mode: Of the file from its first byte, less the process's mask: 0o600 for a secret.

    Raises:
        BadInput: The folder cannot be written, or the disk is full; `path` is as it was.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if make_folders:
            path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(beside, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, mode)
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync_folder(path.parent)
    except OSError as exc:
        raise BadInput(
            f"{path} cannot be written: {exc.strerror or exc}.", hint=f"Check: df -h {path.parent}"
        ) from exc
    finally:
        with suppress(OSError):  # there may be no such folder: then nothing was left in it
            beside.unlink()


@contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; it takes the name, durably, when the block ends well.

    For what a library writes by itself (weights, archives); the folders on the way are made.

    Raises:
        BadInput: The folder cannot be written, or the disk is full; `path` is as it was.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
        sync_folder(path.parent)
    except OSError as exc:
        raise BadInput(
            f"{path} cannot be written: {exc.strerror or exc}.",
            hint=f"Make room, then run the same command again. Check: df -h {path.parent}",
        ) from exc
    finally:
        with suppress(OSError):  # it took its name, or was never begun
            beside.unlink()


def sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
