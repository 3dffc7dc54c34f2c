"""Requests' bodies: JSON of a stated shape, or a problem that says what was found instead."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from appliance.web.problems import Problem, Refused

T = TypeVar("T")


def read_body(body: bytes, kind: type[T], *, code: str, hint: str) -> T:
    """Return a body as `kind`; `code` and `hint` tell what one of this kind is.

    Raises:
        Refused: 400 when it is not UTF-8, not JSON or not of this kind. None of its values is told.
    """
    try:
        return msgspec.json.decode(body.decode("utf-8"), type=kind)
    except UnicodeError as exc:
        raise Refused(
            Problem(400, "not_utf8", "The body is not whole UTF-8 text.", "Send JSON as UTF-8.")
        ) from exc
    except msgspec.ValidationError as exc:
        raise Refused(Problem(400, code, f"{exc}.", hint)) from exc
    except (msgspec.DecodeError, RecursionError) as exc:
        detail = f"The body is not JSON: {exc}."
        raise Refused(Problem(400, "not_json", detail, hint)) from exc
