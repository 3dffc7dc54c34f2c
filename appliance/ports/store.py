"""Roles of what the store reads and keeps: live facts, journal, threads, spool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from appliance.records import Arrived, Entry, Fact, LateAnswer, Role, Turn


@dataclass(frozen=True, slots=True)
class Reading:
    """What the live databases said: facts, or why not."""

    facts: tuple[Fact, ...]
    missing: tuple[str, ...] = ()  # "stock: not known since 14:02"


class Facts(Protocol):
    """Live facts from the store's own databases."""

    def families(self) -> tuple[str, ...]:
        """Return the families of facts that can be read."""
        ...

    def families_for(self, kind: str) -> tuple[str, ...]:
        """Return the families that answer a kind of question, first to say first."""
        ...

    def read(
        self,
        families: Sequence[str],
        *,
        subject: str,
        at: datetime,
        role: Role = Role.ASSOCIATE,
        language: str = "en",
    ) -> Reading:
        """Read the families for one subject (SKU, order number, badge); never raises.

        Facts and what is missing are said in `language`, in English where it is not spoken.
        """
        ...


class Journal(Protocol):
    """The hash-chained record of everything said."""

    def append(self, kind: str, body: Mapping[str, Any]) -> Entry:
        """Write one row durably and return it.

        Raises:
            StoreError: The row could not be written.
        """
        ...

    def reply(self, reply_id: str) -> Mapping[str, Any] | None:
        """Return the body of a reply's row, or None."""
        ...

    def verify(self) -> int:
        """Return the number of rows checked.

        Raises:
            JournalBroken: A row was altered, removed or reordered.
        """
        ...


class Threads(Protocol):
    """Conversations."""

    def turns(self, thread: str, *, limit: int = 6) -> tuple[Turn, ...]:
        """Return the latest turns, oldest first; empty for an unknown thread."""
        ...

    def add(self, thread: str, turn: Turn, *, reply_id: str, at: datetime) -> None:
        """Append a turn durably."""
        ...


class Spool(Protocol):
    """What the store owes headquarters, bounded in bytes."""

    def put(self, kind: str, body: Mapping[str, Any], *, priority: int) -> bool:
        """Keep one item; return False when it was dropped because the spool is full."""
        ...

    def count(self) -> int:
        """Return the number of items kept."""
        ...

    def dropped(self) -> int:
        """Return the number of items ever dropped because the spool was full."""
        ...


class LateAnswers(Protocol):
    """What headquarters answers later, to whoever asked."""

    def arrive(self, answers: Sequence[Arrived]) -> int:
        """Keep answers durably, as they came; return how many were new here."""
        ...

    def arrived(self, owner: tuple[str, str]) -> tuple[Arrived, ...]:
        """Return what came for this (device, badge) and is not decided yet, oldest first."""
        ...

    def decide(self, answer: LateAnswer, came: Arrived, *, checks: Sequence[Any]) -> None:
        """Write down, once, what is shown of an answer.

        Raises:
            StoreError: Nothing was written.
        """
        ...

    def given(self, owner: tuple[str, str]) -> tuple[LateAnswer, ...]:
        """Return what may be shown to this (device, badge), the latest decided first."""
        ...
