"""Plays a power cut: what of a recorded folder is still there when only synced bytes are sure.

The model is a journalling file system at its strictest. A file keeps the bytes it had at its last
fsync; of what was written since, any part may be there or not, and a write may be torn. Names
change in order: an fsync of a folder makes its names sure, and all changes of names before them;
an fsync of a file makes no name sure. What is not sure survives up to a moment the test draws.
"""

from __future__ import annotations

import os
import random
import struct
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

SOURCE = Path(__file__).with_name("record.c")
HEAD = struct.Struct("<IIQQQII")  # `struct head` of record.c
MAGIC = 0x50574552
WRITE, CUT, SYNC, ENTER, LEAVE, FOLDER, FILE, MOVE, SAID = range(1, 10)
_Draw = tuple[random.Random, float]
TORN_SHARE = 0.3  # of the writes that survive, how many do so in part


@dataclass(frozen=True, slots=True)
class Step:
    """One thing a program did, or a word that was heard of it."""

    op: int
    inode: int
    other: int
    offset: int
    name: str
    data: bytes


@cache
def recorder() -> Path:
    """Compile the recorder once; needs the C compiler that the model runtime needs too."""
    built = Path(mkdtemp(prefix="power-")) / "record.so"
    command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(built), str(SOURCE), "-ldl", "-lpthread"]
    subprocess.run(command, check=True, capture_output=True)
    return built


def recording(folder: Path, log: Path) -> dict[str, str]:
    """Return the environment of a program whose doings in `folder` are written down in `log`."""
    return {**os.environ, "LD_PRELOAD": str(recorder()), "POWER_ROOT": str(folder),
            "POWER_LOG": str(log)}  # fmt: skip


def say(log: Path, words: str) -> None:
    """Write down that something was heard: what it promises must survive every later cut."""
    data = words.encode()
    record = HEAD.pack(MAGIC, SAID, 0, 0, 0, 0, len(data)) + data
    handle = os.open(log, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(handle, record)
    finally:
        os.close(handle)


def read_steps(log: Path) -> list[Step]:
    """Return what was written down, in order."""
    return list(_steps(log.read_bytes()))


def _steps(content: bytes) -> Iterator[Step]:
    at = 0
    while at + HEAD.size <= len(content):
        magic, op, inode, other, offset, name, data = HEAD.unpack_from(content, at)
        assert magic == MAGIC, f"the record is broken at byte {at:,}"
        at += HEAD.size
        text = content[at : at + name].decode(errors="surrogateescape")
        yield Step(op, inode, other, offset, text, content[at + name : at + name + data])
        at += name + data


@dataclass(slots=True)
class _File:
    sure: bytearray = field(default_factory=bytearray)
    since: list[Step] = field(default_factory=list)

    def sync(self) -> None:
        for step in self.since:
            _apply(self.sure, step)
        self.since.clear()

    def after_cut(self, rng: random.Random, share: float) -> bytes:
        left = bytearray(self.sure)
        for step in self.since:
            if rng.random() < share:
                _apply(left, _torn(step, rng) if rng.random() < TORN_SHARE else step)
        return bytes(left)


@dataclass(slots=True)
class _Disk:
    """Files and folders by number; an inode that is used again is another file."""

    files: dict[int, _File] = field(default_factory=dict)
    folders: set[int] = field(default_factory=set)
    names: list[tuple[int, Step, int]] = field(default_factory=list)  # folder, what, of which
    sure: int = 0  # how many of the changes of names are
    now: dict[int, int] = field(default_factory=dict)  # inode -> its number at present
    fresh: int = 0

    def number(self, inode: int) -> int:
        if inode not in self.now:
            self.fresh += 1
            self.now[inode] = self.fresh
        return self.now[inode]

    def do(self, step: Step) -> None:
        if step.op in {FILE, FOLDER}:
            self.now.pop(step.inode, None)
            number = self.number(step.inode)
            if step.op == FILE:
                self.files[number] = _File()
            else:
                self.folders.add(number)
            return
        number = self.number(step.inode)
        if step.op in {WRITE, CUT}:
            self.files.setdefault(number, _File()).since.append(step)
        elif step.op == SYNC and number in self.files:
            self.files[number].sync()
        elif step.op == SYNC:
            mine = [n for n, (folder, _, _) in enumerate(self.names) if folder == number]
            self.sure = max(self.sure, mine[-1] + 1 if mine else 0)
        elif step.op in {ENTER, LEAVE, MOVE}:
            self.names.append((number, step, self.number(step.other)))


def after_cut(
    steps: Sequence[Step], root: Path, into: Path, *, rng: random.Random, share: float
) -> list[str]:
    """Build in `into` what a power cut after these steps leaves; return what had been heard.

    Args:
        steps: From the beginning, the folder being empty then.
        root: The folder that was recorded, still there: its inode names the top.
        into: A new folder.
        rng: Draws what unsynced work survives.
        share: Of the unsynced work, how much does: 0 is the strictest cut.
    """
    disk, heard = _Disk(), []
    top = disk.number(root.stat().st_ino)
    for step in steps:
        if step.op == SAID:
            heard.append(step.data.decode())
        else:
            disk.do(step)
    left = len(disk.names) - disk.sure
    standing = disk.names[: disk.sure + (rng.randint(0, left) if share else 0)]
    tree: dict[int, dict[str, int]] = {}
    for folder, step, of in standing:
        place = tree.setdefault(folder, {})
        if step.op == LEAVE:
            place.pop(step.name, None)
            continue
        if step.op == MOVE:
            place.pop(step.data.decode(errors="surrogateescape"), None)
        place[step.name] = of
    into.mkdir(parents=True)
    _build(tree, disk, top, into, (rng, share))
    return heard


def _build(tree: dict[int, dict[str, int]], disk: _Disk, at: int, into: Path, draw: _Draw) -> None:
    for name, number in tree.get(at, {}).items():
        path = into / name
        if number in disk.folders:
            path.mkdir()
            _build(tree, disk, number, path, draw)
        else:
            path.write_bytes(disk.files.get(number, _File()).after_cut(*draw))
            path.chmod(0o600)


def _apply(content: bytearray, step: Step) -> None:
    if step.op == CUT:
        del content[step.offset :]
        content.extend(bytes(step.offset - len(content)))
        return
    content.extend(bytes(max(0, step.offset - len(content))))
    content[step.offset : step.offset + len(step.data)] = step.data


def _torn(step: Step, rng: random.Random) -> Step:
    if step.op != WRITE:
        return step
    kept = step.data[: rng.randint(0, len(step.data))]
    return Step(step.op, step.inode, step.other, step.offset, step.name, kept)
