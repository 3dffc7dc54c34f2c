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
    LockedOut,
    NoSuchThread,
    StoreError,
    WrongCode,
    WrongPin,
)

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger("backroom.web")


class ProblemBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """A problem document (RFC 9457): go by `code`, show `detail` and `hint`."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str
    retry_after_s: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong with one request."""

    status: int
    code: str
    detail: str
    hint: str = ""
    retry_after_s: int = 0  # 0: not said
    allow: str = ""  # methods, of a 405
    param: str = ""  # the member that is wrong, for OpenAI's clients

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
        return Response(
            msgspec.json.encode(self.plain()),
            status_code=self.status,
            media_type=MEDIA_TYPE,
            headers=self.headers(),
        )

    def headers(self) -> dict[str, str]:
        """Return the headers that go with the document."""
        headers = {}
        if self.retry_after_s:
            headers["Retry-After"] = str(self.retry_after_s)
        if self.allow:
            headers["Allow"] = self.allow
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = 'Bearer realm="backroom"'  # RFC 9110, 11.6.1
        return headers


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
        kinds = ((NoSuchThread, 404), (WrongCode, 403), (WrongPin, 403))
        status = next((status for kind, status in kinds if isinstance(error, kind)), 400)
        return Problem(status, error.code, error.message, error.hint)
    if isinstance(error, EngineBusy | LockedOut):
        wait_s = max(1, math.ceil(error.retry_after_s))
        status = 503 if isinstance(error, EngineBusy) else 429
        return Problem(status, error.code, error.message, error.hint, retry_after_s=wait_s)
    log.error("%s: %s", error.code, error)
    is_passing = isinstance(error, StoreError | LineDown | FactsUnavailable)
    return Problem(503 if is_passing else 500, error.code, error.message, error.hint)


def _http_problem(error: HTTPException) -> Problem:
    status = HTTPStatus(error.status_code)
    hints = {
        404: "What the server answers is listed at /openapi.json.",
        405: "What the server answers is listed at /openapi.json.",
        413: "Send the question alone.",
    }
    code = status.phrase.lower().replace(" ", "_").replace("-", "_")
    allow = (error.headers or {}).get("allow", "")
    hint = hints.get(status.value, "")
    return Problem(status.value, code, f"{status.phrase}.", hint, allow=allow)
