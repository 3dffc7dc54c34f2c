"""Sealed batches: what the store owes, in immutable files that are named by their content."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backports import zstd

from appliance.codec import to_plain
from appliance.errors import BackroomError
from appliance.files import replaced_file, sync_folder
from appliance.ports import Clock
from appliance.store.spool import Owing
from sync.agent.identity import Identity
from sync.wire import BATCH_BYTES, BATCH_LINE_BYTES, BatchHead, BatchItem

FORMAT = 1
LEVEL = 9  # a batch is sealed in the time of one answer, and each byte of it may be metered
SUFFIX = ".zst"
DAMAGED = "damaged"
MOST_DAMAGED = 8  # kept for whoever looks; older ones go
# Of JSON in one batch: packed it is then surely under BATCH_BYTES, also where nothing packs well.
MOST_JSON_BYTES = BATCH_BYTES - 256 * 2**10
LINE_SPARE = 1_024  # of a line, for what is around an item's body
log = logging.getLogger(__name__)


class DamagedBatch(BackroomError):
    """A sealed batch on this disk is not what it was sealed as."""

    code = "damaged_batch"


@dataclass(frozen=True, slots=True)
class Batch:
    """A sealed batch on this disk."""

    sha256: str
    content: bytes = field(repr=False)
    items: tuple[str, ...]  # ids


@dataclass(frozen=True, slots=True)
class Batches:
    """The folder of sealed batches; one agent writes it."""

    folder: Path
    identity: Identity
    clock: Clock

    def seal(self, items: Sequence[Owing]) -> Batch:
        """Write a batch of these items durably, and return it.

        Raises:
            BadInput: The disk did not take it; there is no such batch, and nothing was lost.
        """
        head = BatchHead(
            FORMAT, self.identity.device, self.identity.store, self.clock.now(), len(items)
        )
        plain = "".join(f"{_line(record)}\n" for record in (head, *map(_item, items)))
        content = zstd.compress(plain.encode(), level=LEVEL)
        sha256 = hashlib.sha256(content).hexdigest()
        with replaced_file(self._path(sha256)) as beside:
            beside.write_bytes(content)
        return Batch(sha256, content, tuple(owing.id for owing in items))

    def sealed(self) -> Iterator[Batch]:
        """Yield the batches on this disk, oldest first; damaged ones are put aside and logged.

        What was in a damaged one is still in the spool, and is sealed again under its old name.
        """
        for path in self._paths():
            try:
                yield _read(path)
            except FileNotFoundError:
                continue
            except (DamagedBatch, OSError) as exc:
                log.error("agent: batch %s is put aside: %s", path.stem[:12], exc)
                self.put_aside(path.stem)

    def names(self) -> list[str]:
        """Return the sha256 of each sealed batch, oldest first."""
        return [path.stem for path in self._paths()]

    def drop(self, sha256: str) -> None:
        """Forget a batch that headquarters has."""
        self._path(sha256).unlink(missing_ok=True)

    def put_aside(self, sha256: str) -> None:
        """Move a batch out of the way, for whoever looks; never raises."""
        aside = self.folder / DAMAGED
        try:
            aside.mkdir(exist_ok=True, mode=0o700)
            self._path(sha256).replace(aside / f"{sha256}{SUFFIX}")
            sync_folder(self.folder)
            for old in sorted(aside.iterdir(), key=_age)[:-MOST_DAMAGED]:
                old.unlink(missing_ok=True)
        except OSError as exc:
            log.error("agent: batch %s cannot be put aside: %s", sha256[:12], exc.strerror)

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob(f"*{SUFFIX}"), key=lambda path: (_age(path), path.name))

    def _path(self, sha256: str) -> Path:
        return self.folder / f"{sha256}{SUFFIX}"


def is_too_long(owing: Owing) -> bool:
    """Tell whether an item can be in no batch."""
    return owing.bytes > BATCH_LINE_BYTES - LINE_SPARE


def _item(owing: Owing) -> BatchItem:
    return BatchItem(owing.id, owing.kind, owing.priority, owing.put_at, owing.body)


def _line(record: object) -> str:
    return json.dumps(to_plain(record), ensure_ascii=False, separators=(",", ":"))


def _read(path: Path) -> Batch:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != path.stem:
        raise DamagedBatch("its bytes are not those it is named for")
    try:
        plain = zstd.decompress(content)
        ids = tuple(str(json.loads(line)["id"]) for line in plain.splitlines()[1:])
    except (zstd.ZstdError, ValueError, KeyError, TypeError) as exc:
        raise DamagedBatch(f"it is no batch: {type(exc).__name__}") from exc
    return Batch(path.stem, content, ids)


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
