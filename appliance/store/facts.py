"""Live facts from the store's own databases, each with the time it was true.

`SqlFacts` runs the queries of a release's `facts.toml` on any database SQLAlchemy can open. It
never writes, never waits longer than a family's limit, and never says an old value as a current
one: what is stale, absent or late becomes words in `Reading.missing`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from appliance.errors import FactsUnavailable
from appliance.ports import Reading
from appliance.records import Fact, Role
from appliance.store.families import Families, Family, load_families
from appliance.store.languages import LANGUAGES, spoken
from appliance.store.readonly import Job, ReadOnlyPool, is_refusal
from appliance.store.sentences import clock_text, instant
from appliance.store.statements import Statement

log = logging.getLogger(__name__)

AHEAD_S = 300  # a feed's clock may be this far ahead of ours before its word is not taken
SUBJECT_LENGTH = 64
ON, DAYS = "_on", "_days"  # how a day's column ends, and that of the days since
_ROLES = tuple(Role)


@dataclass(frozen=True, slots=True)
class Rows:
    """What the database said for one family."""

    refreshed_at: (
        datetime | None
    )  # of the oldest feed; None: unknown, or a column of the row has it
    rows: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class _Question:
    """Whom and what one reading is for."""

    subject: str
    at: datetime
    role: Role
    language: str  # one we speak


class SqlFacts:
    """`ports.Facts` over SQL; safe to use from many threads, close it when done."""

    def __init__(
        self, families: Families, url: str, *, zone: tzinfo = UTC, workers: int = 4
    ) -> None:
        """Open the database, check every query against it if it can be reached.

        Args:
            families: From `load_families`.
            url: Any SQLAlchemy URL.
            zone: The store's time zone: its "today", and the times it reads.
            workers: Threads and connections at most.

        Raises:
            BadInput: The URL cannot be used.
            BadRules: The database does not take a query, or it lacks a column a sentence prints.
        """
        longest_s = max(family.timeout_s for family in families.by_name.values())
        self._families = families
        self._zone = zone
        self.pool = ReadOnlyPool(url, workers=workers, longest_s=longest_s)
        self._known_at: dict[str, datetime] = {}  # family → as-of of the last good reading
        self._lock = threading.Lock()
        try:
            self._check()
        except BaseException:
            self.pool.close()
            raise

    @classmethod
    def open(cls, path: Path, url: str, *, zone: tzinfo = UTC, workers: int = 4) -> SqlFacts:
        """Load `facts.toml` at `path` and open the database.

        Raises:
            BadInput: The file or the URL cannot be used.
            BadRules: The file is wrong, in itself or for this database.
        """
        return cls(load_families(path), url, zone=zone, workers=workers)

    def families(self) -> tuple[str, ...]:
        """Return the families of facts that can be read."""
        return tuple(self._families.by_name)

    def families_for(self, kind: str) -> tuple[str, ...]:
        """Return the families that answer a kind of question, in the file's order."""
        return tuple(n for n, family in self._families.by_name.items() if kind in family.kinds)

    def audience(self, family: str) -> Role:
        """Return the lowest role that may read a family; a manager for an unknown one."""
        known = self._families.by_name.get(family)
        return known.audience if known else Role.MANAGER

    def read(
        self,
        families: Sequence[str],
        *,
        subject: str,
        at: datetime,
        role: Role = Role.ASSOCIATE,
        language: str = "en",
    ) -> Reading:
        """Read the families for one subject (SKU, order number, badge); never raises.

        A family whose subjects look different is passed over. Without a `role` only what every
        associate may see is read, and personal columns are masked. In a language that the release
        or this program does not speak the facts are said in English.
        """
        question = _Question(subject.strip(), at, role, spoken(language))
        said = LANGUAGES[question.language]
        facts: list[Fact] = []
        missing: list[str] = []
        jobs: list[tuple[Family, Job[Rows]]] = []
        for name in dict.fromkeys(families):
            family = self._families.by_name.get(name)
            if family is None:
                missing.append(said.not_kept.format(name=name))
            elif not _may(role, family.audience):
                label = family.words[question.language].label
                missing.append(said.not_yours[family.audience].format(label=label))
            elif _fits(family, question.subject):
                try:
                    jobs.append((family, self.pool.submit(self._work(family, question))))
                except FactsUnavailable as error:
                    missing.append(self._unknown(family, error, question))
        for family, job in jobs:
            try:
                rows = self.pool.result(job, timeout_s=family.timeout_s)
                facts += self._facts(family, rows, question)
            except _NotKnown as word:
                missing.append(word.text)
            except (FactsUnavailable, ValueError) as error:
                missing.append(self._unknown(family, error, question))
        return Reading(tuple(facts), tuple(missing))

    def close(self) -> None:
        """Stop reading and close the pool; idempotent."""
        self.pool.close()

    def _work(self, family: Family, question: _Question) -> Callable[[Connection], Rows]:
        today = question.at.astimezone(self._zone).date()
        binds = {"subject": question.subject, "today": today, "now": question.at}

        def work(connection: Connection) -> Rows:
            refreshed_at = self._refreshed_at(connection, family)
            found = connection.execute(family.sql.clause, family.sql.only(binds)).mappings()
            return Rows(refreshed_at, tuple(dict(row) for row in found.fetchmany(family.max_rows)))

        return work

    def _refreshed_at(self, connection: Connection, family: Family) -> datetime | None:
        sql = self._families.feeds_sql
        if sql is None or not family.feeds:
            return None
        instants = []
        for feed in family.feeds:
            raw = connection.execute(sql.clause, {"feed": feed}).scalar()
            if raw is None:
                raise ValueError(f"feed {feed!r} has no refresh time")
            instants.append(instant(raw))
        return min(instants)

    def _facts(self, family: Family, read: Rows, question: _Question) -> list[Fact]:
        if read.refreshed_at is not None:  # also an empty answer is only as good as its feed
            self._must_be_fresh(family, read.refreshed_at, question)
        if not read.rows:
            raise _NotKnown(family.words[question.language].none)
        facts = []
        for row in read.rows:
            as_of = read.refreshed_at or instant(row[family.as_of])
            self._must_be_fresh(family, as_of, question)
            facts.append(self._fact(family, row, question, as_of=as_of))
        with self._lock:
            self._known_at[family.name] = min(fact.as_of for fact in facts)
        return facts

    def _fact(
        self, family: Family, row: Mapping[str, Any], question: _Question, *, as_of: datetime
    ) -> Fact:
        row = with_days(row, today=question.at.astimezone(self._zone).date())
        lacking = family.columns - row.keys()
        if lacking:
            raise ValueError(f"the query has no column {min(lacking)!r}")
        if not _may(question.role, family.personal_audience):
            hidden = {name: _initials(row[name]) for name in family.personal}
            row = {**row, **hidden}
        key = f":{row[family.key]}" if family.key else ""
        fact_id = f"{family.name}:{question.subject}{key}"
        choice = next(c for c in family.choices if all(row[name] is not None for name in c.when))
        said, values = choice.templates[question.language].render(
            row,
            zone=self._zone,
            origin=f"fact:{fact_id}",
            language=LANGUAGES[question.language],
        )
        return Fact(
            id=fact_id,
            family=family.name,
            subject=question.subject,
            text=said,
            values=values,
            as_of=as_of,
            columns=tuple((key, "" if value is None else str(value)) for key, value in row.items()),
        )

    def _must_be_fresh(self, family: Family, as_of: datetime, question: _Question) -> None:
        age_s = (question.at - as_of).total_seconds()
        if age_s < -AHEAD_S:
            log.warning("facts: %s is dated %.0f s ahead of this clock", family.name, -age_s)
            raise _NotKnown(family.words[question.language].never)
        if age_s > family.stale_after_s:
            raise _NotKnown(self._since(family, as_of, question))

    def _unknown(self, family: Family, error: Exception, question: _Question) -> str:
        log.warning("facts: %s could not be read: %s", family.name, error)
        with self._lock:
            as_of = self._known_at.get(family.name)
        if as_of is None:
            return family.words[question.language].never
        return self._since(family, as_of, question)

    def _since(self, family: Family, as_of: datetime, question: _Question) -> str:
        language = LANGUAGES[question.language]
        on, today = (at.astimezone(self._zone).date() for at in (as_of, question.at))
        time = clock_text(as_of, zone=self._zone)
        if on == today:
            since = language.since_time.format(time=time)
        else:
            since = language.since_day.format(date=language.date_text(on), time=time)
        return family.words[question.language].missing.replace("{since}", since)

    def _check(self) -> None:
        """Have the database prepare every query, and compare its columns with what is printed."""
        try:
            with self.pool.engine.connect() as connection:
                if (feeds := self._families.feeds_sql) is not None:
                    self._columns(connection, "feeds.sql", feeds, {"feed": ""})
                now = datetime.now(UTC)
                binds = {"subject": "", "today": now.date(), "now": now}
                for family in self._families.by_name.values():
                    key = f"family.{family.name}.sql"
                    found = self._columns(connection, key, family.sql, binds)
                    if lacking := family.columns - found - _days_of(found):
                        raise self._families.bad(key, f"gives no column {min(lacking)!r}")
        except SQLAlchemyError as error:
            why = getattr(error, "orig", error)
            log.warning("facts: queries not checked, the database cannot be reached: %s", why)

    def _columns(
        self, connection: Connection, key: str, sql: Statement, binds: Mapping[str, Any]
    ) -> frozenset[str]:
        try:
            return frozenset(connection.execute(sql.probe, sql.only(binds)).keys())
        except SQLAlchemyError as error:
            if not is_refusal(error):
                raise
            reason = str(getattr(error, "orig", error)).splitlines()[0]
            raise self._families.bad(key, f"the database does not take it: {reason}") from error


def with_days(row: Mapping[str, Any], *, today: date) -> Mapping[str, Any]:
    """Return a row with, beside each day `x_on`, `x_days`: how many days ago that was.

    Databases count days each in a way of their own, so no query can. One that lies ahead has none.
    """
    counted: dict[str, Any] = {}
    for name in row:
        if name.endswith(ON) and (day := _day(row[name])) is not None:
            ago = (today - day).days
            counted[f"{name.removesuffix(ON)}{DAYS}"] = ago if ago >= 0 else None
    return {**counted, **row}


def _days_of(columns: frozenset[str]) -> frozenset[str]:
    return frozenset(f"{c.removesuffix(ON)}{DAYS}" for c in columns if c.endswith(ON))


def _day(raw: object) -> date | None:
    if isinstance(raw, str):
        try:
            return date.fromisoformat(raw[:10])
        except ValueError:
            return None
    return raw.date() if isinstance(raw, datetime) else raw if isinstance(raw, date) else None


class _NotKnown(Exception):
    """Words for `Reading.missing`; never leaves this module."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def _fits(family: Family, subject: str) -> bool:
    return len(subject) <= SUBJECT_LENGTH and bool(family.subject.fullmatch(subject))


def _may(role: Role, audience: Role) -> bool:
    return _ROLES.index(role) >= _ROLES.index(audience)


def _initials(name: object) -> str:
    return " ".join(f"{word[0]}." for word in str(name or "").split())
