"""`notices.toml`: what an answer must never say, and what it must say along."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.damage import found
from appliance.errors import BadRules

NOTICES_FILE = "notices.toml"
_BANNED_KEYS = {"id": str, "pattern": str, "why": str, "replace": str, "unless_cited": bool}
_NOTICE_KEYS = dict.fromkeys(("id", "when", "unless", "said", "en", "es", "why"), str)


@dataclass(frozen=True, slots=True)
class Banned:
    """Words that no answer holds."""

    id: str
    pattern: re.Pattern[str]
    why: str
    replace: str | None  # None: the draft fails
    unless_cited: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence that answers on a subject must carry."""

    id: str
    when: re.Pattern[str]
    unless: re.Pattern[str] | None
    said: re.Pattern[str]
    texts: Mapping[str, str]  # language -> sentence
    why: str

    def is_due(self, text: str) -> bool:
        """Tell whether `text` is about the subject."""
        about = self.unless.sub(" ", text) if self.unless else text
        return bool(self.when.search(about))


@dataclass(frozen=True, slots=True)
class Notices:
    """Both lists, in the file's order."""

    banned: tuple[Banned, ...] = ()
    notices: tuple[Notice, ...] = ()


def load_notices(file: Path) -> Notices:
    """Read the lists.

    Raises:
        BadRules: The file is missing, does not parse, or an entry lacks or misspells a key.
    """
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise BadRules(
            f"{file}: expected TOML, found {found(exc)}.", hint="Mend that line."
        ) from exc
    unknown = sorted(set(table) - {"banned", "notice"})
    if unknown:
        raise BadRules(f"{file}: unknown table {unknown[0]!r}.", hint="Use [[banned]], [[notice]].")
    for name, rows in table.items():
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise BadRules(
                f"{file}: expected [[{name}]] tables, found {rows!r}.", hint=f"[[{name}]]"
            )
    return Notices(
        banned=tuple(_banned(row, file) for row in table.get("banned", [])),
        notices=tuple(_notice(row, file) for row in table.get("notice", [])),
    )


def _banned(row: Mapping[str, Any], file: Path) -> Banned:
    _check(row, file, known=_BANNED_KEYS, needed=("id", "pattern", "why"))
    return Banned(
        id=row["id"],
        pattern=_compile(row, "pattern", file),
        why=row["why"],
        replace=row.get("replace"),
        unless_cited=row.get("unless_cited", False),
    )


def _notice(row: Mapping[str, Any], file: Path) -> Notice:
    _check(row, file, known=_NOTICE_KEYS, needed=("id", "when", "said", "en", "es", "why"))
    return Notice(
        id=row["id"],
        when=_compile(row, "when", file),
        unless=_compile(row, "unless", file) if "unless" in row else None,
        said=_compile(row, "said", file),
        texts={"en": row["en"], "es": row["es"]},
        why=row["why"],
    )


def _check(
    row: Mapping[str, Any], file: Path, *, known: Mapping[str, type], needed: tuple[str, ...]
) -> None:
    name = row.get("id", "without id")
    for key in needed:
        if key not in row:
            raise BadRules(f"{file}: entry {name} has no {key}.", hint=f"Keys: {sorted(known)}.")
    for key, value in row.items():
        if key not in known or not isinstance(value, known[key]):
            raise BadRules(
                f"{file}: entry {name}: {key} = {value!r} is not a known key of the right type.",
                hint=f"Keys: {sorted(known)}.",
            )


def _compile(row: Mapping[str, Any], key: str, file: Path) -> re.Pattern[str]:
    try:
        return re.compile(row[key], re.IGNORECASE)
    except re.error as exc:
        raise BadRules(
            f"{file}: entry {row['id']}: {key}: expected a regular expression, found"
            f" {row[key]!r} ({exc}).",
            hint="Mend the pattern.",
        ) from exc
