"""Which token prefixes lie decoded in the context, who reads them, and which may go.

Bookkeeping only: the scheduler moves the cells. A prefix is matched by its exact tokens, never by
its length or a hash, so that nobody's text can stand in for another's, and only under the adapter
it was decoded with: the same tokens leave other cells under another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Prefix:
    """One shared prefix in a sequence of its own."""

    tokens: tuple[int, ...]
    sequence: int
    adapter: str = ""  # that its cells were computed with
    is_ready: bool = False  # False: its first reader is still decoding it
    readers: int = 0
    used_at: int = 0  # ticks of `Prefixes`, not time


class Prefixes:
    """The prefixes that are resident; at most one per sequence given."""

    def __init__(self, sequences: Sequence[int]) -> None:
        self._free = list(reversed(sequences))
        self._resident: dict[tuple[str, tuple[int, ...]], Prefix] = {}
        self._tick = 0

    def find(self, tokens: tuple[int, ...], *, adapter: str = "") -> Prefix | None:
        """Return the prefix with exactly these tokens under that adapter, ready or not."""
        return self._resident.get((adapter, tokens))

    def add(self, tokens: tuple[int, ...], *, adapter: str = "") -> Prefix | None:
        """Open a place for a new prefix, not ready yet; None when all places are taken."""
        if not self._free:
            return None
        prefix = Prefix(tokens=tokens, sequence=self._free.pop(), adapter=adapter)
        self._resident[adapter, tokens] = prefix
        return prefix

    def hold(self, prefix: Prefix) -> None:
        """Count one more reader; a prefix with readers is never idle."""
        self._tick += 1
        prefix.readers += 1
        prefix.used_at = self._tick

    def release(self, prefix: Prefix) -> None:
        """Count one reader less."""
        prefix.readers -= 1

    def idle(self) -> list[Prefix]:
        """Return the prefixes nobody reads, least recently used first."""
        resting = [p for p in self._resident.values() if p.is_ready and p.readers == 0]
        return sorted(resting, key=lambda p: p.used_at)

    def drop(self, prefix: Prefix) -> None:
        """Forget a prefix; its cells are the caller's to free."""
        del self._resident[prefix.adapter, prefix.tokens]
        self._free.append(prefix.sequence)

    @property
    def cells(self) -> int:
        """Cells that resident prefixes hold or have reserved."""
        return sum(len(p.tokens) for p in list(self._resident.values()))

    @property
    def has_room(self) -> bool:
        """Whether `add` would find a place."""
        return bool(self._free)
