"""Where a switch gets releases from: a role, filled by `sync.fetch.client.ReleaseClient`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from sync.fetch.offer import Offered, Plan
from sync.trust.pointer import Move
from sync.trust.ring import RingPointer


class Releases(Protocol):
    """A repository, over a line or on a stick; everything it gives is verified."""

    def look(self, ring: str) -> RingPointer:
        """Return a ring's pointer.

        Raises:
            LineDown: The line failed; ask again later.
            Untrusted: It does not verify, or there is no such ring.
        """
        ...

    def release(self, release: str) -> Offered:
        """Return a release whose manifest and every part are signed.

        Raises:
            LineDown, Untrusted: As `look`.
        """
        ...

    def move(self, pointer: RingPointer, offered: Offered, *, live_counter: int) -> Move:
        """Return what a pointer asks of this store, if it may ask it.

        Raises:
            PointerRefused: It goes back without the release manager's word.
            LineDown, Untrusted: As `look`.
        """
        ...

    def plan(self, offered: Offered, into: Path, *, have: Sequence[Path] = ()) -> Plan:
        """Return how each part would be come by; nothing is fetched."""
        ...

    def fetch(
        self,
        offered: Offered,
        into: Path,
        *,
        have: Sequence[Path] = (),
        may_full: bool = True,
        progress: Callable[[int, int], None] = ...,
    ) -> object:
        """Fill a folder with a release, verified part by part; go on where it was left.

        Raises:
            NeedsFullDownload: A large part has no delta from here, and `may_full` is False.
            LineDown, Untrusted, CannotWrite: What came and is true is kept.
        """
        ...
