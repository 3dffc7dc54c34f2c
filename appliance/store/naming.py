"""Names that people give: one line of printable text."""

from __future__ import annotations

from appliance.errors import BadInput


def one_line(text: str, *, what: str, most: int, hint: str) -> str:
    """Return a name with its spaces made single.

    Raises:
        BadInput: It is empty, longer than `most` characters or not printable.
    """
    name = " ".join(text.split())
    if not name or len(name) > most or not name.isprintable():
        raise BadInput(f"{what} has 1 to {most} printable characters.", hint=hint)
    return name
