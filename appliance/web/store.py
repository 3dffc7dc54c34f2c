"""What the web server needs of a store: a role, filled by `appliance.wiring.Store`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from appliance.config import Settings
from appliance.monitoring.monitor import Monitoring
from appliance.pipeline import Listener
from appliance.ports import Clock, Index, Journal
from appliance.records import (
    LOCAL,
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
from appliance.store.devices import SqliteDevices
from appliance.store.sessions import SqliteSessions


class StoreLike(Protocol):
    """The whole store, wired."""

    @property
    def settings(self) -> Settings:
        """The store's settings."""
        ...

    @property
    def release(self) -> Release:
        """The live release."""
        ...

    @property
    def clock(self) -> Clock:
        """The store's time."""
        ...

    @property
    def index(self) -> Index:
        """The release's passages."""
        ...

    @property
    def journal(self) -> Journal:
        """The record of everything said."""
        ...

    @property
    def monitoring(self) -> Monitoring:
        """The store's figures, and the guard of its lanes."""
        ...

    @property
    def devices(self) -> SqliteDevices:
        """The handhelds and keys."""
        ...

    @property
    def associates(self) -> SqliteAssociates:
        """The people who sign in."""
        ...

    @property
    def sessions(self) -> SqliteSessions:
        """Who is signed in where."""
        ...

    def ask(
        self,
        text: str,
        *,
        role: Role = Role.ASSOCIATE,
        thread: str = "",
        associate: str = "",
        device: str = LOCAL,
        earlier: Sequence[tuple[str, str]] = (),
        deadline_s: float | None = None,
        listener: Listener | None = None,
        reply_id: str = "",
    ) -> Reply:
        """Return the reply, written down; blocks, and may be called from any thread.

        Raises:
            BadInput: The ask is empty or over-long.
            NoSuchThread: The thread is another device's or another associate's.
            StoreError: The journal could not be written. Nothing was said.
        """
        ...

    def rate(
        self, reply_id: str, verdict: Thumb, *, principal: Principal, text: str = ""
    ) -> Feedback | None:
        """Keep what an associate thinks of a reply; None when it is not there or not theirs.

        Raises:
            StoreError: It could not be written whole; to send it again completes it.
        """
        ...

    def conversation(self, thread: str, *, principal: Principal) -> tuple[Exchange, ...] | None:
        """Return what was said in a thread; None when it is not there or not theirs."""
        ...

    def late_answers(self, principal: Principal) -> tuple[LateAnswer, ...]:
        """Return what headquarters answered later to this principal's asks, the latest first.

        Raises:
            StoreError: It could not be read or written; nothing is shown that was not written.
        """
        ...

    def product(self, key: str, *, role: Role) -> ProductCard | None:
        """Return a product by SKU, EAN or UPC with the live facts a role may read, or None."""
        ...

    def new_id(self) -> str:
        """Return an id never given before."""
        ...

    def examples(self) -> tuple[str, ...]:
        """Return a few things to try, the likeliest to please first; may be empty."""
        ...

    def health(self, *, is_counted: bool = True) -> dict[str, Any]:
        """Return the members of `web.shapes.HealthBody`; `checks` are empty when not counted."""
        ...
