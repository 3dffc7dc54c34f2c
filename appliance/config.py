"""The store's settings: one table, read once from `backroom.toml` in the store's home folder."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from appliance.errors import BadInput

FILE_NAME = "backroom.toml"
SIGN_IN = ("auto", "required")
MOST_SESSION_HOURS = 31 * 24
HOST_NAME = re.compile(r"(?!.{254})[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*", re.ASCII | re.IGNORECASE)
DEMO_RELEASE = Path(__file__).parent / "demo" / "release"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a person may set. Units are in the names."""

    home: Path  # the store's own data: journal, threads, spool, live database
    release: Path = DEMO_RELEASE  # the live release's folder
    store: str = "0001"  # the store's number, as headquarters knows it
    timezone: str = "America/New_York"  # store-local time, for "not known since 14:02"
    host: str = "127.0.0.1"
    port: int = 8080
    threads_per_model: int = 0  # CPU threads of the language model; 0: by its size
    asks_at_once: int = 8  # sequences the engine runs side by side
    queue_asks: int = 32  # asks that may wait for the engine; more are answered 503
    context_tokens: int = 8192  # KV cells shared by all running asks
    ask_deadline_s: float = 10.0  # after this an ask is answered by a quicker lane
    max_ask_chars: int = 2000  # longer asks are refused with 413
    live_database: str = ""  # SQLAlchemy URL of the store's live data; empty: the demo's own
    public_name: str = ""  # by which a TLS proxy on this machine is asked; requires a sign-in
    sign_in: str = "auto"  # auto: nobody signs in while `host` is this machine's own; or: required
    session_hours: float = 12.0  # a sign-in ends after this, or at sign-out
    asks_per_minute: int = 60  # of one device; more are answered 429; 0: no limit
    edge_case_under: float = 0.7  # a reply less sure than this is kept for headquarters to label

    @property
    def zone(self) -> ZoneInfo:
        """The store's time zone."""
        return ZoneInfo(self.timezone)


def load_settings(home: Path, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings of the store living in `home`.

    Raises:
        BadInput: The file does not parse, or has an unknown key or a value of the wrong type.
    """
    path = home / FILE_NAME
    table: dict[str, Any] = {}
    if path.exists():
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
            raise BadInput(f"{path} is not valid TOML: {exc}.", hint="Mend that line.") from exc
    table.update({k: v for k, v in (overrides or {}).items() if v is not None})
    settings = Settings(home=home, **{k: _typed(k, v, path=path) for k, v in table.items()})
    _check_sign_in(settings, path)
    _check_public_name(settings, path)
    try:
        _ = settings.zone
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise BadInput(
            f"{path}: there is no time zone {settings.timezone!r}.",
            hint='Use a name such as "America/Chicago".',
        ) from exc
    return settings


def _check_sign_in(settings: Settings, path: Path) -> None:
    if settings.sign_in not in SIGN_IN:
        raise BadInput(
            f"{path}: sign_in is {settings.sign_in!r}; it is one of {', '.join(SIGN_IN)}.",
            hint='Write sign_in = "required", or leave it out.',
        )
    if not 0 < settings.session_hours <= MOST_SESSION_HOURS:
        raise BadInput(
            f"{path}: session_hours is {settings.session_hours:g}; it is over 0 and at most"
            f" {MOST_SESSION_HOURS}.",
            hint="A shift and its overtime: session_hours = 12.",
        )


def _check_public_name(settings: Settings, path: Path) -> None:
    if settings.public_name and not HOST_NAME.fullmatch(settings.public_name):
        raise BadInput(
            f"{path}: public_name is {settings.public_name!r}, which is no host's name.",
            hint='The name alone, without https:// and port: public_name = "backroom.example".',
        )


def _typed(key: str, value: object, *, path: Path) -> Any:
    known = {f.name: f.type for f in fields(Settings) if f.name != "home"}
    if key not in known:
        raise BadInput(
            f"{path}: unknown setting {key!r}.", hint=f"Known settings: {', '.join(sorted(known))}."
        )
    kind = str(known[key])
    if kind == "Path" and isinstance(value, str | Path):
        return Path(value).expanduser()
    if kind == "float" and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind == "int" and isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if kind == "str" and isinstance(value, str):
        return value
    raise BadInput(f"{path}: {key} must be a {kind.lower()}, found {value!r}.", hint="Mend it.")
