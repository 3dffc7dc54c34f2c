"""Names of what lies in a repository and a release; one that could leave its folder is none."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sync.errors import Untrusted
from sync.trust.roles import CONTENT, INDEXES, MODELS, POLICY, RELEASES, RINGS

MOST_NAME = 120  # characters of an id, a ring or a part's file name
MOST_PARTS = 2_000  # files of one release
MOST_DEPTH = 6  # folders of a part's path

# One folder or file name: begins with a letter or digit, so neither hidden nor `..` nor an option.
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._+-]{{0,{MOST_NAME - 1}}}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_RESERVED = frozenset({"manifest.json", "verified.json"})

_MODELS = frozenset(
    {"specialist", "adapters", "embedder", "router", "ranker", "injection", "answerability"}
)
_INDEXES = frozenset({"index.db", "known", "cards"})


def is_name(text: str) -> bool:
    """Tell whether a text may be an id, a ring or one name of a path."""
    return _NAME.fullmatch(text) is not None and not text.endswith(".")


def check_name(text: str, *, what: str) -> str:
    """Return a release's id or a ring's name if it may be one.

    Raises:
        Untrusted: It may not: a separator, a dot first, too long, or not of letters and digits.
    """
    if not is_name(text):
        raise Untrusted(
            f"{what} {text[:MOST_NAME]!r} is no name: expected letters, digits, . _ + -, at most"
            f" {MOST_NAME}, beginning with a letter or digit.",
            hint="Give it a plain name and sign it again.",
        )
    return text


def check_digest(text: str) -> str:
    """Return a sha256 written in hex.

    Raises:
        Untrusted: It is none.
    """
    if _DIGEST.fullmatch(text) is None:
        raise Untrusted(f"Expected a sha256 in 64 hex digits, found {text[:80]!r}.")
    return text


def check_parts(paths: Iterable[str], *, release: str) -> None:
    """Check the paths of a release's parts: each stays inside the folder, none hides another.

    Raises:
        Untrusted: A path is absolute, climbs out, is hidden, or collides where case is ignored.
    """
    seen: set[str] = set()
    for path in paths:
        names = path.split("/")
        folded = path.casefold()
        if (
            len(names) > MOST_DEPTH
            or not all(is_name(name) for name in names)
            or folded in _RESERVED
            or folded in seen
        ):
            raise Untrusted(
                f"Release {release}: a part may not be called {path[:200]!r}.",
                hint="The release was made wrong; take no part of it.",
            )
        seen.add(folded)
    if len(seen) > MOST_PARTS:
        raise Untrusted(f"Release {release}: {len(seen):,} parts, at most {MOST_PARTS:,}.")


def collection_of(part: str) -> str:
    """Return the role that signs a part: models, indexes, or policy for the rest."""
    first = part.split("/", 1)[0]
    if first in _MODELS:
        return MODELS
    return INDEXES if first in _INDEXES else POLICY


def part_target(part: str, sha256: str) -> str:
    """Return a part's path in the repository, which its content decides."""
    return f"{collection_of(part)}/{check_digest(sha256)}/{part.rsplit('/', 1)[-1]}"


def delta_target(part: str, *, new: str, old: str) -> str:
    """Return the path of what turns the part of digest `old` into that of `new`."""
    return f"{collection_of(part)}/{check_digest(new)}/from-{check_digest(old)}.zst"


def is_delta_target(path: str, *, new: str) -> bool:
    """Tell whether a path may be a delta that makes the file of digest `new`."""
    names = path.split("/")
    return (
        len(names) == 3
        and names[0] in CONTENT
        and names[1] == new
        and re.fullmatch(r"from-[0-9a-f]{64}\.zst", names[2]) is not None
    )


def release_target(release: str) -> str:
    """Return the path of a release's manifest."""
    return f"{RELEASES}/{check_name(release, what='Release')}.json"


def ring_target(ring: str) -> str:
    """Return the path of a ring's pointer."""
    return f"{RINGS}/{check_name(ring, what='Ring')}.json"


def back_target(ring: str, release: str) -> str:
    """Return the path of the release manager's word that a ring may go back to a release."""
    return (
        f"{RELEASES}/back/{check_name(ring, what='Ring')}"
        f"-{check_name(release, what='Release')}.json"
    )


def stored_name(path: str, sha256: str) -> str:
    """Return where a target's file lies under `targets/`: its digest before its name (TUF)."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{sha256}.{name}"
