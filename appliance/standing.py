"""The store that stands while releases come and go: asked like one store, whichever answers.

A release takes the place of another in one step; the old one is closed when its last ask is done.
No ask is refused or lost by it. Both write through one database (`store.home`).
"""

from __future__ import annotations

import ctypes
import gc
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from appliance.backroom import Store
from appliance.config import Settings
from appliance.errors import BackroomError, BadInput, EngineBusy, StoreError
from appliance.live import Slot
from appliance.monitoring.monitor import Monitoring
from appliance.monitoring.pressure import Pressure, Vitals
from appliance.monitoring.watch import Machine, Watch
from appliance.ports import Clock, Index
from appliance.records import (
    Exchange,
    Feedback,
    LateAnswer,
    Principal,
    ProductCard,
    Reply,
    Role,
    Thumb,
)
from appliance.release import Release
from appliance.store.associates import SqliteAssociates
from appliance.store.db import Database
from appliance.store.devices import SqliteDevices
from appliance.store.home import Home
from appliance.store.journal import SqliteJournal
from appliance.store.sessions import SqliteSessions
from appliance.store.spool import SqliteSpool
from appliance.store.threads import SqliteThreads

log = logging.getLogger(__name__)

# Past an ask's own deadline, for its last fsyncs on a slow disk: then the old release is closed
# under it, and that ask gets an error. A release that never ends must not hold its memory for ever.
PATIENCE_S = 30.0


@dataclass(slots=True)
class Place:
    """A release that answers, and how many asks are with it."""

    store: Store
    slot: Slot
    since_s: float  # of the monotonic clock
    asks: int = 0


class StandingStore:
    """`web.store.StoreLike` over the release that answers; made by `follow.stand`."""

    def __init__(
        self, settings: Settings, place: Place, home: Callable[[], Home], clock: Clock
    ) -> None:
        """Answer with the release in `place`; whoever opened it closes it, and the home."""
        self.settings = settings  # as installed: `release.folder` is where the live one lies
        self.clock = clock
        self._home = home
        self._place = place
        self._changed = threading.Condition()
        place.store.monitoring.take_over()

    @property
    def current(self) -> Store:
        """The release that answers just now, wired: to look at, for it may close any time."""
        return self._place.store

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self._place

    @property
    def release(self) -> Release:
        """The release that answers."""
        return self.current.release

    @property
    def index(self) -> Index:
        """Its passages."""
        return self.current.index

    @property
    def monitoring(self) -> Monitoring:
        """The store's figures; they go on from one release to the next."""
        return self.current.monitoring

    @property
    def journal(self) -> SqliteJournal:
        """The record of everything said."""
        return self._home().journal

    @property
    def threads(self) -> SqliteThreads:
        """The conversations."""
        return self._home().threads

    @property
    def spool(self) -> SqliteSpool:
        """What is owed headquarters."""
        return self._home().spool

    @property
    def database(self) -> Database:
        """The store's own database, open as long as the store stands."""
        return self._home().database

    @property
    def devices(self) -> SqliteDevices:
        """The handhelds and keys."""
        return self._home().devices

    @property
    def associates(self) -> SqliteAssociates:
        """The people who sign in."""
        return self._home().associates

    @property
    def sessions(self) -> SqliteSessions:
        """Who is signed in where."""
        return self._home().sessions

    def ask(self, text: str, **how: Any) -> Reply:
        """Return the reply, as `backroom.Store.ask` does; the release stays open until it is whole.

        Raises:
            BackroomError: As `Store.ask`.
        """
        with self.held() as store:
            try:
                return store.ask(text, **how)
            except (BadInput, EngineBusy, StoreError):
                raise  # the asker's, the hour's or the disk's: no release is to blame
            except Exception as exc:
                code = exc.code if isinstance(exc, BackroomError) else type(exc).__name__
                self._home().count_failure(store.release.manifest.id, code)
                raise

    def rate(
        self, reply_id: str, verdict: Thumb, *, principal: Principal, text: str = ""
    ) -> Feedback | None:
        """Keep what an associate thinks of a reply, as `Store.rate` does."""
        with self.held() as store:
            return store.rate(reply_id, verdict, principal=principal, text=text)

    def conversation(self, thread: str, *, principal: Principal) -> tuple[Exchange, ...] | None:
        """Return what was said in a thread, as `Store.conversation` does."""
        with self.held() as store:
            return store.conversation(thread, principal=principal)

    def late_answers(self, principal: Principal) -> tuple[LateAnswer, ...]:
        """Return what headquarters answered later, as `Store.late_answers` does."""
        with self.held() as store:
            return store.late_answers(principal)

    def product(self, key: str, *, role: Role) -> ProductCard | None:
        """Return a product with its live facts, as `Store.product` does."""
        with self.held() as store:
            return store.product(key, role=role)

    def new_id(self) -> str:
        """Return a fresh identifier."""
        return self.current.new_id()

    def examples(self) -> tuple[str, ...]:
        """Return three things to try."""
        return self.current.examples()

    def health(self, *, is_counted: bool = True) -> dict[str, Any]:
        """Return what is live, ready and configured."""
        with self.held() as store:
            return store.health(is_counted=is_counted)

    def reload_rules(self) -> bool:
        """Put the rules now in the live release's folder in force, as `Store.reload_rules` does."""
        with self.held() as store:
            return store.reload_rules()

    @contextmanager
    def held(self) -> Iterator[Store]:
        """Give the release that answers; it stays open while the block runs."""
        with self._changed:
            place = self._place
            place.asks += 1
        try:
            yield place.store
        finally:
            with self._changed:
                place.asks -= 1
                self._changed.notify_all()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch this machine while the block runs, for whichever release answers."""

        def tell(vitals: Vitals, pressure: Pressure) -> None:
            self.monitoring.press(vitals, pressure)

        with Watch(Machine(self.settings.home), tell).running():
            yield

    def give_way(self, place: Place) -> None:
        """Answer with another release from now on; close the old one once its last ask is done."""
        with self._changed:
            old, self._place = self._place, place
        place.store.monitoring.take_over()
        self._retire(old)
        del old
        _give_memory_back()

    def _retire(self, place: Place) -> None:
        patience_s = self.settings.ask_deadline_s + PATIENCE_S
        with self._changed:
            if not self._changed.wait_for(lambda: place.asks == 0, patience_s):
                log.error("switch: %d asks never ended on %s", place.asks, place.slot.id)
        place.store.close()


def _give_memory_back() -> None:
    """Return what a closed release held to the machine: two are open only while one follows."""
    gc.collect()
    with suppress(OSError, AttributeError):  # glibc's; other libraries do it by themselves
        ctypes.CDLL(None).malloc_trim(0)
