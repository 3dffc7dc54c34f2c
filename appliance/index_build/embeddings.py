"""Vectors of texts, kept beside the output so that an interrupted or repeated build resumes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import apsw
import numpy as np

from appliance.errors import BadInput
from appliance.ports import Embedder, Vectors

BATCH = 128  # texts between two commits: at most this many are embedded twice after a kill


class EmbeddingCache:
    """A small SQLite file: digest of embedder and text → float16 vector. One build at a time."""

    def __init__(self, path: Path) -> None:
        """Open or make the file and lock it.

        Raises:
            BadInput: Another build holds it, or it cannot be written.
        """
        self._path = path
        try:
            self._db = self._open()
        except (apsw.NotADBError, apsw.CorruptError):
            # A cache is worth nothing damaged: begin a new one.
            path.unlink()
            self._db = self._open()
        except apsw.BusyError as error:
            raise BadInput(
                f"Another build is writing beside {path}.", hint="Wait for it, or stop it."
            ) from error
        except apsw.Error as error:
            raise BadInput(f"Cannot write {path}: {error}.") from error

    def _open(self) -> apsw.Connection:
        db = apsw.Connection(str(self._path))
        db.execute(
            "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"
        )
        db.execute(
            "CREATE TABLE IF NOT EXISTS vectors(key TEXT PRIMARY KEY, vector BLOB) WITHOUT ROWID"
        )
        db.execute("BEGIN IMMEDIATE; COMMIT")  # takes the lock now, not at the first vector
        return db

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    def vectors(
        self,
        texts: Sequence[str],
        *,
        embedder: Embedder,
        name: str,
        step: Callable[[int, int], None] | None = None,
    ) -> Vectors:
        """Return unit rows (len(texts), dim), rounded to float16's precision.

        Args:
            texts: What to embed.
            embedder: Asked only for texts not yet in the cache.
            name: The embedder's digest; part of the key.
            step: Called with (texts done, texts in all).
        """
        places: dict[str, list[int]] = {}
        for i, text in enumerate(texts):
            places.setdefault(_key(name, text), []).append(i)
        rows = np.empty((len(texts), embedder.dim), dtype=np.float32)
        absent = [key for key, at in places.items() if not self._read(key, rows, at)]
        done = len(places) - len(absent)
        for start in range(0, len(absent), BATCH):
            if step is not None:
                step(done, len(places))
            batch = absent[start : start + BATCH]
            fresh = embedder.embed([texts[places[key][0]] for key in batch]).astype(np.float16)
            with self._db:
                for key, row in zip(batch, fresh, strict=True):
                    rows[places[key]] = row
                    self._db.execute(
                        "INSERT OR REPLACE INTO vectors VALUES(?, ?)", (key, row.tobytes())
                    )
            done += len(batch)
        if step is not None:
            step(len(places), len(places))
        self._prune(list(places))
        return rows

    def _read(self, key: str, rows: Vectors, at: list[int]) -> bool:
        found = self._db.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
        if found is None or len(found[0]) != rows.shape[1] * 2:
            return False
        rows[at] = np.frombuffer(found[0], dtype=np.float16)
        return True

    def _prune(self, keys: Sequence[str]) -> None:
        """Forget texts that are no longer in the chain's documents."""
        with self._db:
            self._db.execute("CREATE TEMP TABLE used(key TEXT PRIMARY KEY) WITHOUT ROWID")
            self._db.executemany("INSERT OR IGNORE INTO used VALUES(?)", [(k,) for k in keys])
            self._db.execute("DELETE FROM vectors WHERE key NOT IN (SELECT key FROM used)")
            self._db.execute("DROP TABLE used")


def cache_path(out: Path) -> Path:
    """Return where the cache of an index file lies: hidden, beside it."""
    return out.with_name(f".{out.name}.embeddings")


def _key(name: str, text: str) -> str:
    return hashlib.sha256(f"{name}\n{text}".encode("utf-8", "replace")).hexdigest()
