"""Hours in which a store may switch, in the store's own time. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time

from sync.errors import PointerRefused
from sync.trust.pointer import WINDOW


@dataclass(frozen=True, slots=True)
class Window:
    """From one time of day to another, perhaps over midnight; both the same: all day."""

    begins: time
    ends: time

    def is_open(self, local: datetime) -> bool:
        """Tell whether an instant, in the store's zone, is inside; the end is not."""
        at = local.time().replace(tzinfo=None)
        if self.begins < self.ends:
            return self.begins <= at < self.ends
        return at >= self.begins or at < self.ends


ALWAYS = Window(time(0), time(0))


def read_window(text: str) -> Window:
    """Return the window a pointer names, `22:00-05:00`; '' is always.

    Raises:
        PointerRefused: It is none.
    """
    if not text:
        return ALWAYS
    found = WINDOW.fullmatch(text.strip())
    if found is None:
        raise PointerRefused(f"A window is written like 22:00-05:00, found {text[:40]!r}.")
    a, b, c, d = (int(n) for n in found.groups())
    return Window(time(a, b), time(c, d))
