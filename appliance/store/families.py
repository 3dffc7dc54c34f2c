"""The fact families of a release: `facts.toml`, read whole and checked before any of it is used."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Date, DateTime, String
from sqlalchemy.types import TypeEngine

from appliance.damage import found
from appliance.errors import BadInput, BadRules
from appliance.records import Role
from appliance.store.languages import LANGUAGES, SUFFIXES
from appliance.store.sentences import Template, parse_template
from appliance.store.statements import Statement, parse_statement

FORMAT = 1
BINDS: Mapping[str, TypeEngine[Any]] = {
    "subject": String(),
    "today": Date(),  # in the store's time zone
    "now": DateTime(timezone=True),
}
FEED_BINDS: Mapping[str, TypeEngine[Any]] = {"feed": String()}
_STRINGS = (str,)
_NUMBERS = (int, float)
_TOP_KEYS: Mapping[str, tuple[type, ...]] = {
    "format": (int,),
    "subjects": (dict,),
    "feeds": (dict,),
    "family": (dict,),
}
# Said in each language: "label" in English, "label_es" in Spanish.
_WORDS = ("label", "missing", "never", "none")
_FAMILY_KEYS: Mapping[str, tuple[type, ...]] = {
    **{f"{key}{suffix}": _STRINGS for key in _WORDS for suffix in SUFFIXES.values()},
    "kinds": (list,),
    "subject": _STRINGS,
    "audience": _STRINGS,
    "feeds": (list,),
    "as_of": _STRINGS,
    "stale_after_s": _NUMBERS,
    "timeout_s": _NUMBERS,
    "max_rows": (int,),
    "sql": _STRINGS,
    "key": _STRINGS,
    "personal": (list,),
    "personal_audience": _STRINGS,
    "sentence": (list,),
}
_REQUIRED = ("label", "kinds", "subject", "stale_after_s", "sql", "sentence")


@dataclass(frozen=True, slots=True)
class Choice:
    """A sentence in each language and the columns that must not be NULL for it to be said."""

    when: tuple[str, ...]
    templates: Mapping[str, Template]  # language → sentence; the English one where it lacks


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of a family in one language when there is no fact to say."""

    label: str
    missing: str  # with {since}
    never: str
    none: str


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of live fact: the question kinds it answers, its query and its sentences."""

    name: str
    words: Mapping[str, Words]  # by language
    kinds: tuple[str, ...]
    subject: re.Pattern[str]
    audience: Role
    feeds: tuple[str, ...]  # the oldest of them is the as-of time …
    as_of: str  # … unless a column of the row has it
    stale_after_s: float
    timeout_s: float
    max_rows: int
    sql: Statement
    key: str  # column that tells rows of one subject apart, or ""
    personal: tuple[str, ...]
    personal_audience: Role
    choices: tuple[Choice, ...]

    @property
    def columns(self) -> frozenset[str]:
        """Every column the query must deliver."""
        named = {*self.personal, self.key, self.as_of} - {""}
        said = (
            template.columns.union(choice.when)
            for choice in self.choices
            for template in choice.templates.values()
        )
        return frozenset(named).union(*said)


@dataclass(frozen=True, slots=True)
class Families:
    """A whole `facts.toml`."""

    path: Path
    feeds_sql: Statement | None
    by_name: Mapping[str, Family]

    def bad(self, key: str, why: str) -> BadRules:
        """Return the error to raise for a key of this file."""
        return _bad(self.path, key, why)


def load_families(path: Path) -> Families:
    """Read and check a `facts.toml`.

    Raises:
        BadInput: The file is missing or unreadable.
        BadRules: It is not TOML, or a key, type, sentence or query in it is wrong.
    """
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadRules(
            f"{path}: expected TOML, found {found(error)}.", hint="Mend that line."
        ) from error
    _check_keys(path, "", raw, _TOP_KEYS)
    if raw.get("format") != FORMAT:
        raise _bad(path, "format", f"expected {FORMAT}, found {raw.get('format')!r}")
    _check_keys(path, "feeds", raw.get("feeds", {}), {"sql": _STRINGS})
    feeds_sql = None
    if "feeds" in raw:
        feeds_sql = _query(path, "feeds.sql", raw["feeds"].get("sql", ""), binds=FEED_BINDS)
    subjects = _patterns(path, raw.get("subjects", {}))
    families = {
        name: _family(path, name, row, subjects=subjects, has_feeds=feeds_sql is not None)
        for name, row in raw.get("family", {}).items()
    }
    if not families:
        raise _bad(path, "family", "no family is defined")
    return Families(path, feeds_sql, families)


def _family(
    path: Path, name: str, row: Any, *, subjects: Mapping[str, re.Pattern[str]], has_feeds: bool
) -> Family:
    where = f"family.{name}"
    if not isinstance(row, dict):
        raise _bad(path, where, "expected a table")
    _check_keys(path, where, row, _FAMILY_KEYS)
    for key in _REQUIRED:
        if not row.get(key):
            raise _bad(path, f"{where}.{key}", "missing")
    if row["subject"] not in subjects:
        raise _bad(path, f"{where}.subject", f"{row['subject']!r} is not in [subjects]")
    if bool(row.get("feeds")) == bool(row.get("as_of")):
        raise _bad(path, where, "needs exactly one of feeds and as_of, to know how old a fact is")
    if row.get("feeds") and not has_feeds:
        raise _bad(path, f"{where}.feeds", "the file has no [feeds] sql")
    for key in ("stale_after_s", "timeout_s", "max_rows"):
        if row.get(key, 1) <= 0:
            raise _bad(path, f"{where}.{key}", f"must be above 0, is {row[key]}")
    return Family(
        name=name,
        words=_words(path, where, row),
        kinds=_texts(path, f"{where}.kinds", row["kinds"]),
        subject=subjects[row["subject"]],
        audience=_role(path, f"{where}.audience", row.get("audience", "associate")),
        feeds=_texts(path, f"{where}.feeds", row.get("feeds", [])),
        as_of=row.get("as_of", ""),
        stale_after_s=float(row["stale_after_s"]),
        timeout_s=float(row.get("timeout_s", 0.8)),
        max_rows=row.get("max_rows", 1),
        sql=_query(path, f"{where}.sql", row["sql"], binds=BINDS, must="subject"),
        key=row.get("key", ""),
        personal=_texts(path, f"{where}.personal", row.get("personal", [])),
        personal_audience=_role(
            path, f"{where}.personal_audience", row.get("personal_audience", "manager")
        ),
        choices=_choices(path, f"{where}.sentence", row["sentence"]),
    )


def _words(path: Path, where: str, row: Mapping[str, Any]) -> dict[str, Words]:
    """Return the family's words by language; English ones where a language has no label."""
    words: dict[str, Words] = {}
    for code, language in LANGUAGES.items():
        suffix = SUFFIXES[code]
        label = row.get(f"label{suffix}", "")
        found = Words(
            label=label,
            missing=language.not_since.format(label=label),
            never=language.not_known.format(label=label),
            none=language.no_record.format(label=label),
        )
        said = {key: row[f"{key}{suffix}"] for key in _WORDS if f"{key}{suffix}" in row}
        words[code] = replace(found if label else words["en"], **said)
        missing = words[code].missing
        if missing.count("{since}") != 1 or missing.count("{") != 1:
            reason = "must hold {since} once and no other hole"
            raise _bad(path, f"{where}.missing{suffix}", reason)
    return words


def _choices(path: Path, where: str, rows: list[Any]) -> tuple[Choice, ...]:
    choices = []
    for number, row in enumerate(rows, start=1):
        here = f"{where}[{number}]"
        if not isinstance(row, dict):
            raise _bad(path, here, "expected a table")
        texts = {f"text{suffix}": _STRINGS for suffix in SUFFIXES.values()}
        _check_keys(path, here, row, {"when": (list,), **texts})
        templates = _templates(path, here, row)
        choices.append(Choice(_texts(path, f"{here}.when", row.get("when", [])), templates))
    if choices[-1].when:
        raise _bad(path, f"{where}[{len(choices)}].when", "the last sentence must always fit")
    return tuple(choices)


def _templates(path: Path, where: str, row: Mapping[str, Any]) -> dict[str, Template]:
    """Return the sentence by language; the English one where a language has none."""
    templates: dict[str, Template] = {}
    for code, suffix in SUFFIXES.items():
        key = f"text{suffix}"
        try:
            template = parse_template(row.get(key, ""))
        except ValueError as error:
            raise _bad(path, f"{where}.{key}", str(error)) from error
        if not template.parts and (code == "en" or key in row):
            raise _bad(path, f"{where}.{key}", "missing")
        templates[code] = template if template.parts else templates["en"]
    return templates


def _query(
    path: Path, where: str, sql: str, *, binds: Mapping[str, TypeEngine[Any]], must: str = "feed"
) -> Statement:
    try:
        return parse_statement(sql, binds=binds, must=must)
    except ValueError as error:
        raise _bad(path, where, str(error)) from error


def _patterns(path: Path, rows: Mapping[str, Any]) -> dict[str, re.Pattern[str]]:
    patterns = {}
    for name, pattern in rows.items():
        try:
            patterns[name] = re.compile(pattern)
        except TypeError as error:
            reason = f"expected a pattern, found a {type(pattern).__name__}"
            raise _bad(path, f"subjects.{name}", reason) from error
        except re.error as error:
            reason = f"expected a pattern, found {pattern!r} ({error})"
            raise _bad(path, f"subjects.{name}", reason) from error
    return patterns


def _role(path: Path, where: str, name: str) -> Role:
    try:
        return Role(name)
    except ValueError as error:
        raise _bad(path, where, f"{name!r} is not one of {', '.join(Role)}") from error


def _texts(path: Path, where: str, items: Iterable[Any]) -> tuple[str, ...]:
    texts = tuple(items)
    if any(not isinstance(item, str) or not item for item in texts):
        raise _bad(path, where, "expected a list of texts")
    return texts


def _check_keys(
    path: Path, where: str, row: Mapping[str, Any], known: Mapping[str, tuple[type, ...]]
) -> None:
    for key, value in row.items():
        here = f"{where}.{key}".lstrip(".")
        if key not in known:
            raise _bad(path, here, f"unknown key (known: {', '.join(sorted(known))})")
        if not isinstance(value, known[key]) or isinstance(value, bool):
            expected = " or ".join(kind.__name__ for kind in known[key])
            raise _bad(path, here, f"expected {expected}, found {type(value).__name__}")


def _bad(path: Path, key: str, why: str) -> BadRules:
    return BadRules(
        f"{path}: {key}: {why}.", hint="Mend the file; the last good facts.toml stays in force."
    )
