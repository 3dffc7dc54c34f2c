"""The hub's settings: one table, read once from `hub.toml` in the hub's home folder."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from appliance.errors import BadInput

FILE_NAME = "hub.toml"
DATABASE_FILE = "hub.db"
# Tables of parts that read their own: the part checks the keys of its table (see `extensions`).
PART_TABLES = ("gateway", "rollouts")
MOST_WORKERS = 64
TEMPLATE = """\
# The hub's settings. What is not written here keeps its default; an unknown key is an error.

# host = "127.0.0.1"      # a TLS proxy stands before it: nothing but loopback speaks plain HTTP
# port = 8090
# proxy = "127.0.0.1"     # whose X-Forwarded-For is believed; empty: nobody's
# database = ""           # postgresql://user@host/name; empty: hub.db in this folder
# blobs = ""              # s3://bucket/prefix or a folder; empty: blobs/ in this folder
# repository = ""         # the TUF repository; empty: repository/ in this folder
# workers = 1             # processes that serve; one is enough for 1,600 stores
# beat_s = 60             # between a store's beats
# silent_minutes = 10     # without a beat a store is called silent

# [gateway]                         # the generalist, for the stores' asks that need one
# tokens_a_day = 500000             # of a store; more is answered 429
# [[gateway.upstreams]]             # any number, asked in this order
# name = "main"
# base_url = "https://vendor.example/v1"
# model = "name-there"
# key_file = "keys/generalist.key"  # mode 0600, in this folder
#
# [rollouts]
# keys = ""                         # keys.json and online/; empty: release-keys/ in this folder
"""


@dataclass(frozen=True, slots=True)
class HubSettings:
    """Everything a person may set. Units are in the names."""

    home: Path  # database, keys, repository, blobs: all the hub owns
    host: str = "127.0.0.1"
    port: int = 8090
    proxy: str = ""  # the address of the TLS proxy whose X-Forwarded-For is believed
    # SQLAlchemy URL, in which a password can stand; empty: SQLite in `home`.
    database: str = field(default="", repr=False)
    blobs: str = ""  # folder or s3:// URL; empty: a folder in `home`
    repository: str = ""  # folder served as /tuf; empty: a folder in `home`
    workers: int = 1  # processes
    beat_s: float = 60.0  # what stores are told, give or take a tenth
    token_minutes: float = 15.0  # a token's life
    skew_s: float = 120.0  # a signed instant further off is told the hub's time
    code_hours: float = 72.0  # an enrolment code's life
    silent_minutes: float = 10.0  # without a beat: an alarm
    streams: int = 4000  # wake streams of one worker; more are answered 503
    wakes_per_s: float = 800.0  # of one worker, so that a promotion is no stampede
    enrols_per_minute: int = 60  # tries, of everybody together
    enrols_per_address: int = 30  # tries a minute
    failures_per_address: int = 60  # token requests a minute that prove nothing
    history_days: float = 14.0  # quarter-hours of beats are kept for charts
    batch_days: float = 30.0  # a kept batch's bytes stay this long; its items stay
    parts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # tables of PART_TABLES

    @property
    def database_url(self) -> str:
        """The database's SQLAlchemy URL."""
        return self.database or f"sqlite:///{self.home / DATABASE_FILE}"

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file."""
        return self.database_url.startswith("sqlite")

    @property
    def repository_folder(self) -> Path:
        """The TUF repository's folder."""
        return Path(self.repository).expanduser() if self.repository else self.home / "repository"

    @property
    def blobs_place(self) -> str:
        """Where batches are kept: a folder, or an s3:// URL."""
        return self.blobs or str(self.home / "blobs")

    @property
    def token_key_file(self) -> Path:
        """The key that signs tokens."""
        return self.home / "keys" / "token.key"


def template(*, database: str = "") -> str:
    """Return the text of a new hub's settings."""
    stated = f"database = {json.dumps(database)}"  # JSON's strings are TOML's, too
    return TEMPLATE.replace('# database = ""          ', stated, 1) if database else TEMPLATE


def load_settings(home: Path, overrides: Mapping[str, Any] | None = None) -> HubSettings:
    """Return the settings of the hub living in `home`.

    Raises:
        BadInput: There is no hub, the file does not parse, or it has an unknown key or a value of
            the wrong type or range.
    """
    path = home / FILE_NAME
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise BadInput(
            f"{home} holds no hub: there is no {FILE_NAME}.",
            hint=f"Make one: backroom hub init {home}",
        ) from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise BadInput(f"{path} is not valid TOML: {exc}.", hint="Mend that line.") from exc
    parts = {name: table.pop(name) for name in PART_TABLES if isinstance(table.get(name), dict)}
    table.update({k: v for k, v in (overrides or {}).items() if v is not None})
    values = {k: _typed(k, v, path=path) for k, v in table.items()}
    settings = HubSettings(home=home.absolute(), parts=parts, **values)
    _check(settings, path)
    return settings


def _typed(key: str, value: object, *, path: Path) -> Any:
    known = {f.name: str(f.type) for f in fields(HubSettings) if f.name not in {"home", "parts"}}
    if key not in known:
        names = ", ".join(sorted([*known, *(f"[{name}]" for name in PART_TABLES)]))
        raise BadInput(f"{path}: unknown setting {key!r}.", hint=f"Known settings: {names}.")
    kind = known[key]
    if kind == "float" and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind == "int" and isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if kind == "str" and isinstance(value, str):
        return value
    raise BadInput(f"{path}: {key} must be a {kind}, found {value!r}.", hint="Mend it.")


def _check(settings: HubSettings, path: Path) -> None:
    over_zero = (
        *("beat_s", "token_minutes", "skew_s", "code_hours", "silent_minutes", "wakes_per_s"),
        *("history_days", "batch_days", "streams", "enrols_per_minute", "enrols_per_address"),
        "failures_per_address",
    )
    for name in over_zero:
        if getattr(settings, name) <= 0:
            raise BadInput(
                f"{path}: {name} is {getattr(settings, name):g}; it must be over 0.",
                hint="Leave it out for the default.",
            )
    if not 1 <= settings.workers <= MOST_WORKERS:
        raise BadInput(
            f"{path}: workers is {settings.workers}; it is 1 to {MOST_WORKERS}.",
            hint="One is enough for 1,600 stores.",
        )
