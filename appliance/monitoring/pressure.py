"""How hard the machine is pressed, and what the store gives up for it: readings in, a level out.

Pure: `appliance/watch.py` reads the machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from appliance.records import LaneName


class Level(IntEnum):
    """How pressed the machine is; a higher one sheds all that a lower one sheds."""

    CALM = 0
    TIGHT = 1
    CRITICAL = 2

    @property
    def word(self) -> str:
        """Its name as said: `calm`."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Vitals:
    """One reading of the machine; shares are of 1."""

    memory_available_share: float
    disk_free_mib: float
    temperature_c: float | None  # of the hottest CPU sensor; None: the machine tells none
    steal_share: float  # of CPU time, taken by the hypervisor for other machines
    # Shown, never judged: a store whose CPUs are busy is a store at work. Answers that come too
    # slowly for it are noticed where they are felt, by the lanes' breakers and the desk's queue.
    cpu_share: float = 0.0
    process_mib: float = 0.0  # resident memory of this process; shown, never judged


@dataclass(frozen=True, slots=True)
class Bound:
    """When one figure presses. `sign` is 1 for a figure that presses when high, -1 when low."""

    name: str
    read: Callable[[Vitals], float | None]
    tight: float
    critical: float
    ease: float  # how far past a bound a figure must be back before it counts as eased
    sign: int
    said: str  # the figure in words for a receipt

    def level(self, vitals: Vitals, *, eased: bool = False) -> Level:
        """Return what the figure says; with `eased`, by the stricter bounds for coming back."""
        found = self.read(vitals)
        margin = self.ease if eased else 0.0
        if found is None or self.sign * found < self.sign * self.tight - margin:
            return Level.CALM
        is_critical = self.sign * found >= self.sign * self.critical - margin
        return Level.CRITICAL if is_critical else Level.TIGHT

    def words(self, vitals: Vitals) -> str:
        """Return the figure in words."""
        return self.said.format(self.read(vitals))


BOUNDS = (
    # earlyoom ends programs at 10 % of available memory and kills them at 5 % (earlyoom(1), -m):
    # the store gives up its luxuries where others begin to lose their lives. A specialist that is
    # not asked leaves its KV cells and the model's own mapped pages to be reclaimed.
    Bound(
        name="memory",
        read=lambda v: v.memory_available_share,
        tight=0.10,
        critical=0.05,
        ease=0.02,
        sign=-1,
        said="{:.0%} of memory is available",
    ),
    # A day of one store is 31 asks (DESIGN.md, 1) of about 5 kB of journal: 1 GiB is years of it,
    # but what eats a disk is somebody else's log, in hours, and a release needs room to unpack.
    # 64 MiB is the spool's whole budget: below it what the store owes may no longer fit.
    Bound(
        name="disk",
        read=lambda v: v.disk_free_mib,
        tight=1024.0,
        critical=64.0,
        ease=16.0,
        sign=-1,
        said="{:.0f} MiB of disk are free",
    ),
    # A CPU slows itself down at 100 °C (Intel's mini-PC parts state Tjunction 100 to 105 °C). At
    # 85 °C a fan has lost already; at 95 °C the throttling that the ask would feel is one burst
    # away. Nothing heats like the model's matrix products.
    Bound(
        name="heat",
        read=lambda v: v.temperature_c,
        tight=85.0,
        critical=95.0,
        ease=5.0,
        sign=1,
        said="the processor is at {:.0f} °C",
    ),
    # Steal over 10 % is the usual bound for a guest that runs slower than it should; `watch` takes
    # it over half a minute, for single spikes are no pressure. At 30 % what takes 2 s takes 3 s on
    # what is left, and each barrier of the model's threads waits for the one that was taken off.
    Bound(
        name="steal",
        read=lambda v: v.steal_share,
        tight=0.10,
        critical=0.30,
        ease=0.03,
        sign=1,
        said="{:.0%} of CPU time goes to other machines on this host",
    ),
)

# Up at the first reading, down a level at a time after so many calmer ones in a row: a store that
# sheds too long quotes the handbook for some seconds more, one that flaps answers two associates
# who stand side by side in two ways. With `watch.EVERY_S` it is 20 s a level.
CALM_READINGS = 10

# The stated order: drafting and long answers first, then the specialist. What is left, card,
# lookup, quote and hand-over, needs no model and stays to the end.
RESTS = {
    Level.CALM: frozenset[LaneName](),
    Level.TIGHT: frozenset({LaneName.GENERALIST}),
    Level.CRITICAL: frozenset({LaneName.GENERALIST, LaneName.SPECIALIST}),
}
BRIEF_AT = Level.TIGHT
SHEDS = {
    Level.CALM: (),
    Level.TIGHT: ("drafting by the generalist", "long answers"),
    Level.CRITICAL: ("drafting by the generalist", "long answers", "the specialist"),
}


@dataclass(frozen=True, slots=True)
class Pressure:
    """Where the machine stands, with its past as far as it counts."""

    level: Level = Level.CALM
    why: str = ""  # the figures that press, in words; '' when calm
    calmer: int = 0  # readings in a row that were calmer than the level

    def next(self, vitals: Vitals) -> Pressure:
        """Return where it stands after one more reading."""
        now = max(bound.level(vitals) for bound in BOUNDS)
        if now > self.level:
            return Pressure(now, _why(vitals))
        if max(bound.level(vitals, eased=True) for bound in BOUNDS) >= self.level:
            return Pressure(self.level, _why(vitals, eased=True))
        if self.calmer + 1 < CALM_READINGS:
            return Pressure(self.level, self.why, self.calmer + 1)
        level = Level(self.level - 1)
        if level is Level.CALM:
            return Pressure()
        return Pressure(level, _why(vitals, eased=True) or f"it comes back from: {self.why}")

    def rests(self, lane: LaneName) -> str:
        """Return why a lane rests, in words for a receipt; '' when it does not."""
        if lane not in RESTS[self.level]:
            return ""
        return f"rests while this machine is {self.level.word}: {self.why}"

    @property
    def is_brief(self) -> bool:
        """Whether long answers are cut to their first sentence."""
        return self.level >= BRIEF_AT


def _why(vitals: Vitals, *, eased: bool = False) -> str:
    pressing = [bound.words(vitals) for bound in BOUNDS if bound.level(vitals, eased=eased)]
    return "; ".join(pressing)
