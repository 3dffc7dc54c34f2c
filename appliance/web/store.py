"""What the web server needs of a store: a role, filled by `appliance.wiring.Store`."""

from __future__ import annotations

from typing import Any, Protocol

from appliance.config import Settings
from appliance.pipeline import Listener
from appliance.ports import Index, Journal
from appliance.records import Reply, Role


class StoreLike(Protocol):
    """The whole store, wired."""

    @property
    def settings(self) -> Settings:
        """The store's settings."""
        ...

    @property
    def index(self) -> Index:
        """The release's passages."""
        ...

    @property
    def journal(self) -> Journal:
        """The record of everything said."""
        ...

    def ask(
        self,
        text: str,
        *,
        role: Role = Role.ASSOCIATE,
        thread: str = "",
        associate: str = "",
        deadline_s: float | None = None,
        listener: Listener | None = None,
        reply_id: str = "",
    ) -> Reply:
        """Return the reply, written down; blocks, and may be called from any thread.

        Raises:
            BadInput: The ask is empty or over-long.
            StoreError: The journal could not be written. Nothing was said.
        """
        ...

    def new_id(self) -> str:
        """Return an id never given before."""
        ...

    def examples(self) -> tuple[str, ...]:
        """Return a few things to try, the likeliest to please first; may be empty."""
        ...

    def health(self) -> dict[str, Any]:
        """Return `live`, `ready`, `release`, `line`, `specialist` and `checks`."""
        ...
