"""Records to plain JSON values and back."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from appliance.errors import BadInput

T = TypeVar("T")


def to_plain(record: object) -> Any:
    """Return dicts, lists, strings and numbers; instants as ISO 8601, amounts as strings."""
    return msgspec.to_builtins(record)


def from_plain(plain: object, kind: type[T]) -> T:
    """Return the record written as `plain`.

    Raises:
        BadInput: A field is missing or has the wrong type.
    """
    try:
        return msgspec.convert(plain, kind, strict=False)
    except msgspec.ValidationError as exc:
        raise BadInput(f"Not a {kind.__name__}: {exc}.") from exc
