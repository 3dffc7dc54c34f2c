"""Answers as JSON."""

from __future__ import annotations

import msgspec
from litestar import MediaType, Response


def answer_json(plain: object, *, status: int = 200) -> Response[bytes]:
    """Return a shape, or plain values, as a response."""
    return Response(msgspec.json.encode(plain), status_code=status, media_type=MediaType.JSON)
