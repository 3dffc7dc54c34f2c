"""A hub's home, its settings and the codes it gives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from litestar.testing import TestClient

from appliance.ports import Clock
from sync.hub.app import create_app
from sync.hub.keys import make_token_key
from sync.hub.ledger import Ledger
from sync.hub.parts import Hub, open_hub
from sync.hub.registry import give_codes
from sync.hub.settings import FILE_NAME, load_settings
from tests.builders.hub.store_end import StoreEnd

ROOT = '{"signed": {"_type": "root"}}'


def make_home(home: Path, *, settings: str = "") -> Path:
    """Make a hub's home with a root that any store would be given."""
    metadata = home / "repository" / "metadata"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "1.root.json").write_text(ROOT, encoding="utf-8")
    (home / FILE_NAME).write_text(settings, encoding="utf-8")
    make_token_key(home / "keys" / "token.key")
    return home


@contextmanager
def hub_at(home: Path, clock: Clock, **overrides: Any) -> Iterator[Hub]:
    """Open a hub in a home that `make_home` made."""
    with open_hub(load_settings(home, overrides), clock=clock) as hub:
        yield hub


def code_of(ledger: Ledger, clock: Clock, store: str = "0001", ring: str = "pilot") -> str:
    """Return a new code for a store."""
    return ledger.write(lambda c: give_codes(c, [(store, ring)], now=clock.now(), hours=72))[0]


@contextmanager
def line_to(hub: Hub) -> Iterator[TestClient[Any]]:
    """Give a client of a hub that is served in this process."""
    app = create_app(hub)
    with TestClient(app, base_url="http://hub.local", raise_server_exceptions=False) as client:
        yield client


def store_at(hub: Hub, client: Any, store: str = "0001", ring: str = "pilot") -> StoreEnd:
    """Return a store that is enrolled and holds a token."""
    return StoreEnd(client, hub.clock).enter(code_of(hub.ledger, hub.clock, store, ring))
