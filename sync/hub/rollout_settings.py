"""The hub's `[rollouts]` table, and the repository whose rings the hub signs by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.errors import BadInput
from appliance.ports import Clock
from sync.errors import BadKey
from sync.hub.settings import FILE_NAME, HubSettings

if TYPE_CHECKING:
    from sync.publish.repository import Repository

PART = "rollouts"
KEYS_FOLDER = "release-keys"
PASSPHRASE_FILE = "passphrase"  # noqa: S105 - a file name
MOST_PASSPHRASE = 1_024  # bytes of its file
LEAST_STEP_S = 0.2


@dataclass(frozen=True, slots=True)
class RolloutSettings:
    """What a person may set of rollouts."""

    keys: str = ""  # folder with keys.json and online/; empty: release-keys/ in the hub's home
    passphrase_file: str = ""  # of the online keys, mode 0600; empty: `passphrase` beside keys.json
    step_s: float = 5.0  # between looks at the stores

    @staticmethod
    def of(hub: HubSettings) -> RolloutSettings:
        """Return the table of `hub.toml`.

        Raises:
            BadInput: An unknown key, or a value of the wrong type or range.
        """
        table = hub.parts.get(PART, {})
        _check(table, hub.home / FILE_NAME)
        step_s = float(table.get("step_s", 5.0))
        return RolloutSettings(table.get("keys", ""), table.get("passphrase_file", ""), step_s)

    def keys_folder(self, hub: HubSettings) -> Path:
        """Return where keys.json lies."""
        return Path(self.keys).expanduser() if self.keys else hub.home / KEYS_FOLDER

    def passphrase_path(self, hub: HubSettings) -> Path:
        """Return where the online keys' passphrase lies."""
        if self.passphrase_file:
            return Path(self.passphrase_file).expanduser()
        return self.keys_folder(hub) / PASSPHRASE_FILE


def open_repository(hub: HubSettings, clock: Clock) -> Repository:
    """Return the hub's repository with the online keys; keys are opened when they first sign."""
    from sync.publish.keys import KeyFolder  # noqa: PLC0415 - tuf loads when it is needed
    from sync.publish.repository import Repository  # noqa: PLC0415

    settings = RolloutSettings.of(hub)
    path = settings.passphrase_path(hub)
    keys = KeyFolder(settings.keys_folder(hub), lambda _name: read_secret(path))
    return Repository(hub.repository_folder, keys=keys, clock=clock)


def has_keys(hub: HubSettings) -> bool:
    """Tell whether this hub is meant to sign rings: it has a list of keys."""
    return (RolloutSettings.of(hub).keys_folder(hub) / "keys.json").exists()


def read_secret(path: Path) -> str:
    """Return the first line of a file that only its owner reads.

    Raises:
        BadKey: It is missing, empty, or others can read it.
    """
    try:
        mode = path.stat().st_mode & 0o777
        with path.open("rb") as file:
            text = file.read(MOST_PASSPHRASE).decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise BadKey(
            f"{path} holds no secret: {type(exc).__name__}.",
            hint=f"Write it there, then: chmod 600 {path}",
        ) from exc
    if mode & 0o077:
        raise BadKey(
            f"{path} has mode {mode:04o}: others on this machine may read it.",
            hint=f"Run: chmod 600 {path}",
        )
    if not text:
        raise BadKey(f"{path} is empty.", hint="Write the secret there, in one line.")
    return text.splitlines()[0]


def _check(table: Mapping[str, Any], path: Path) -> None:
    known = {f.name: str(f.type) for f in fields(RolloutSettings)}
    for key, value in table.items():
        if key not in known:
            listed = ", ".join(known)
            raise BadInput(f"{path}: unknown setting [{PART}] {key!r}.", hint=f"Known: {listed}.")
        is_right = isinstance(value, str if known[key] == "str" else int | float)
        if not is_right or isinstance(value, bool):
            raise BadInput(f"{path}: [{PART}] {key} must be a {known[key]}.", hint="Mend it.")
    if float(table.get("step_s", 5.0)) < LEAST_STEP_S:
        raise BadInput(f"{path}: [{PART}] step_s is at least {LEAST_STEP_S}.", hint="Mend it.")
