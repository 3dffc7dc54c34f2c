"""The few kinds of HTML the report is made of; text that came from a run is always escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

LACKING = "–"


class Raw(str):
    """HTML made here, not text that came from a run."""

    __slots__ = ()


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a heading that starts with # is of numbers."""
    kinds = [' class="n"' if h.startswith("#") else "" for h in head]
    top = "".join(
        f"<th{k}>{html.escape(h.lstrip('#'))}</th>" for h, k in zip(head, kinds, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{k}>{_cell(c)}</td>" for c, k in zip(row, kinds, strict=True))
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><tr>{top}</tr>{body}</table></div>'


def _cell(text: str) -> str:
    return text if isinstance(text, Raw) else html.escape(text)


def percent(share: float | None) -> str:
    """Return a share as a percentage."""
    return LACKING if share is None else f"{share:.1%}"


def number(value: float | None, digits: int) -> str:
    """Return a number, rounded."""
    return LACKING if value is None else f"{value:.{digits}f}"


def duration(seconds: float) -> str:
    """Return seconds as a person reads them."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
