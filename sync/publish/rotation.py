"""New keys, or a new term with the old ones; clients follow either by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tuf.api.metadata import Root, Targets

from sync.errors import BadKey, BadRepository
from sync.publish.disk import View
from sync.publish.keyfile import SCRYPT_N
from sync.publish.keys import HeldKey
from sync.publish.published import PublishedState
from sync.publish.signing import Delegator, following, signed_bytes, with_keys_here
from sync.trust.roles import (
    DELEGATED,
    ROLES,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TERMS,
    TIMESTAMP,
    key_names,
)


def rotate(
    state: PublishedState,
    names: Iterable[str],
    *,
    given: HeldKey | None = None,
    scrypt_n: int = SCRYPT_N,
) -> tuple[HeldKey, ...]:
    """Replace keys; return the new ones. The old are worth nothing to a client afterwards.

    A key of root, targets, snapshot or timestamp changes by a new root, which two old and two new
    root keys sign. What the old root and the new one name is then signed with both keys and
    written first, so that there is no moment at which a client of either is turned away. A key that
    is lost signs nothing: its role is signed with the new one alone, and a client that comes in the
    moment before the new root is there is turned away, and asks again.
    Replacing snapshot's and timestamp's keys is also how a repository recovers after a thief has
    signed a version far ahead.

    Args:
        state: The repository.
        names: Of roles, or of single keys (`root-2`).
        given: A KMS's or an HSM's key to take instead of making a file; for one name.
        scrypt_n: Cost of a guess at a new file key's passphrase.

    Raises:
        BadKey: A name is none, or a key that must sign is not here.
        BadRepository: A signed release is not published yet.
    """
    wanted = _key_names(names)
    if given is not None and wanted != (given.name,):
        raise BadKey(f"A given key replaces one key; named were {', '.join(wanted)}.")
    with state.locked():
        _check_nothing_staged(state)
        if given is None:
            new = state.keys.make(wanted, scrypt_n=scrypt_n)
        else:
            state.keys.add((given,))
            new = (given,)
        _replace(state, state.view(), {key.name: key for key in new})
        return new


def renew(state: PublishedState, roles: Iterable[str]) -> tuple[str, ...]:
    """Sign roles again with the keys they have, for another term; return which.

    Raises:
        BadKey: A name is no role, or a key that must sign is not here.
        BadRepository: A signed release is not published yet.
    """
    wanted = tuple(dict.fromkeys(roles))
    unknown = [role for role in wanted if role not in ROLES]
    if unknown:
        raise BadKey(f"No such role: {', '.join(unknown)}.", hint=f"Roles: {', '.join(ROLES)}.")
    with state.locked():
        _check_nothing_staged(state)
        _write(state, state.view(), set(wanted))
        return wanted


def _key_names(names: Iterable[str]) -> tuple[str, ...]:
    known = key_names()
    found: list[str] = []
    for name in names:
        if name in TERMS:
            found.extend(TERMS[name].keys)
        elif name in known:
            found.append(name)
        else:
            raise BadKey(
                f"No role or key is called {name}.",
                hint=f"Roles: {', '.join(ROLES)}. Keys: {', '.join(known)}.",
            )
    return tuple(dict.fromkeys(found))


def _check_nothing_staged(state: PublishedState) -> None:
    if state.disk.staged_roles():
        raise BadRepository(
            f"A release is signed and not published in {state.folder}: its signatures would no"
            " longer hold.",
            hint="Run: backroom release publish",
        )


def _replace(state: PublishedState, view: View, new: Mapping[str, HeldKey]) -> None:
    """Write the roles that these keys, by name, sign from now on."""
    old_root = view.root.signed
    root = following(old_root, ROOT, state.clock.now())
    targets = following(view.roles[TARGETS].signed, TARGETS, state.clock.now())
    touched: set[str] = set()
    for role in (ROOT, TARGETS, SNAPSHOT, TIMESTAMP):
        if _swap(state, root, role, new):
            touched |= {ROOT, role}
    for role in DELEGATED:
        if _swap(state, targets, role, new):
            touched |= {TARGETS, role}
    _write(state, view, touched, root=root, targets=targets)


def _swap(
    state: PublishedState, delegator: Delegator, role: str, new: Mapping[str, HeldKey]
) -> bool:
    """Put a role's new keys in the place of the old keys of the same names."""
    names = {key.public.keyid: key.name for key in state.keys.listed()}
    mine = [new[name] for name in TERMS[role].keys if name in new]
    for key in mine:
        for keyid in tuple(delegator.get_delegated_role(role).keyids):
            if names.get(keyid) == key.name and keyid != key.public.keyid:
                delegator.revoke_key(keyid, role)
        delegator.add_key(key.public, role)
    return bool(mine)


def _write(
    state: PublishedState,
    view: View,
    touched: set[str],
    *,
    root: Root | None = None,
    targets: Targets | None = None,
) -> None:
    """Sign the touched roles as their next versions and write them, a new root last."""
    now, keys = state.clock.now(), state.keys
    roots: tuple[Root, ...] = (view.root.signed,)
    root_file = None
    if ROOT in touched:
        new_root = root or following(view.root.signed, ROOT, now)
        roots = (view.root.signed, new_root)
        root_file = signed_bytes(new_root, ROOT, delegators=roots, keys=keys)
    new_targets = targets or following(view.roles[TARGETS].signed, TARGETS, now)
    changed: dict[str, bytes] = {}
    if TARGETS in touched:
        by_roots = with_keys_here(roots, TARGETS, keys)
        changed[TARGETS] = signed_bytes(new_targets, TARGETS, delegators=by_roots, keys=keys)
    by = new_targets if TARGETS in touched else view.roles[TARGETS].signed
    for role in DELEGATED:
        if role in touched:
            next_one = following(view.roles[role].signed, role, now)
            changed[role] = signed_bytes(next_one, role, delegators=(by,), keys=keys)
    is_snapshot_new = bool(changed) or SNAPSHOT in touched
    if is_snapshot_new or touched & {TIMESTAMP, ROOT}:
        state.commit(view, changed, is_snapshot_new=is_snapshot_new, delegators=roots)
    if root_file is not None:
        state.disk.write({f"{roots[-1].version}.{ROOT}.json": root_file})
