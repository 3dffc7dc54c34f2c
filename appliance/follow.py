"""The running store follows `switch.json`: which release it opens at a start, and which comes next.

A new live release is opened beside the one that answers and takes its place. One that does not open
leaves the old one answering, and `standing.json` says why. It knows nothing of who writes
`switch.json`.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from appliance.backroom import Store
from appliance.clock import SystemClock
from appliance.config import Settings
from appliance.errors import BackroomError, BadInput, StoreError
from appliance.live import (
    HEALTHY_S,
    OWN,
    STANDING,
    SWITCH,
    Live,
    Slot,
    choices,
    clear_parts,
    read_live,
    read_standing,
    write_standing,
)
from appliance.live import Standing as Said
from appliance.monitoring.monitor import Monitoring
from appliance.ports import Clock, Generalist
from appliance.recurring import recurring
from appliance.standing import Place, StandingStore
from appliance.store.home import Home, open_home
from appliance.wiring import open_store

log = logging.getLogger(__name__)

LOOK_S = 1.0  # between looks at switch.json


class Follower:
    """Keeps one store at the release that is live; any thread may look, one at a time does."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        open_slot: Callable[[Slot], Store],
        home: Callable[[], Home],
    ) -> None:
        """Open what is live, or what is next best; nobody looks again yet.

        Raises:
            BackroomError: Nothing there is to open opens; the live release's fault is told.
        """
        self._settings = settings
        self._clock = clock
        self._open = open_slot
        self._boot = uuid.uuid4().hex[:16]
        self._looking = threading.Lock()
        self._is_told = False  # that a look failed; each further one is quiet
        # Taken before it is read: a file replaced in between is looked at again.
        self._seen = _signature(settings.home)
        clear_parts(settings.home, STANDING)
        self._said = read_standing(settings.home)
        place = self._first(read_live(settings.home))
        self.store = StandingStore(settings, place, home, clock)

    @contextmanager
    def following(self, *, every_s: float = LOOK_S) -> Iterator[None]:
        """Look again and again, in a thread of its own, while the block runs."""
        with recurring(self.look, every_s=every_s, name="follow", is_begun=True):
            yield

    def look(self) -> None:
        """Follow `switch.json` if it changed, and note a healthy while; never raises."""
        try:
            with self._looking:
                self._follow()
                self._leave_dead()
                self._note_health()
            self._is_told = False
        # The outermost loop of the follower: what answers goes on answering, and the next look may
        # find the disk mended.
        except Exception:
            if not self._is_told:
                log.exception("switch: %s could not be followed", SWITCH)
            self._is_told = True

    def close(self) -> None:
        """Note an end in order and close the release that answers."""
        with self._looking:
            if self._said.boot == self._boot:
                with suppress(BackroomError):  # a full disk: this start stays counted
                    self._say(self._said.ended())
            self.store.place.store.close()

    def _first(self, live: Live) -> Place:
        """Open the best there is; where it is not the live one, say so and why."""
        fault: Exception | None = None
        for slot, why in choices(live, self._said):
            if self._seen:
                self._note_start(slot, live, why=why if fault is None else _why(fault))
            try:
                store = self._opened(slot)
            except StoreError:
                raise  # the store's own disk: with no release would it open
            except Exception as exc:  # noqa: BLE001  whatever it is, the next may open: told
                log.error("switch: %s does not open: %s", _name(slot), _why(exc))
                fault = fault or exc
                continue
            if self._seen:
                self._try_to_say(self._said.opened())
            return Place(store, slot, self._clock.monotonic())
        raise fault or BadInput("There is no release to open.")

    def _note_start(self, slot: Slot, live: Live, *, why: str) -> None:
        """Count a start before the release is opened: one that kills the process was counted."""
        said = self._said
        if slot == live.live:
            said = said.begun(slot, live.turn, self._boot)
        else:
            log.error("switch: %s is left for %s: %s", _name(live.live), _name(slot), why)
            said = replace(said, turn=live.turn, boot=self._boot).left_for(slot, why)
        self._try_to_say(said)

    def _follow(self) -> None:
        seen = _signature(self._settings.home)
        if seen == self._seen:
            return
        live = read_live(self._settings.home)
        if live.turn != self._said.turn:
            self._turn(live)
        self._seen = seen

    def _turn(self, live: Live) -> None:
        """Let the live release answer; one that does not open leaves the old one answering."""
        old, begun_s = self.store.place, time.monotonic()
        self._say(self._said.begun(live.live, live.turn, self._boot))
        if live.live == old.slot:  # it stands already: the store had come back to it by itself
            self._say(self._said.opened())
            return
        try:
            store = self._opened(live.live)
        except Exception as exc:  # noqa: BLE001  whatever it is, the old one answers: told and kept
            name, why = _name(live.live), _why(exc)
            log.error("switch: %s does not open, %s goes on: %s", name, _name(old.slot), why)
            self._say(self._said.left_for(old.slot, why).opened())
            return
        took_s = time.monotonic() - begun_s
        log.warning("switch: %s answers, opened in %.1f s", _name(live.live), took_s)
        self._try_to_say(self._said.opened())
        self.store.give_way(Place(store, live.live, self._clock.monotonic()))

    def _leave_dead(self) -> None:
        """Go back from a release on trial whose engine died under it: it may do so again."""
        dead = self.store.place
        if dead.store.model.is_alive or self._said.left or not self._seen:
            return
        live = read_live(self._settings.home)
        if not live.is_on_trial or live.turn != self._said.turn:
            return
        slot = live.previous or OWN
        log.error("switch: the engine of %s died, back to %s", _name(dead.slot), _name(slot))
        store = self._opened(slot)
        self._try_to_say(self._said.left_for(slot, "its engine died").opened())
        self.store.give_way(Place(store, slot, self._clock.monotonic()))

    def _opened(self, slot: Slot) -> Store:
        store = self._open(slot)
        if slot.id and store.release.manifest.id != slot.id:
            store.close()
            raise BadInput(f"In {slot.id} lies the release {store.release.manifest.id}.")
        return store

    def _note_health(self) -> None:
        said, place = self._said, self.store.place
        is_due = self._clock.monotonic() - place.since_s >= HEALTHY_S
        is_new = said.boot == self._boot and not said.is_healthy
        if is_due and is_new and not place.store.readiness.faults():
            self._say(said.healthy())

    def _try_to_say(self, said: Said) -> None:
        """Say it, or go on unheard: a full disk keeps no release from answering."""
        try:
            self._say(said)
        except BackroomError as exc:
            log.error("switch: %s is behind: %s", STANDING, exc)
            self._said = said

    def _say(self, said: Said) -> None:
        write_standing(self._settings.home, said)
        self._said = said


@dataclass(slots=True)
class _OneHome:
    """The store's own data, opened once the first release has, and then the same for all."""

    settings: Settings
    clock: Clock
    opened: Home | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> Home:
        with self.lock:
            if self.opened is None:
                self.opened = open_home(self.settings, self.clock)
            return self.opened

    def close(self) -> None:
        if self.opened is not None:
            self.opened.close()


@contextmanager
def stand(
    settings: Settings,
    *,
    clock: Clock | None = None,
    line: Generalist | None = None,
    is_fixed: bool = False,
    every_s: float = LOOK_S,
) -> Iterator[StandingStore]:
    """Give the store with whatever release is live, while the block runs.

    Args:
        settings: The store's; `release` is what it was installed with.
        clock: The machine's by default.
        line: To a generalist, for every release.
        is_fixed: Answer with the settings' release, whatever `switch.json` says.
        every_s: Seconds between looks at `switch.json`.

    Raises:
        BackroomError: Nothing opens; the live release's fault is told.
    """
    clock = clock or SystemClock()
    home = _OneHome(settings, clock)
    open_slot = opener(settings, clock, line=line, home=home)
    with ExitStack() as resources:
        resources.callback(home.close)
        if is_fixed:
            place = Place(open_slot(OWN), OWN, clock.monotonic())
            resources.callback(place.store.close)
            yield StandingStore(settings, place, home, clock)
            return
        follower = Follower(settings, clock, open_slot=open_slot, home=home)
        resources.callback(follower.close)
        resources.enter_context(follower.following(every_s=every_s))
        yield follower.store


def opener(
    settings: Settings, clock: Clock, *, line: Generalist | None, home: Callable[[], Home]
) -> Callable[[Slot], Store]:
    """Return what opens one release after another over the same home; their figures go on."""
    monitoring: list[Monitoring] = []  # of the release opened last

    def open_slot(slot: Slot) -> Store:
        store = open_store(
            replace(settings, release=slot.folder(settings)),
            clock=clock,
            line=line,
            home=home,
            before=monitoring[0] if monitoring else None,
        )
        monitoring[:] = [store.monitoring]
        return store

    return open_slot


def _name(slot: Slot) -> str:
    return slot.id or "the installed release"


def _why(fault: Exception) -> str:
    return str(fault) if isinstance(fault, BackroomError) else f"{type(fault).__name__}: {fault}"


def _signature(home: Path) -> tuple[int, ...]:
    """Return what changes whenever `switch.json` is replaced; empty where there is none."""
    try:
        found = (home / SWITCH).stat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size
