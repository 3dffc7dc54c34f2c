"""The languages a fact is said in: its dates and spans of time, and what is said when it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from appliance.records import Role


@dataclass(frozen=True, slots=True)
class Language:
    """What the store's own words are in one language; holes in braces are filled by `format`."""

    months: tuple[str, ...]  # January first
    day: str  # {month} {day} {year}
    units: Mapping[str, tuple[str, str]]  # of time: one, many; as in `value_patterns.DURATIONS`
    since_time: str  # {time}: earlier today
    since_day: str  # {date} {time}: on another day
    not_since: str  # {label} and {{since}}, left for later
    not_known: str  # {label}
    no_record: str  # {label}
    not_kept: str  # {name}: a family the store does not have
    not_yours: Mapping[Role, str]  # {label}, by the lowest role that may read

    def date_text(self, on: date) -> str:
        """Return a date as printed in the store, e.g. ``Nov 24, 2026``."""
        return self.day.format(month=self.months[on.month - 1], day=on.day, year=on.year)

    def unit_text(self, unit: str, *, is_one: bool) -> str:
        """Return a unit of time for one or many; an unknown one as English makes it."""
        one, many = self.units.get(unit, (unit, f"{unit}s"))
        return one if is_one else many


ENGLISH = Language(
    months=("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    day="{month} {day}, {year}",
    units={},
    since_time="{time}",
    since_day="{date}, {time}",
    not_since="{label}: not known since {{since}}",
    not_known="{label}: not known",
    no_record="{label}: no such record",
    not_kept="{name}: not kept by this store",
    not_yours={role: f"{{label}}: for {role.value}s only" for role in Role},
)
SPANISH = Language(
    months=(
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ),
    day="{day} de {month} de {year}",
    units={
        "second": ("segundo", "segundos"),
        "minute": ("minuto", "minutos"),
        "hour": ("hora", "horas"),
        "day": ("día", "días"),
        "week": ("semana", "semanas"),
        "month": ("mes", "meses"),
        "year": ("año", "años"),
    },
    since_time="las {time}",
    since_day="el {date} a las {time}",
    not_since="{label}: no se sabe desde {{since}}",
    not_known="{label}: no se sabe",
    no_record="{label}: no existe ese registro",
    not_kept="{name}: esta tienda no lo lleva",
    not_yours={
        Role.ASSOCIATE: "{label}: solo para asociados",
        Role.LEAD: "{label}: solo para líderes",
        Role.MANAGER: "{label}: solo para gerentes",
    },
)
# The keys of `facts.toml` end in the code of their language, English ones in nothing.
SUFFIXES: Mapping[str, str] = {"en": "", "es": "_es"}
LANGUAGES: Mapping[str, Language] = {"en": ENGLISH, "es": SPANISH}


def spoken(code: str) -> str:
    """Return the code of the language to answer in: English for one we do not speak."""
    return code if code in LANGUAGES else "en"
