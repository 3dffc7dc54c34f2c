"""The hub's `[gateway]` table: who the generalist is, and how much a store may use of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from appliance.codec import from_plain
from appliance.errors import BadInput
from sync.hub.rollout_settings import read_secret
from sync.hub.settings import FILE_NAME, HubSettings

T = TypeVar("T")
PART = "gateway"
MOST_UPSTREAMS = 8
LENGTH_KEYS = ("max_tokens", "max_completion_tokens")


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """One OpenAI-compatible server."""

    name: str
    base_url: str  # up to and with /v1
    model: str = ""  # its name there; '': the one server's own, "default"
    key_file: str = ""  # mode 0600; relative to the hub's home
    key: str = ""  # or here, if hub.toml has mode 0600; never printed
    length_key: str = "max_tokens"  # what bounds an answer there; or max_completion_tokens
    omit: tuple[str, ...] = ()  # members it does not take: "temperature", "stream_options" …
    price_in: float = 0.0  # of a million prompt tokens
    price_out: float = 0.0  # of a million completion tokens

    def __repr__(self) -> str:
        """Return the settings without the key."""
        return f"UpstreamSettings({self.name!r}, {self.base_url!r}, {self.model!r})"


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """What a person may set of the gateway. Tokens and money are a store's, a UTC day."""

    upstreams: tuple[UpstreamSettings, ...] = ()  # the first that is well is asked
    tokens_a_day: int = 500_000
    money_a_day: float = 0.0  # in the currency of the prices; 0: tokens alone count
    requests_per_minute: float = 60.0  # of a store
    at_once: int = 32  # requests running at the upstreams, of this worker
    at_once_of_store: int = 8  # as many as a store's agent sends
    waiting: int = 64  # for one of those places; more are answered 503
    wait_s: float = 5.0
    connect_s: float = 3.0
    first_token_s: float = 15.0
    between_tokens_s: float = 10.0
    total_s: float = 60.0  # of a request, whatever its caller's deadline
    slow_s: float = 3.0  # a first token later than this counts as a bad try
    tries: int = 3  # of a request, before its first byte
    most_tokens: int = 800  # of an answer
    most_chars: int = 48_000  # of a request's messages
    answers_deferred: bool = True  # asks that stores kept while the line was down

    @staticmethod
    def of(hub: HubSettings) -> GatewaySettings:
        """Return the table of `hub.toml`, its keys read.

        Raises:
            BadInput: An unknown key, a value of the wrong type or range, or a secret that others
                can read.
            BadKey: A key's file is missing or others can read it.
        """
        path = hub.home / FILE_NAME
        table = dict(hub.parts.get(PART, {}))
        upstreams = table.pop("upstreams", [])
        if not isinstance(upstreams, list):
            raise BadInput(f"{path}: write [[{PART}.upstreams]].", hint="One table an upstream.")
        found = _read(table, GatewaySettings, path)
        read = tuple(_upstream(one, path) for one in upstreams)
        settings = replace(found, upstreams=read)
        _check(settings, path)
        return settings


def key_of(upstream: UpstreamSettings, home: Path) -> str:
    """Return an upstream's key; '' when it wants none.

    Raises:
        BadKey: Its file is missing or others can read it.
        BadInput: It stands in a hub.toml that others can read.
    """
    if upstream.key_file:
        return read_secret(home / Path(upstream.key_file).expanduser())
    if upstream.key and (home / FILE_NAME).stat().st_mode & 0o077:
        raise BadInput(
            f"{home / FILE_NAME} holds a key and can be read by others on this machine.",
            hint=f"Run: chmod 600 {home / FILE_NAME}",
        )
    return upstream.key


def _upstream(table: object, path: Path) -> UpstreamSettings:
    found = _read(table, UpstreamSettings, path)
    parts = urlsplit(found.base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise BadInput(
            f"{path}: upstream {found.name!r} needs a base_url such as https://host/v1.",
            hint="A key goes into key_file, not into the URL.",
        )
    if found.length_key not in LENGTH_KEYS or {"messages", "stream"} & set(found.omit):
        raise BadInput(
            f"{path}: upstream {found.name!r} cannot be asked so: length_key is one of"
            f" {', '.join(LENGTH_KEYS)}, and messages and stream are always sent.",
            hint="Mend it.",
        )
    if found.key and found.key_file:
        raise BadInput(f"{path}: upstream {found.name!r} has key and key_file.", hint="Keep one.")
    return found


def _read(table: object, kind: type[T], path: Path) -> T:
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    if not isinstance(table, Mapping):
        raise BadInput(f"{path}: [{PART}] holds a value where a table should be.", hint="Mend it.")
    unknown = sorted(set(table) - known)
    if unknown:
        listed = ", ".join(sorted(known))
        raise BadInput(f"{path}: unknown setting {unknown[0]!r} of [{PART}].", hint=listed)
    try:
        return from_plain(dict(table), kind)
    except BadInput as exc:
        raise BadInput(f"{path}, [{PART}]: {exc.message}", hint="Mend it.") from exc


def _check(settings: GatewaySettings, path: Path) -> None:
    names = [upstream.name for upstream in settings.upstreams]
    if len(set(names)) != len(names) or len(names) > MOST_UPSTREAMS or not all(names):
        raise BadInput(
            f"{path}: upstreams need names of their own, at most {MOST_UPSTREAMS}.",
            hint='[[gateway.upstreams]] with name = "main".',
        )
    over_zero: dict[str, Any] = {
        f.name: getattr(settings, f.name)
        for f in fields(settings)
        if f.name not in {"upstreams", "money_a_day", "answers_deferred", "waiting"}
    }
    for name, value in over_zero.items():
        if value <= 0:
            raise BadInput(f"{path}: [{PART}] {name} must be over 0.", hint="Mend it.")
    if settings.money_a_day < 0 or settings.waiting < 0:
        raise BadInput(f"{path}: [{PART}] money_a_day and waiting are at least 0.", hint="Mend it.")
