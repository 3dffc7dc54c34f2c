"""What goes along with a running store: found by an entry point, so that the store knows no hub.

A companion gives the store its line to a generalist and works beside it while it serves. It is
looked for only where one lives: without `agent/identity.json` in its home a store loads nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from appliance.errors import BackroomError

if TYPE_CHECKING:
    from appliance.config import Settings
    from appliance.ports import Generalist
    from appliance.standing import StandingStore

GROUP = "backroom.companions"
IDENTITY = Path("agent", "identity.json")  # in the store's home: it is enrolled
log = logging.getLogger(__name__)


class Companion(Protocol):
    """What an entry point of `GROUP` names, or what that returns when called without arguments."""

    def line(self, settings: Settings) -> Generalist | None:
        """Return the line to a generalist, or None; called once, before the store opens.

        It is used by every release that stands from then on, so it outlives a switch.
        """
        ...

    def attend(self, store: StandingStore) -> AbstractContextManager[None]:
        """Work beside the store while the block runs.

        Entered once the store can answer, left before it closes. Whatever it does must neither
        block the entry nor the exit for long, and never take the store down.
        """
        ...


@dataclass(frozen=True, slots=True)
class Companions:
    """Those of one store; a fault of theirs is logged and stops nobody."""

    those: Sequence[Companion] = ()

    def line(self, settings: Settings) -> Generalist | None:
        """Return the first line there is."""
        for companion in self.those:
            try:
                line = companion.line(settings)
            # The outermost door to code the store can do without: it answers all the same.
            except Exception:
                log.exception("companion_failed: %s gives no line", type(companion).__name__)
            else:
                if line is not None:
                    return line
        return None

    @contextmanager
    def attending(self, store: StandingStore) -> Iterator[None]:
        """Have them work beside the store while the block runs."""
        with ExitStack() as begun:
            for companion in self.those:
                begun.enter_context(_unharmful(companion, store))
            yield


def load_companions(home: Path) -> Companions:
    """Return the companions of the store living in `home`; none when it is not enrolled."""
    if not (home / IDENTITY).is_file():
        return Companions()
    found: list[Companion] = []
    for point in sorted(entry_points(group=GROUP), key=lambda p: p.name):
        try:
            found.append(_made(point.load()))
        except Exception:  # as above: a broken installation of the agent leaves a store that serves
            log.exception("companion_failed: %s does not load", point.name)
    return Companions(tuple(found))


def _made(named: Any) -> Companion:
    make: Callable[[], Companion] | None = None if hasattr(named, "attend") else named
    if isinstance(named, type):
        make = named
    companion: Companion = make() if make is not None else named
    return companion


@contextmanager
def _unharmful(companion: Companion, store: StandingStore) -> Iterator[None]:
    """Enter and leave a companion; what goes wrong there is told and goes no further."""
    name = type(companion).__name__
    with ExitStack() as begun:
        with _told(name, "does not attend"):
            begun.enter_context(companion.attend(store))
        try:
            yield
        finally:
            with _told(name, "did not end in order"):
                begun.close()


@contextmanager
def _told(name: str, what: str) -> Iterator[None]:
    try:
        yield
    except BackroomError as exc:  # says what to do; a traceback would hide it
        log.error("companion_failed: %s %s. %s", name, what, exc)
    except Exception:  # the outermost door, as in `line`
        log.exception("companion_failed: %s %s", name, what)
