"""What a hub answers, read: records, streams of lines, and problems as errors of ours."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from appliance.codec import from_plain
from appliance.errors import BadInput, LineDown
from sync.agent.errors import HubFailed, HubRefused

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer whose lines are read as they come."""

    answer: httpx.Response
    passed: Callable[..., None]

    def lines(self, *, most_bytes: int) -> Iterator[str]:
        """Yield its lines.

        Raises:
            LineDown: There are more bytes than that.
        """
        total = 0
        for line in self.answer.iter_lines():
            size = len(line.encode()) + 1
            total += size
            self.passed(down=size)
            if total > most_bytes:
                raise LineDown(f"The hub's answer goes on after {most_bytes:,} bytes.")
            yield line

    def hang_up(self) -> None:
        """Have whoever reads it stop at once; any thread may call it."""
        stream = self.answer.extensions.get("network_stream")
        found = stream.get_extra_info("socket") if stream is not None else None
        if found is not None:
            with suppress(OSError):  # it is closed already
                found.shutdown(socket.SHUT_RDWR)


def read_record(found: bytes, kind: type[T]) -> T:
    """Return the record that an answer is.

    Raises:
        HubFailed: It is none.
    """
    try:
        return from_plain(json.loads(found), kind)
    except (ValueError, RecursionError, BadInput) as exc:
        raise HubFailed(f"The hub's answer is no {kind.__name__}.") from exc


def check_status(answer: httpx.Response, found: bytes) -> None:
    """Make sure that a request was taken.

    Raises:
        HubRefused: It was not, and to send it again is of no use.
        HubFailed: It was not; later it may be.
    """
    if answer.is_success:
        return
    status = answer.status_code
    try:
        plain = json.loads(found)
    except (ValueError, RecursionError):
        plain = None
    problem: dict[str, Any] = plain if isinstance(plain, dict) else {}
    told = str(problem.get("detail") or answer.reason_phrase)[:200]
    hint = str(problem.get("hint", ""))[:200]
    if 400 <= status < 500 and status not in {408, 429}:
        raise HubRefused(f"{status}: {told}", status=status, problem=problem, hint=hint)
    raise HubFailed(
        f"The hub answers {status}: {told}",
        status=status,
        retry_after_s=_seconds(answer.headers.get("retry-after", "")),
        hint=hint,
    )


def _seconds(text: str) -> float:
    try:
        return min(3600.0, max(0.0, float(text)))
    except ValueError:
        return 0.0
