"""Errors of the line, as a branch of Backroom's tree: whose fault it is decides what to do next.

* BackroomError
  x BadKey              a signing key is missing, foreign, or its passphrase is wrong
  x BadRepository       a repository folder cannot be written or read as one
    + NothingStaged     … nothing was signed since the last publish
  x Untrusted           what a repository holds does not verify: wrong key, older, mixed, too long
    + StaleMetadata     … it is past its date; new installs stop, a store goes on answering
    + NotPublished      … it names no such ring, release or file
    + PointerRefused    … a ring's pointer asks for what it may not
  x NeedsFullDownload   a part has no delta from here, and a full download is not allowed now
  x CannotWrite         this machine's disk is full or refuses
  x LineDown            (appliance) the wire failed
    + FetchFailed       … a download was cut, refused or too slow; what came is kept
      . SlowRetrieval   … fewer bytes a second than the least
"""

from __future__ import annotations

from appliance.errors import BackroomError, LineDown


class BadKey(BackroomError):
    """A signing key is missing, foreign, or its passphrase is wrong."""

    code = "bad_key"


class BadRepository(BackroomError):
    """A repository folder cannot be written, or read as one."""

    code = "bad_repository"


class NothingStaged(BadRepository):
    """Nothing was signed since the last publish."""

    code = "nothing_staged"


class Untrusted(BackroomError):
    """What a repository holds does not verify."""

    code = "untrusted"


class StaleMetadata(Untrusted):
    """A role is past its date: nothing new is installed, and the store goes on answering."""

    code = "stale_metadata"


class NotPublished(Untrusted):
    """The repository's signed metadata names no such ring, release or file."""

    code = "not_published"


class PointerRefused(Untrusted):
    """A ring's pointer is signed, and asks for what it may not."""

    code = "pointer_refused"


class NeedsFullDownload(BackroomError):
    """A part has no delta from what this store holds, and a full download is not allowed now."""

    code = "needs_full_download"


class CannotWrite(BackroomError):
    """This machine's disk is full or refuses."""

    code = "cannot_write"


class FetchFailed(LineDown):
    """A download was cut, refused or never began; what came of it is kept for the next try.

    Attributes:
        status: HTTP's, where the other side answered and refused; else 0.
    """

    code = "fetch_failed"

    def __init__(self, message: str, *, status: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class SlowRetrieval(FetchFailed):
    """Bytes came more slowly than the least that is waited for."""

    code = "slow_retrieval"
