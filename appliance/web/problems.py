"""Errors as problem documents (RFC 9457): a stable code, what was found, and the next move."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from appliance.errors import (
    BackroomError,
    BadInput,
    EngineBusy,
    FactsUnavailable,
    LineDown,
    StoreError,
)

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger("backroom.web")


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong with one request."""

    status: int
    code: str
    detail: str
    hint: str = ""
    retry_after_s: int = 0  # 0: not said

    def plain(self) -> dict[str, Any]:
        """Return the document's members."""
        return {
            "type": f"urn:backroom:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "hint": self.hint,
            **({"retry_after_s": self.retry_after_s} if self.retry_after_s else {}),
        }

    def response(self) -> Response[bytes]:
        """Return the document as a response."""
        headers = {"Retry-After": str(self.retry_after_s)} if self.retry_after_s else {}
        return Response(
            msgspec.json.encode(self.plain()),
            status_code=self.status,
            media_type=MEDIA_TYPE,
            headers=headers,
        )


class Refused(Exception):
    """Carries a problem from where it is found to the door."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def problem_of(error: BaseException) -> Problem:
    """Return the problem an error is to the person who asked; what nobody foresaw is logged."""
    match error:
        case Refused():
            return error.problem
        case HTTPException():
            return _http_problem(error)
        case BackroomError():
            return _known_problem(error)
    log.error("A request failed: %s", type(error).__name__, exc_info=error)
    detail = f"The store's server has a bug: {type(error).__name__}."
    return Problem(500, "bug", detail, "Its log has the details. Please report it.")


def answer_problem(_request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer an exception with its problem (Litestar's exception handler)."""
    return problem_of(error).response()


def _known_problem(error: BackroomError) -> Problem:
    if isinstance(error, BadInput):
        return Problem(400, error.code, error.message, error.hint)
    if isinstance(error, EngineBusy):
        wait_s = max(1, math.ceil(error.retry_after_s))
        return Problem(503, error.code, error.message, error.hint, retry_after_s=wait_s)
    log.error("%s: %s", error.code, error)
    is_passing = isinstance(error, StoreError | LineDown | FactsUnavailable)
    return Problem(503 if is_passing else 500, error.code, error.message, error.hint)


def _http_problem(error: HTTPException) -> Problem:
    status = HTTPStatus(error.status_code)
    hints = {
        404: "The server answers /, /health, /v1/ask and /v1/passages/{id}.",
        405: "Asks are sent with POST, everything else with GET.",
        413: "Send the question alone.",
    }
    code = status.phrase.lower().replace(" ", "_").replace("-", "_")
    return Problem(status.value, code, f"{status.phrase}.", hints.get(status.value, ""))
