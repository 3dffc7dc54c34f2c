"""Signing a release: its parts by the content key, its manifest by the release manager's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuf.api.metadata import Metadata, TargetFile, Targets

from appliance.codec import from_plain
from appliance.release import MANIFEST, Manifest, check_parts
from sync.errors import BadRepository
from sync.publish.deltas import Delta, Told, by_new, deltas_from
from sync.publish.disk import View, reading
from sync.publish.published import PublishedState
from sync.publish.signing import following, signed_bytes, target_of
from sync.trust import paths
from sync.trust.roles import CONTENT, RELEASES, TARGETS

KEEP = 4  # newest releases in the metadata, besides those a ring points at


@dataclass(frozen=True, slots=True)
class Staged:
    """What `sign` left in `staged/`."""

    release: str
    roles: tuple[str, ...]  # signed anew; `publish` makes them visible
    bytes_new: int  # of parts copied into `targets/`
    deltas: Mapping[str, int] = field(default_factory=dict)  # part -> bytes of its smallest
    dropped: tuple[str, ...] = ()  # releases that leave the metadata


@dataclass(frozen=True, slots=True)
class _Named:
    """A release as the metadata names it."""

    manifest: Manifest
    target: TargetFile

    def deltas(self) -> Mapping[str, list[dict[str, Any]]]:
        custom = self.target.custom
        return custom.get("deltas", {}) if isinstance(custom, dict) else {}

    def parts(self) -> dict[str, TargetFile]:
        named = {
            paths.part_target(name, part.sha256): part for name, part in self.manifest.parts.items()
        }
        return {
            path: target_of(path, sha256=part.sha256, length=part.bytes)
            for path, part in named.items()
        }


def sign_release(
    state: PublishedState,
    folder: Path,
    *,
    previous: Sequence[Path] = (),
    keep: int = KEEP,
    roles: Iterable[str] = (*CONTENT, RELEASES),
    told: Told = lambda _: None,
) -> Staged:
    """Check a release whole, copy its parts in, sign them and the tuple; nothing is visible yet.

    Content and tuple may be signed by two people on two machines: each gives their `roles`, the
    repository folder travels between them, and `publish` refuses a tuple whose parts are unsigned.

    Args:
        state: The repository.
        folder: Of the release.
        previous: Folders of releases that stores hold: a delta is made from each where it is
            at most 60 % of the part.
        keep: How many releases stay in the metadata, the newest; those a ring points at stay too.
        roles: Whose signatures are given now.
        told: Hears which part is being worked on.

    Raises:
        DamagedRelease: The folder is not the release its manifest describes.
        BadRepository: Its id is taken by other content, or its counter is not above the others'.
        Untrusted: Its id or a part's path is no name.
        BadKey: A key of one of the roles is not here.
    """
    told("checking every part")
    manifest = check_parts(folder)
    content = (folder / MANIFEST).read_bytes()
    paths.check_parts(manifest.parts, release=manifest.id)
    path = paths.release_target(manifest.id)
    with state.locked():
        _check_new(manifest, content, _standing(state, state.view()), state=state)
    copied = _put_parts(state, folder, manifest, told=told)
    # The slow work is done outside the lock, so that whoever serves can go on re-signing.
    known = {
        p: t for role in CONTENT for p, t in _newest(state, state.view(), role).targets.items()
    }
    deltas = deltas_from(state.disk, folder, manifest, previous=previous, known=known, told=told)
    digest = state.disk.put_bytes(path, content)
    with state.locked():
        view = state.view()
        standing = _standing(state, view)
        _check_new(manifest, content, standing, state=state)
        earlier = standing[manifest.id].deltas() if manifest.id in standing else {}
        custom = {"counter": manifest.counter, "deltas": _merged(earlier, by_new(deltas))}
        target = target_of(path, sha256=digest, length=len(content), custom=custom)
        kept = _kept(
            state, {**standing, manifest.id: _Named(manifest, target)}, manifest.id, keep=keep
        )
        wanted = _wanted(state, view, kept, deltas)
        signed = _stage(state, view, {r: wanted[r] for r in wanted if r in set(roles)})
    sizes = {d.part: d.target.length for d in sorted(deltas, key=lambda d: -d.target.length)}
    return Staged(manifest.id, signed, copied, sizes, tuple(sorted(set(standing) - set(kept))))


def check_whole(state: PublishedState, roles: Mapping[str, Metadata[Targets]]) -> None:
    """Check that every part of every release is signed, and its file here.

    Raises:
        BadRepository: A release's parts are not signed yet, or a file is missing.
    """
    named = {
        path: target for role in CONTENT for path, target in roles[role].signed.targets.items()
    }
    for target in named.values():
        file = state.disk.file(target.path, target.hashes["sha256"])
        if not file.is_file() or file.stat().st_size != target.length:
            raise BadRepository(f"{file} is missing or cut.", hint="Sign the release again.")
    for target in roles[RELEASES].signed.targets.values():
        if target.path.count("/") != 1:
            continue
        manifest = from_plain(json.loads(state.content(target)), Manifest)
        for part, one in manifest.parts.items():
            if paths.part_target(part, one.sha256) not in named:
                raise BadRepository(
                    f"Release {manifest.id} lists {part}, which the content key did not sign.",
                    hint="Run: backroom release sign FOLDER --only content",
                )


def _check_new(
    manifest: Manifest, content: bytes, standing: Mapping[str, _Named], *, state: PublishedState
) -> None:
    """Check that an id means one content for ever, and that counters only rise.

    Raises:
        BadRepository: One of the two does not hold.
    """
    if manifest.id in standing:
        if state.content(standing[manifest.id].target) == content:
            return
        raise BadRepository(
            f"Release {manifest.id} is signed already, with another manifest.",
            hint="Give the new release a new id and a higher counter.",
        )
    highest = max(standing.values(), key=lambda n: n.manifest.counter, default=None)
    if highest is not None and manifest.counter <= highest.manifest.counter:
        raise BadRepository(
            f"Release {manifest.id} has counter {manifest.counter:,}; {highest.manifest.id} has"
            f" {highest.manifest.counter:,}, and it must be higher.",
            hint="Package it again with a higher counter.",
        )


def _put_parts(state: PublishedState, folder: Path, manifest: Manifest, *, told: Told) -> int:
    copied = 0
    for name, part in manifest.parts.items():
        told(f"copying {name}")
        path = paths.part_target(name, part.sha256)
        copied += state.disk.put_file(path, folder / name, sha256=part.sha256, length=part.bytes)
    return copied


def _newest(state: PublishedState, view: View, role: str) -> Targets:
    """Return a role's content with what is staged of it, if that is the next version."""
    published = view.roles[role].signed
    content = state.disk.staged_roles().get(role)
    if content is None:
        return published
    with reading(state.folder):
        staged = Metadata[Targets].from_bytes(content).signed
    return staged if staged.version == published.version + 1 else published


def _standing(state: PublishedState, view: View) -> dict[str, _Named]:
    targets = _newest(state, view, RELEASES).targets
    found = [
        _Named(from_plain(json.loads(state.content(target)), Manifest), target)
        for path, target in targets.items()
        if path.count("/") == 1
    ]
    return {one.manifest.id: one for one in found}


def _merged(
    earlier: Mapping[str, list[dict[str, Any]]], fresh: Mapping[str, list[dict[str, Any]]]
) -> dict[str, list[dict[str, Any]]]:
    merged = {digest: list(ways) for digest, ways in fresh.items()}
    for digest, ways in earlier.items():
        here = merged.setdefault(digest, [])
        here.extend(way for way in ways if way not in here)
    return merged


def _kept(
    state: PublishedState, releases: Mapping[str, _Named], newest: str, *, keep: int
) -> dict[str, _Named]:
    pointed = {pointer.release for pointer in state.rings()}
    by_age = sorted(releases.values(), key=lambda n: -n.manifest.counter)
    young = {one.manifest.id for one in by_age[: max(1, keep)]}
    return {i: one for i, one in releases.items() if i in young | pointed | {newest}}


def _wanted(
    state: PublishedState, view: View, kept: Mapping[str, _Named], deltas: Sequence[Delta]
) -> dict[str, dict[str, TargetFile]]:
    """Return each role's targets: kept releases' parts, deltas, manifests and words."""
    parts = {path: target for one in kept.values() for path, target in one.parts().items()}
    made = {delta.target.path: delta.target for delta in deltas}
    named = {
        way["target"] for one in kept.values() for ways in one.deltas().values() for way in ways
    }
    wanted: dict[str, dict[str, TargetFile]] = {}
    for role in CONTENT:
        known = {**_newest(state, view, role).targets, **made}
        mine = {p: t for p, t in parts.items() if p.startswith(f"{role}/")}
        ways = {p: known[p] for p in named if p in known and p.startswith(f"{role}/")}
        wanted[role] = {**ways, **mine}
    words = {
        path: target
        for path, target in _newest(state, view, RELEASES).targets.items()
        if path.count("/") > 1 and any(path.endswith(f"-{i}.json") for i in kept)
    }
    wanted[RELEASES] = {**words, **{one.target.path: one.target for one in kept.values()}}
    return wanted


def _stage(
    state: PublishedState, view: View, wanted: Mapping[str, Mapping[str, TargetFile]]
) -> tuple[str, ...]:
    targets = view.roles[TARGETS].signed
    signed = {}
    for role, named in wanted.items():
        if dict(named) == view.roles[role].signed.targets:
            continue
        new = following(view.roles[role].signed, role, state.clock.now())
        new.targets = dict(sorted(named.items()))
        signed[role] = signed_bytes(new, role, delegators=(targets,), keys=state.keys)
    for role, file in signed.items():
        state.disk.stage(role, file)
    return tuple(signed)
