"""One reading SQL statement with typed binds, checked before any database sees it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.types import TypeEngine

# A second barrier only: the connection itself is read-only where the database knows how.
_WRITES = re.compile(
    r"\b(insert|update|delete|merge|drop|alter|create|truncate|grant|attach|pragma|copy|call|into)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Statement:
    """A query whose binds have types, so that every driver gets a date as its own kind of date."""

    clause: TextClause
    probe: TextClause  # the same query made to give no row: the database prepares it, all the same
    binds: frozenset[str]

    def only(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return those of the values that the query binds."""
        return {name: value for name, value in values.items() if name in self.binds}


def parse_statement(sql: str, *, binds: Mapping[str, TypeEngine[Any]], must: str) -> Statement:
    """Return the statement.

    Args:
        sql: The query.
        binds: Every bind that it may have, with its type.
        must: A bind that it has to have.

    Raises:
        ValueError: It is not one SELECT, or has another bind, or lacks the one it must have.
    """
    bare = _QUOTED.sub(" ", sql).strip().rstrip(";").strip()
    if not re.match(r"(select|with)\b", bare, re.IGNORECASE) or ";" in bare:
        raise ValueError("must be one SELECT statement")
    if word := _WRITES.search(bare):
        raise ValueError(f"a query may only read, and this one says {word[0].upper()}")
    body = sql.strip().rstrip(";")
    named = frozenset(text(body).compile().params)
    if unknown := named - binds.keys():
        known = ", ".join(f":{bind}" for bind in sorted(binds))
        raise ValueError(f"unknown bind :{min(unknown)} (known: {known})")
    if must not in named:
        raise ValueError(f"the bind :{must} is missing")
    typed = [bindparam(name, type_=binds[name]) for name in sorted(named)]
    return Statement(
        clause=text(body).bindparams(*typed),
        probe=text(f"SELECT * FROM (\n{body}\n) AS q WHERE 1 = 0").bindparams(*typed),
        binds=named,
    )
