"""Every error that leaves Backroom's code, as one tree.

* BackroomError
  x BadInput            what the caller gave cannot be used (a file, an option, an ask)
    + NoSuchThread      … a conversation that is not there, or is somebody else's
    + WrongCode         … a pairing code that pairs nothing
    + WrongPin          … a badge and PIN that do not go together
  x LockedOut           too many wrong PINs; try again after `retry_after_s`
  x DamagedRelease      a part of a release is missing, cut short or foreign
    + DamagedIndex      … the search index is
  x BadRules            a policy file does not parse or does not fit its schema
  x EngineError         a model runtime broke its promise
    + EngineBusy        its queue is full; try again after `retry_after_s`
  x StoreError          the store's own database could not be read or written
    + JournalBroken     the journal's hash chain does not verify
  x FactsUnavailable    a live database did not answer in time
  x LineDown            the line to headquarters is absent or not configured
    + LineResting       … it was not tried: its breaker is open, or its queue is full

An expected outcome (a refusal, an empty shelf, a hand-over) is a record, never one of these.
"""

from __future__ import annotations


class BackroomError(Exception):
    """A broken promise, with facts and the next move.

    Attributes:
        code: Stable machine name, for logs and problem documents.
        hint: The next command to run or thing to do; may be empty.
    """

    code = "backroom_error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class BadInput(BackroomError):
    """What the caller gave cannot be used."""

    code = "bad_input"


class NoSuchThread(BadInput):
    """A conversation that is not there, or is somebody else's: which of the two is not told."""

    code = "no_such_thread"


class WrongCode(BadInput):
    """A pairing code that was never given, is used up or has expired."""

    code = "wrong_code"


class WrongPin(BadInput):
    """A badge and a PIN that do not go together; which of them is wrong is not told."""

    code = "wrong_pin"


class LockedOut(BackroomError):
    """Too many wrong PINs for one badge.

    Attributes:
        retry_after_s: Seconds until a PIN is looked at again.
    """

    code = "locked_out"

    def __init__(self, message: str, *, retry_after_s: float, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class DamagedRelease(BackroomError):
    """A part of a release is missing, cut short or foreign."""

    code = "damaged_release"


class DamagedIndex(DamagedRelease):
    """The search index is missing, cut short or foreign."""

    code = "damaged_index"


class BadRules(BackroomError):
    """A policy file does not parse or does not fit its schema."""

    code = "bad_rules"


class EngineError(BackroomError):
    """A model runtime broke its promise."""

    code = "engine_error"


class EngineBusy(EngineError):
    """The engine's queue is full.

    Attributes:
        retry_after_s: Seconds after which a place is likely to be free.
    """

    code = "engine_busy"

    def __init__(self, message: str, *, retry_after_s: float = 1.0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class StoreError(BackroomError):
    """The store's own database could not be read or written."""

    code = "store_error"


class JournalBroken(StoreError):
    """The journal's hash chain does not verify."""

    code = "journal_broken"


class FactsUnavailable(BackroomError):
    """A live database did not answer in time."""

    code = "facts_unavailable"


class LineDown(BackroomError):
    """The line to headquarters is absent or not configured."""

    code = "line_down"


class LineResting(LineDown):
    """The line was not tried, for it is known to be down or full: that says nothing of an ask."""

    code = "line_resting"
