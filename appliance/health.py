"""Whether the store can take an ask: its disk takes a write and its engine works."""

from __future__ import annotations

import threading
from collections.abc import Callable

import apsw

from appliance.errors import BackroomError
from appliance.files import replaced
from appliance.ports import LanguageModel
from appliance.store.db import Database

# A probe is two fsyncs, and anybody on the store's network may ask: not more than one in so long.
EVERY_S = 5.0
# More than the longest journal row so far (some 20 kB), so that a disk with room for nothing more
# than a page of the write-ahead log is not called ready.
PROBE_BYTES = 64 * 1024
PROBE = ".ready-probe"


class Readiness:
    """Tries the disk and looks at the engine; any thread may ask."""

    def __init__(
        self, database: Database, model: LanguageModel, monotonic: Callable[[], float]
    ) -> None:
        self._database = database
        self._model = model
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._tried_at: float | None = None
        self._disk = ""

    def faults(self) -> tuple[str, ...]:
        """Return why the store is not ready, in words; empty when it is.

        The disk is tried again after `EVERY_S`; the engine is looked at every time.
        """
        engine = "" if self._model.is_alive else "The engine's thread has died: restart the store."
        with self._lock:
            now = self._monotonic()
            if self._tried_at is None or now - self._tried_at >= EVERY_S:
                self._disk = self._tried()
                self._tried_at = now
            return tuple(fault for fault in (self._disk, engine) if fault)

    def _tried(self) -> str:
        """Write what is as long as a row into the folder, and a counter into the database."""
        probe = self._database.path.parent / PROBE
        try:
            with replaced(probe, make_folders=False) as file:
                file.write("." * PROBE_BYTES)
            probe.unlink(missing_ok=True)
            self._database.write(_count)
        except BackroomError as exc:
            return str(exc)
        return ""


def _count(connection: apsw.Connection) -> None:
    connection.execute(
        "INSERT INTO counters VALUES ('ready_probes', 1)"
        " ON CONFLICT (name) DO UPDATE SET value = value + 1"
    )
