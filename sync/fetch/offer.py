"""A release as it is offered, and how a store comes by each part: kept, delta or full."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from appliance.release import Manifest, Part
from sync.errors import NeedsFullDownload, Untrusted
from sync.trust.paths import is_delta_target

FREE_BYTES = 1 << 20  # a part up to this is always fetched whole: a delta would save nothing
KEPT = "kept"
DELTA = "delta"
FULL = "full"


@dataclass(frozen=True, slots=True)
class DeltaWay:
    """A delta that leads to a part."""

    old: str  # sha256 of the file it starts from
    target: str  # path in the repository
    bytes: int  # on the wire, as the release manager signed it


@dataclass(frozen=True, slots=True)
class Offered:
    """A release whose manifest and every part are signed."""

    manifest: Manifest
    content: bytes  # of manifest.json, byte for byte
    deltas: Mapping[str, tuple[DeltaWay, ...]] = field(default_factory=dict)  # by new sha256


@dataclass(frozen=True, slots=True)
class Step:
    """How one part is come by."""

    name: str
    part: Part
    way: str  # kept | delta | full
    line_bytes: int
    delta: DeltaWay | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All of them, small ones first: what is cheap is safe before what is dear begins."""

    steps: tuple[Step, ...]

    @property
    def line_bytes(self) -> int:
        """Bytes over the line, at best."""
        return sum(step.line_bytes for step in self.steps)

    @property
    def disk_bytes(self) -> int:
        """Bytes of new files on this disk; the largest delta is there beside them for a while."""
        new = sum(step.part.bytes for step in self.steps if step.way != KEPT)
        beside = max((s.line_bytes for s in self.steps if s.way == DELTA), default=0)
        return new + beside

    def full(self) -> tuple[Step, ...]:
        """Return the parts that travel whole though they are large."""
        return tuple(s for s in self.steps if s.way == FULL and s.part.bytes > FREE_BYTES)


def read_deltas(custom: Any, manifest: Manifest) -> dict[str, tuple[DeltaWay, ...]]:
    """Return the deltas a release's custom field tells; what names no part of it is passed over.

    Raises:
        Untrusted: The field's counter is not the manifest's, or it is of another shape.
    """
    if not isinstance(custom, dict) or custom.get("counter") != manifest.counter:
        raise Untrusted(
            f"Release {manifest.id}: the signed counter is not the manifest's {manifest.counter:,}."
        )
    wanted = {part.sha256 for part in manifest.parts.values()}
    try:
        return {
            str(new): tuple(
                DeltaWay(str(way["from"]), str(way["target"]), int(way["bytes"]))
                for way in ways
                if is_delta_target(str(way["target"]), new=str(new))
            )
            for new, ways in dict(custom.get("deltas", {})).items()
            if new in wanted
        }
    except (KeyError, TypeError, ValueError) as exc:
        raise Untrusted(f"Release {manifest.id}: its deltas are told in another shape.") from exc


def plan_fetch(
    offered: Offered,
    held: Mapping[str, object],
    *,
    here: frozenset[str] = frozenset(),
    uses_deltas: bool = True,
) -> Plan:
    """Return the cheapest way to each part.

    Args:
        offered: The release.
        held: sha256 of files this store has, in whole releases.
        here: Names of parts that lie in the new folder already.
        uses_deltas: False where a full copy costs nothing: from a stick.
    """
    steps = [
        _step(name, part, offered, held, is_here=name in here, uses_deltas=uses_deltas)
        for name, part in offered.manifest.parts.items()
    ]
    return Plan(tuple(sorted(steps, key=lambda s: (s.line_bytes, s.name))))


def check_full(plan: Plan, *, release: str) -> None:
    """Check that nothing large travels whole.

    Raises:
        NeedsFullDownload: Something would.
    """
    full = plan.full()
    if full:
        total = sum(step.part.bytes for step in full)
        raise NeedsFullDownload(
            f"Release {release}: {len(full)} parts ({total:,} bytes) have no delta from here:"
            f" {', '.join(step.name for step in full[:5])}.",
            hint="Promote with --full-fallback window or always, or sign with --from what stores"
            " hold.",
        )


def _step(
    name: str,
    part: Part,
    offered: Offered,
    held: Mapping[str, object],
    *,
    is_here: bool,
    uses_deltas: bool,
) -> Step:
    if is_here or part.sha256 in held:
        return Step(name, part, KEPT, 0)
    ways = [way for way in offered.deltas.get(part.sha256, ()) if way.old in held]
    best = min(ways, key=lambda way: way.bytes, default=None)
    if uses_deltas and best is not None and best.bytes < part.bytes:
        return Step(name, part, DELTA, best.bytes, best)
    return Step(name, part, FULL, part.bytes)
