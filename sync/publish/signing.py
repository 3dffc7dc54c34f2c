"""Signing roles: the next version, its end, and as many keys as the role asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import datetime, timedelta
from typing import TypeVar

from securesystemslib.signer import Signer
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from sync.errors import BadKey, BadRepository
from sync.publish.disk import View
from sync.publish.keys import HeldKey, KeyFolder
from sync.trust.roles import (
    DELEGATED,
    ROOT,
    ROOT_THRESHOLD,
    SNAPSHOT,
    TARGETS,
    TERMS,
    TIMESTAMP,
)

Signed = TypeVar("Signed", Root, Timestamp, Snapshot, Targets)
Delegator = Root | Targets
COMPACT = JSONSerializer(compact=True)


def first_root(keys: Mapping[str, HeldKey], now: datetime) -> Root:
    """Return the root of a new repository, unsigned.

    Args:
        keys: By name; all of `sync.trust.roles.key_names`.
        now: Its life begins here.
    """
    root = Root(expires=end_of(ROOT, now), consistent_snapshot=True)
    for role in (ROOT, TARGETS, SNAPSHOT, TIMESTAMP):
        for name in TERMS[role].keys:
            root.add_key(keys[name].public, role)
    root.roles[ROOT].threshold = ROOT_THRESHOLD
    return root


def first_targets(keys: Mapping[str, HeldKey], now: datetime) -> Targets:
    """Return the targets role of a new repository, unsigned: it names nothing and delegates all."""
    roles = {
        role: DelegatedRole(role, [], 1, terminating=True, paths=list(TERMS[role].paths))
        for role in DELEGATED
    }
    targets = Targets(expires=end_of(TARGETS, now), delegations=Delegations({}, roles))
    for role in DELEGATED:
        for name in TERMS[role].keys:
            targets.add_key(keys[name].public, role)
    return targets


def end_of(role: str, now: datetime, *, days: float | None = None) -> datetime:
    """Return when metadata of a role that is signed now expires."""
    life = TERMS[role].life_days if days is None else days
    return (now + timedelta(days=life)).replace(microsecond=0)


def following(
    signed: Signed, role: str, now: datetime, *, days: float | None = None, version: int = 0
) -> Signed:
    """Return a copy of a role's content as its next version, to be changed and signed."""
    new = deepcopy(signed)
    new.version = version or signed.version + 1
    new.expires = end_of(role, now, days=days)
    return new


def signed_bytes(
    signed: Signed, role: str, *, delegators: Iterable[Delegator], keys: KeyFolder
) -> bytes:
    """Return a role's file, signed with every key of it that is here.

    Args:
        signed: The content.
        role: Its name.
        delegators: Who says which keys count; during a rotation the old and the new one.
        keys: Where the private halves are.

    Raises:
        BadKey: Fewer keys are here than one of the delegators asks for.
    """
    delegators = tuple(delegators)
    wanted = dict.fromkeys(k for d in delegators for k in d.get_delegated_role(role).keyids)
    signers = keys.available(wanted)
    metadata = Metadata(signed)
    _sign_all(metadata, signers, role)
    for delegator in delegators:
        try:
            delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
        except UnsignedMetadataError as exc:
            needed = delegator.get_delegated_role(role).threshold
            names = ", ".join(TERMS[role].keys)
            raise BadKey(
                f"{role} needs {needed} of its keys ({names}), and {len(signers)} are in"
                f" {keys.folder}.",
                hint="Bring the missing key's file to the key folder, then run it again.",
            ) from exc
    return metadata.to_bytes(COMPACT)


def with_keys_here(roots: Iterable[Root], role: str, keys: KeyFolder) -> tuple[Root, ...]:
    """Return the roots that can be signed for: the newest, and older ones whose keys are here.

    An older one's key may be lost, which is why there is a new one; never ask this of root itself.
    """
    *older, newest = roots
    known = [root for root in older if _has_keys(root, role, keys)]
    return (*known, newest)


def _has_keys(root: Root, role: str, keys: KeyFolder) -> bool:
    named = root.get_delegated_role(role)
    here = {key.public.keyid for key in keys.listed() if keys.is_here(key)}
    return len(here.intersection(named.keyids)) >= named.threshold


def snapshot_after(
    view: View, changed: Mapping[str, bytes], now: datetime, *, days: float | None = None
) -> Snapshot:
    """Return the next snapshot's content: as the view's, with the changed roles' versions."""
    snapshot = following(view.snapshot.signed, SNAPSHOT, now, days=days)
    for role, content in changed.items():
        snapshot.meta[f"{role}.json"] = meta_of(content)
    return snapshot


def timestamp_after(
    view: View, snapshot: bytes | None, now: datetime, *, days: float | None = None
) -> Timestamp:
    """Return the next timestamp's content; None: of the snapshot that is named already."""
    timestamp = following(view.timestamp.signed, TIMESTAMP, now, days=days)
    if snapshot is not None:
        timestamp.snapshot_meta = meta_of(snapshot)
    return timestamp


def meta_of(content: bytes) -> MetaFile:
    """Return how a signed file is named in the one above it: version, length and digest."""
    version = Metadata.from_bytes(content).signed.version
    return MetaFile.from_data(version, content, ["sha256"])


def set_aside(view: View, role: str, content: bytes) -> tuple[TargetFile, ...]:
    """Return the targets a role named in a view and names no more in its new file."""
    if role not in view.roles:
        return ()
    named = Metadata[Targets].from_bytes(content).signed.targets
    return tuple(t for p, t in view.roles[role].signed.targets.items() if named.get(p) != t)


def target_of(path: str, *, sha256: str, length: int, custom: object = None) -> TargetFile:
    """Return how a target is named in its role."""
    fields = {} if custom is None else {"custom": custom}
    return TargetFile(length, {"sha256": sha256}, path, unrecognized_fields=fields)


def check_signed(view: View, role: str, content: bytes) -> Metadata[Targets]:
    """Return a delegated role's metadata if its key signed it as the next version.

    Raises:
        BadRepository: It is another version, or signed by none who may.
    """
    metadata = Metadata[Targets].from_bytes(content)
    expected = view.roles[role].signed.version + 1 if role in view.roles else 1
    if metadata.signed.version != expected:
        raise BadRepository(
            f"Staged {role} is version {metadata.signed.version}, expected {expected}.",
            hint="Sign the release again.",
        )
    try:
        view.roles[TARGETS].signed.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except UnsignedMetadataError as exc:
        raise BadRepository(
            f"Staged {role} is not signed by its key: {exc}.", hint="Sign the release again."
        ) from exc
    return metadata


def _sign_all(metadata: Metadata[Signed], signers: Iterable[Signer], role: str) -> None:
    for signer in signers:
        try:
            metadata.sign(signer, append=True)
        except UnsignedMetadataError as exc:  # what a KMS or an HSM raises, wrapped by python-tuf
            raise BadKey(f"{role} could not be signed: {exc}.") from exc
