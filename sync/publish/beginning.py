"""The first version of every role, signed: what a new repository begins with."""

from __future__ import annotations

from datetime import datetime

from tuf.api.metadata import Snapshot, Targets, Timestamp

from sync.publish.keys import KeyFolder
from sync.publish.signing import end_of, first_root, first_targets, meta_of, signed_bytes
from sync.trust.roles import DELEGATED, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, key_names

FIRST_ROOT = f"1.{ROOT}.json"


def first_files(keys: KeyFolder, now: datetime) -> dict[str, bytes]:
    """Return the metadata files by name, in the order they are to be written.

    Raises:
        BadKey: A key is missing.
    """
    held = {name: keys.newest(name) for name in key_names()}
    root, targets = first_root(held, now), first_targets(held, now)
    roles = {
        TARGETS: signed_bytes(targets, TARGETS, delegators=(root,), keys=keys),
        **{
            role: signed_bytes(
                Targets(expires=end_of(role, now)), role, delegators=(targets,), keys=keys
            )
            for role in DELEGATED
        },
    }
    snapshot = Snapshot(
        expires=end_of(SNAPSHOT, now),
        meta={f"{role}.json": meta_of(content) for role, content in roles.items()},
    )
    snapshot_file = signed_bytes(snapshot, SNAPSHOT, delegators=(root,), keys=keys)
    timestamp = Timestamp(expires=end_of(TIMESTAMP, now), snapshot_meta=meta_of(snapshot_file))
    # Root comes last here: without it there is no repository, and `init` can be run again.
    return {
        **{f"1.{role}.json": content for role, content in roles.items()},
        f"1.{SNAPSHOT}.json": snapshot_file,
        f"{TIMESTAMP}.json": signed_bytes(timestamp, TIMESTAMP, delegators=(root,), keys=keys),
        FIRST_ROOT: signed_bytes(root, ROOT, delegators=(root,), keys=keys),
    }
