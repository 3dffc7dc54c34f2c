"""Taking away what no metadata names any more, after a time in which a slow store can finish."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from tuf.api.metadata import Metadata, Targets

from sync.publish.published import PublishedState
from sync.trust.roles import ROOT, TIMESTAMP

GRACE_DAYS = 14.0  # a download over a bad line may take days, and goes on from where it was
_VERSIONED = re.compile(r"(\d+)\.([a-z]+)\.json")


def sweep(state: PublishedState, *, grace_days: float = GRACE_DAYS) -> tuple[int, int]:
    """Delete targets and metadata that nothing names and that are older than `grace_days`.

    Returns:
        Files and bytes that are gone. Roots are never taken: an old client walks through each.
    """
    with state.locked():
        view = state.view()
        staged = [
            Metadata[Targets].from_bytes(content).signed
            for content in state.disk.staged_roles().values()
        ]
        named = {
            state.disk.file(target.path, target.hashes["sha256"])
            for role in (*(md.signed for md in view.roles.values()), *staged)
            for target in role.targets.values()
        }
        before = (state.clock.now() - timedelta(days=grace_days)).timestamp()
        versions = view.versions()
        old = [p for p in state.disk.files.rglob("*") if p.is_file() and p not in named]
        old += [p for p in state.disk.metadata.glob("*.json") if _is_past(p, versions)]
        return _unlink(old, before=before)


def _is_past(path: Path, versions: dict[str, int]) -> bool:
    match = _VERSIONED.fullmatch(path.name)
    if match is None or match[2] in {ROOT, TIMESTAMP}:
        return False
    return int(match[1]) < versions.get(match[2], 0)


def _unlink(paths: list[Path], *, before: float) -> tuple[int, int]:
    files, size = 0, 0
    for path in paths:
        stat = path.stat()
        if stat.st_mtime >= before:
            continue
        path.unlink(missing_ok=True)
        files, size = files + 1, size + stat.st_size
        with suppress(OSError):  # other files are in it
            path.parent.rmdir()
    return files, size
