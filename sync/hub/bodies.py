"""Requests' bodies at the hub: records of the line, or a problem that says what was found."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from litestar import Request, Response

from appliance.web.bodies import read_body

T = TypeVar("T")
MOST_BYTES = 64 * 1024  # of any body but a batch's piece and a chat request
MOST_COUNT = 2**53  # what JSON's readers count to exactly
JSON = "application/json"


async def read_record(request: Request[Any, Any, Any], kind: type[T]) -> T:
    """Return the record a request carries.

    Raises:
        Refused: 400, it is no such record; 413, it is too long.
    """
    hint = f"Send a {kind.__name__} of sync.wire as JSON."
    return read_body(await request.body(), kind, code="bad_record", hint=hint)


def answered(record: object, *, status: int = 200) -> Response[bytes]:
    """Return a record as a response."""
    headers = {"cache-control": "no-store"}
    body = msgspec.json.encode(record)
    return Response(body, status_code=status, media_type=JSON, headers=headers)


def words(text: str, most: int) -> str:
    """Return a text cut to what its column holds; PostgreSQL's texts hold no NUL."""
    return text.replace("\x00", "")[:most]


def count(value: object) -> int:
    """Return a number that a store counted, within what a column holds; 0 for what is none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return max(0, min(MOST_COUNT, int(value))) if is_number else 0  # type: ignore[call-overload]
