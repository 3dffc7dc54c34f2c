"""Sentences with typed holes: ``"{name} is {price:money}."`` and a row give text and its values.

A hole is ``{column}``, ``{column:type}`` or ``{column:type.unit}``. A typed hole's value is what
the type says; what else in the sentence reads as a value (the "55 in" of a product's name) is found
the way governance finds it, so that no number in a fact is without a type. Amounts and units are
those of `values.find_values`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, tzinfo
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from string import Formatter
from typing import Any

from appliance.records import Value, ValueKind
from appliance.store.languages import ENGLISH, Language
from appliance.values import find_values

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Printed:
    """One hole, filled: its text and, unless it is plain text, what it is worth."""

    text: str
    kind: ValueKind | None = None
    amount: Decimal | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Locale:
    """Where and in which language a value is printed."""

    zone: tzinfo
    language: Language = ENGLISH


@dataclass(frozen=True, slots=True)
class Hole:
    """A column to print, as what, and in which unit."""

    column: str
    type: str
    unit: str


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence: literal text and holes in turn."""

    parts: tuple[str | Hole, ...]

    @property
    def columns(self) -> frozenset[str]:
        """The columns the sentence prints."""
        return frozenset(part.column for part in self.parts if isinstance(part, Hole))

    def render(
        self, row: Mapping[str, Any], *, zone: tzinfo, origin: str, language: Language = ENGLISH
    ) -> tuple[str, tuple[Value, ...]]:
        """Return the sentence and its values in reading order.

        Args:
            row: What the query gave, by column.
            zone: Times are printed in.
            origin: Of the values.
            language: Dates and spans of time are printed in.

        Raises:
            ValueError: A column is missing, NULL, or not of its type.
        """
        locale = Locale(zone, language)
        text, values = "", []
        for part in self.parts:
            if isinstance(part, str):
                text += part
                continue
            printed = _print(part, row.get(part.column), locale)
            start, text = len(text), text + printed.text
            if printed.kind is not None:
                values.append(
                    Value(
                        kind=printed.kind,
                        text=printed.text,
                        amount=printed.amount,
                        unit=printed.unit,
                        start=start,
                        end=len(text),
                        origin=origin,
                    )
                )
        covered = [(value.start, value.end) for value in values]
        values += [
            replace(value, origin=origin)
            for value in find_values(text)
            if not any(value.start < end and start < value.end for start, end in covered)
        ]
        return text, tuple(sorted(values, key=lambda value: value.start))


def parse_template(text: str) -> Template:
    """Return the template.

    Raises:
        ValueError: The braces do not match, or a hole names an unknown type.
    """
    parts: list[str | Hole] = []
    try:
        pieces = list(Formatter().parse(text))
    except ValueError as error:
        raise ValueError(f"expected each {{ to have its }}, found {text!r}") from error
    for literal, column, spec, conversion in pieces:
        if literal:
            parts.append(literal)
        if column is None:
            continue
        kind, _, unit = (spec or "text").partition(".")
        if not column.isidentifier() or conversion:
            raise ValueError(f"{{{column}}} is not a column name")
        if kind not in TYPES:
            raise ValueError(f"unknown type {kind!r} (known: {', '.join(sorted(TYPES))})")
        parts.append(Hole(column, kind, unit))
    return Template(tuple(parts))


def instant(raw: object) -> datetime:
    """Return an aware UTC instant from what a driver gave; a naive one is UTC already.

    Raises:
        ValueError: It is no instant.
    """
    if isinstance(raw, str):
        raw = datetime.fromisoformat(raw)
    if not isinstance(raw, datetime):
        raise ValueError(f"{type(raw).__name__} is not an instant")
    return raw.replace(tzinfo=UTC) if raw.tzinfo is None else raw.astimezone(UTC)


def clock_text(at: datetime, *, zone: tzinfo) -> str:
    """Return the time of day as printed in the store, e.g. ``9:05``."""
    local = at.astimezone(zone)
    return f"{local.hour}:{local.minute:02d}"


def _print(hole: Hole, raw: Any, locale: Locale) -> Printed:
    if raw is None:
        raise ValueError(f"column {hole.column!r} is missing or NULL")
    try:
        return TYPES[hole.type](raw, hole.unit, locale)
    except (ValueError, TypeError, InvalidOperation) as error:
        raise ValueError(f"column {hole.column!r} is not of type {hole.type}") from error


def _number(raw: Any) -> Decimal:
    number = Decimal(str(raw).strip())
    if not number.is_finite():
        raise ValueError("not a finite number")
    return number


def _plain(number: Decimal) -> str:
    whole = number == number.to_integral_value()
    return f"{int(number):,}" if whole else f"{number.normalize():,f}"


def _text(raw: Any, _unit: str, _locale: Locale) -> Printed:
    return Printed(" ".join(str(raw).split()))


def _money(raw: Any, _unit: str, _locale: Locale) -> Printed:
    amount = _number(raw).quantize(CENT, ROUND_HALF_UP)
    sign = "-" if amount < 0 else ""
    return Printed(f"{sign}${abs(amount):,.2f}", ValueKind.MONEY, amount, "USD")


def _percent(raw: Any, _unit: str, _locale: Locale) -> Printed:
    amount = _number(raw)
    return Printed(f"{_plain(amount)}%", ValueKind.PERCENT, amount, "percent")


def _duration(raw: Any, unit: str, locale: Locale) -> Printed:
    amount, unit = _number(raw), unit or "day"
    text = f"{_plain(amount)} {locale.language.unit_text(unit, is_one=amount == 1)}"
    return Printed(text, ValueKind.DURATION, amount, unit)


def _date(raw: Any, _unit: str, locale: Locale) -> Printed:
    if isinstance(raw, str):
        raw = date.fromisoformat(raw) if len(raw) == 10 else instant(raw)
    if isinstance(raw, datetime):
        raw = instant(raw).astimezone(locale.zone).date()
    if not isinstance(raw, date):
        raise ValueError("not a date")
    text = locale.language.date_text(raw)
    return Printed(text, ValueKind.DATE, Decimal(f"{raw:%Y%m%d}"), "date")


def _time(raw: Any, _unit: str, locale: Locale) -> Printed:
    if isinstance(raw, time):
        text, minutes = f"{raw.hour}:{raw.minute:02d}", raw.hour * 60 + raw.minute
    else:
        local = instant(raw).astimezone(locale.zone)
        text, minutes = clock_text(local, zone=locale.zone), local.hour * 60 + local.minute
    return Printed(text, ValueKind.TIME, Decimal(minutes), "minute of day")


def _count(raw: Any, unit: str, _locale: Locale) -> Printed:
    amount = _number(raw)
    if amount != amount.to_integral_value():
        raise ValueError("not a whole number")
    return Printed(_plain(amount), ValueKind.COUNT, amount, unit)


def _age(raw: Any, _unit: str, _locale: Locale) -> Printed:
    amount = _number(raw)
    return Printed(_plain(amount), ValueKind.AGE, amount, "year")


def _size(raw: Any, unit: str, locale: Locale) -> Printed:
    printed = f"{_plain(_number(raw))} {unit}".strip()
    found = _measure(printed, "", locale)
    return found if found.kind else Printed(printed, ValueKind.SIZE, _number(raw), unit)


def _measure(raw: Any, _unit: str, locale: Locale) -> Printed:
    """Print a text that may be a measure, `30 hours` or `1,800 W`; anything else is plain text."""
    plain = _text(raw, "", locale)
    whole = (v for v in find_values(plain.text) if (v.start, v.end) == (0, len(plain.text)))
    found = next(whole, None)
    return Printed(plain.text, found.kind, found.amount, found.unit) if found else plain


def _identifier(kind: ValueKind) -> Callable[[Any, str, Locale], Printed]:
    def show(raw: Any, _unit: str, _locale: Locale) -> Printed:
        return Printed(str(raw).strip(), kind)

    return show


TYPES: Mapping[str, Callable[[Any, str, Locale], Printed]] = {
    "text": _text,
    "money": _money,
    "percent": _percent,
    "duration": _duration,
    "date": _date,
    "time": _time,
    "count": _count,
    "age": _age,
    "size": _size,
    "measure": _measure,
    "sku": _identifier(ValueKind.SKU),
    "ean": _identifier(ValueKind.EAN),
    "aisle": _identifier(ValueKind.AISLE),
    "order": _identifier(ValueKind.ORDER),
}
