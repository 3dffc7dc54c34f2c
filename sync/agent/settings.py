"""The agent's settings: one table, read once from `agent/agent.toml` in the store's home."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from datetime import time
from pathlib import Path
from typing import Any

from appliance.errors import BadInput
from sync.agent.bucket import Hours, Rate
from sync.errors import PointerRefused
from sync.switch.switcher import SwitchLimits
from sync.switch.trial import TrialLimits
from sync.switch.windows import read_window

MOST_HOURS = 12  # entries of `line_hours`


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """Everything a person may set of the line. Units are in the names."""

    line_kib_s: float = 0.0  # of everything together, up and down; 0: no limit
    line_burst_kib: float = 512.0  # that may pass at once after a rest
    # Other rates at other hours of the store: "22:00-05:00 2048, 09:00-20:00 64".
    line_hours: str = ""
    generalist: bool = True  # hard asks go to headquarters while somebody waits
    generalist_model: str = "generalist"  # as the gateway names it
    chats_at_once: int = 8  # more asks at a time go to the next lane
    look_minutes: float = 15.0  # between looks at the ring, when nobody wakes the store
    probation_hours: float = 24.0  # a release is watched before it has settled
    quiet_s: float = 20.0  # without an ask, before a switch: nobody is being served
    proxy: str = ""  # URL of a proxy on the way to the hub
    ca_file: str = ""  # of a certificate authority of the company's own; empty: the public ones

    @property
    def rate(self) -> Rate:
        """The bandwidth all of it may take."""
        return Rate(self.line_kib_s * 1024, self.line_burst_kib * 1024, read_hours(self.line_hours))

    @property
    def switch(self) -> SwitchLimits:
        """What a switch waits for."""
        trial = TrialLimits(probation_s=self.probation_hours * 3600)
        return SwitchLimits(quiet_s=self.quiet_s, trial=trial)


def load_agent_settings(path: Path) -> AgentSettings:
    """Return the settings; the defaults where there is no file.

    Raises:
        BadInput: It does not parse, or has an unknown key or a value that cannot be.
    """
    if not path.exists():
        return AgentSettings()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise BadInput(f"{path} is not valid TOML: {exc}.", hint="Mend that line.") from exc
    except OSError as exc:
        raise BadInput(f"{path} cannot be read: {exc.strerror}.", hint=f"ls -l {path}") from exc
    settings = AgentSettings(**{key: _typed(key, value, path) for key, value in table.items()})
    if settings.chats_at_once < 1 or settings.look_minutes <= 0:
        raise BadInput(f"{path}: chats_at_once is at least 1 and look_minutes over 0.")
    read_hours(settings.line_hours)
    return settings


def read_hours(text: str) -> tuple[Hours, ...]:
    """Return the hours that have a rate of their own: "22:00-05:00 2048, 09:00-20:00 64".

    Raises:
        BadInput: It is not written so.
    """
    found = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        window, _, rate = entry.partition(" ")
        try:
            parsed = read_window(window)
            kib_s = float(rate)
        except (PointerRefused, ValueError) as exc:
            raise BadInput(
                f"line_hours: {entry!r} is no hours and KiB a second.",
                hint='Write line_hours = "22:00-05:00 2048, 09:00-20:00 64".',
            ) from exc
        found.append(Hours(_minutes(parsed.begins), _minutes(parsed.ends), kib_s * 1024))
    if len(found) > MOST_HOURS or any(hours.bytes_s < 0 for hours in found):
        raise BadInput(f"line_hours has at most {MOST_HOURS} entries, none under 0.")
    return tuple(found)


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute


def _typed(key: str, value: object, path: Path) -> Any:
    known = {f.name: f.type for f in fields(AgentSettings)}
    if key not in known:
        raise BadInput(
            f"{path}: unknown setting {key!r}.", hint=f"Known settings: {', '.join(sorted(known))}."
        )
    kind = str(known[key])
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "float" and isinstance(value, int | float) and is_number and value >= 0:
        return float(value)
    if kind == "int" and isinstance(value, int) and is_number and value >= 0:
        return value
    if (kind == "str" and isinstance(value, str)) or (kind == "bool" and isinstance(value, bool)):
        return value
    raise BadInput(f"{path}: {key} must be a {kind}, found {value!r}.", hint="Mend it.")
