"""python-tuf's errors in our words."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from tuf.api import exceptions

from sync.errors import CannotWrite, FetchFailed, SlowRetrieval, StaleMetadata, Untrusted

STALE_HINT = "Headquarters must sign again: backroom release refresh. The store goes on answering."


@contextmanager
def translated() -> Generator[None, None, None]:
    """Tell python-tuf's errors in our words.

    Raises:
        StaleMetadata, Untrusted, FetchFailed, SlowRetrieval, CannotWrite: Instead of them.
    """
    try:
        yield
    except exceptions.ExpiredMetadataError as exc:
        raise StaleMetadata(
            f"The repository's metadata is past its date: {exc}.", hint=STALE_HINT
        ) from exc
    except exceptions.DownloadLengthMismatchError as exc:
        raise Untrusted(f"The repository sends more than it may: {exc}.") from exc
    except exceptions.RepositoryError as exc:
        raise Untrusted(f"The repository does not verify: {exc}.") from exc
    except exceptions.SlowRetrievalError as exc:
        raise SlowRetrieval(str(exc), hint="Is the line up?") from exc
    except exceptions.DownloadHTTPError as exc:
        raise FetchFailed(str(exc), status=exc.status_code) from exc
    except exceptions.DownloadError as exc:
        raise FetchFailed(str(exc), hint="Is the line up?") from exc
    except (ValueError, KeyError, TypeError) as exc:
        # What python-tuf trips over instead of refusing it; an agent must not fall with it.
        raise Untrusted(f"The repository's metadata makes no sense: {exc}.") from exc
    except OSError as exc:
        raise CannotWrite(f"Trusted metadata cannot be kept: {exc.strerror or exc}.") from exc
