"""The hub's errors as problem documents, in the shape the store's own server uses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException

from appliance.web.problems import Problem, Refused, problem_of
from sync.hub.errors import LedgerError, LedgerFull

WAIT_S = 30  # told to a store whose hub cannot write; it keeps what it has


@dataclass(frozen=True, slots=True)
class SkewProblem(Problem):
    """A clock that is off, and what it should show."""

    now: str = ""

    def plain(self) -> dict[str, Any]:
        """Return the document's members, `now` among them."""
        # Not super(): a slotted dataclass is a new class, which the zero-argument form misses.
        return {**Problem.plain(self), "now": self.now}


def answer_problem(_request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer an exception with its problem (Litestar's exception handler)."""
    return hub_problem(error).response()


def hub_problem(error: BaseException) -> Problem:
    """Return the problem an error is to the store that asked; none shows another store's data."""
    if isinstance(error, LedgerError):
        # What the database said is for the log: a store learns only that nothing was taken.
        status = 507 if isinstance(error, LedgerFull) else 503
        problem_of(error)  # logs it
        detail = "The hub cannot write now; nothing was taken."
        return Problem(status, error.code, detail, "Try again later.", retry_after_s=WAIT_S)
    problem = problem_of(error)
    if problem.code == "bug":
        return Problem(500, "bug", "The hub has a bug.", "Its log has the details.")
    return replace(problem, hint="") if isinstance(error, HTTPException) else problem


def refused(status: int, code: str, detail: str, hint: str = "", *, wait_s: float = 0) -> Refused:
    """Return a problem ready to be raised."""
    return Refused(Problem(status, code, detail, hint, retry_after_s=int(wait_s + 0.999)))
