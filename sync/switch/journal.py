"""What the store's journal tells a switch: whether somebody is being served, how a release does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from appliance.errors import StoreError
from appliance.store.home import DATABASE, FAILED
from sync.switch.trial import Answer, Figures

MOST_READ = 300  # replies of each release
BUSY_MS = 2_000


@dataclass(slots=True)
class StoreJournal:
    """Reads `store.db`, also while the store writes it; opens it anew each time.

    Quiet is told by rows that do not come, not by their times: a clock put right must neither hold
    a switch up nor let it in.
    """

    home: Path
    monotonic: Callable[[], float]
    _row: int = field(default=-1, init=False)
    _changed_s: float = field(default=0.0, init=False)

    def row(self) -> int:
        """Return the number of the journal's last row; 0 when there is none.

        Raises:
            StoreError: It cannot be read.
        """
        found = self._rows("SELECT coalesce(max(sequence), 0) FROM journal")
        return int(found[0][0]) if found else 0

    def quiet_s(self) -> float:
        """Return for how long nothing was said, as far as this process saw."""
        row, now = self.row(), self.monotonic()
        if row != self._row:
            self._row, self._changed_s = row, now
        return now - self._changed_s

    def since(self, row: int, *, release: str, failed_before: int = 0) -> Figures:
        """Return how a release did after a row.

        Args:
            row: The journal's last when it went live.
            release: Its id.
            failed_before: `failed` as it was then.

        Raises:
            StoreError: It cannot be read.
        """
        answers, downs = self._answers("sequence > ?", row, release)
        return Figures(answers, max(0, self.failed(release) - failed_before), downs)

    def until(self, row: int, *, release: str) -> Figures:
        """Return how a release did up to a row, at the end of its time.

        Raises:
            StoreError: It cannot be read.
        """
        answers, downs = self._answers("sequence <= ?", row, release)
        return Figures(answers, downs=downs)

    def failed(self, release: str) -> int:
        """Return how many asks a release ever answered with an error.

        Raises:
            StoreError: It cannot be read.
        """
        name = f"{FAILED}{release} "
        found = self._rows(
            "SELECT coalesce(sum(value), 0) FROM counters WHERE substr(name, 1, ?) = ?",
            (len(name), name),
        )
        return int(found[0][0]) if found else 0

    def _answers(self, bound: str, row: int, release: str) -> tuple[tuple[Answer, ...], int]:
        replies = self._rows(
            f"SELECT reply_id, body FROM journal WHERE kind = 'reply' AND {bound}"
            " AND json_extract(body, '$.reply.release') = ? ORDER BY sequence DESC LIMIT ?",
            (row, release, MOST_READ),
        )
        ids = {str(reply_id) for reply_id, _ in replies}
        thumbs = self._rows(
            "SELECT reply_id, json_extract(body, '$.verdict') FROM journal WHERE kind = 'feedback'"
            " ORDER BY sequence DESC LIMIT ?",
            (MOST_READ,),
        )
        last: dict[str, str] = {}
        for reply_id, verdict in thumbs:
            last.setdefault(str(reply_id), str(verdict))
        downs = sum(last.get(reply_id) == "down" for reply_id in ids)
        return tuple(_answer(body) for _, body in replies), downs

    def _rows(self, sql: str, bindings: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        path = self.home / DATABASE
        if not path.exists():
            return []
        try:
            db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
            try:
                db.set_busy_timeout(BUSY_MS)
                db.execute("PRAGMA query_only = ON")
                return list(db.execute(sql, bindings))
            finally:
                db.close()
        except apsw.Error as exc:
            raise StoreError(f"{path} cannot be read: {type(exc).__name__}: {exc}.") from exc


def _answer(body: str) -> Answer:
    reply = json.loads(body)["reply"]
    ms = sum(float(ms) for _, ms in reply["times_ms"])
    return Answer(ms, str(reply["lane"]), float(reply["confidence"]))
