"""What a promotion costs a store, before anyone presses the button."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.codec import from_plain
from appliance.release import Manifest
from sync.errors import NotPublished
from sync.fetch.offer import DELTA, FULL, KEPT, Offered, Plan, plan_fetch, read_deltas
from sync.publish.published import PublishedState
from sync.trust.paths import release_target
from sync.trust.roles import RELEASES


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one store of a ring."""

    ring: str
    release: str
    live: str  # what the ring's stores are taken to hold; '' : nothing
    kept: int  # parts that do not travel
    deltas: int
    full: int
    line_bytes: int
    disk_bytes: int
    whole_bytes: int  # of a store that holds nothing, or has lost its live release

    def hours(self, bytes_s: float) -> float:
        """Return how long it takes at a store's budget."""
        return self.line_bytes / bytes_s / 3600


def release_cost(state: PublishedState, *, ring: str, release: str) -> Cost:
    """Return what a store of the ring downloads, if it holds what its ring points at.

    Raises:
        NotPublished: No such release.
    """
    view = state.view()
    path = release_target(release)
    manifest = from_plain(state.plain(view, RELEASES, path), Manifest)
    custom = view.roles[RELEASES].signed.targets[path].custom
    offered = Offered(manifest, b"", read_deltas(custom, manifest))
    live = _live(state, ring)
    held = {} if live is None else {part.sha256: name for name, part in live.parts.items()}
    plan = plan_fetch(offered, held)
    return Cost(
        ring=ring,
        release=release,
        live="" if live is None else live.id,
        kept=_count(plan, KEPT),
        deltas=_count(plan, DELTA),
        full=_count(plan, FULL),
        line_bytes=plan.line_bytes,
        disk_bytes=plan.disk_bytes,
        whole_bytes=sum(part.bytes for part in manifest.parts.values()),
    )


def _live(state: PublishedState, ring: str) -> Manifest | None:
    try:
        return state.manifest(state.ring(ring).release)
    except NotPublished:
        return None  # a new ring


def _count(plan: Plan, way: str) -> int:
    return sum(1 for step in plan.steps if step.way == way)
