"""The blast radius of a bad release: the very engine, over simulated stores, many times."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from sync.rollout.engine import Action, Decision, decide
from sync.rollout.events import Event, EventKind, Status, progress
from sync.rollout.fates import StoreView
from sync.rollout.plan import Plan
from sync.rollout.quality import Halves, Quality
from sync.rollout.world import NEVER, Course, Fault, Life, Setting, course, lives
from sync.wire import SwitchReport, SwitchState

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
# A store that beats each minute is never silent; its view is made anew only when its word changes.
ALWAYS = START + timedelta(days=3650)
BEFORE = "before"
CONFIDENT = 0.9  # what answers claim, on either side


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run went."""

    ended: str  # halted | done | out of time
    hours: float  # from the start
    reached: str  # ring and percent when it ended
    ran: int  # stores on which the release was live
    hurt: int  # of those: where its fault showed
    hurt_hours: float  # that those spent with it, until it was taken back
    why: str


def simulate(plan: Plan, fault: Fault, setting: Setting, *, seed: int, sizes: list[int]) -> Outcome:
    """Return how a rollout of a release with a fault goes; the same for the same seed."""
    return Simulation(plan, fault, setting, seed=seed, sizes=sizes).run()


class Simulation:
    """One run: stores' courses, the log, and what stores told of their answers."""

    def __init__(
        self, plan: Plan, fault: Fault, setting: Setting, *, seed: int, sizes: list[int]
    ) -> None:
        self._plan, self._fault, self._setting = plan, fault, setting
        self._lives = lives(plan, setting, salt=f"simulation {seed}", sizes=sizes)
        self._places = {life.store: index for index, life in enumerate(self._lives)}
        self._log = [Event(EventKind.STARTED, START, by="Simulated")]
        self._views: dict[str, StoreView] = {}
        self._courses: dict[str, Course] = {}
        self._coming: list[tuple[float, str, int]] = []  # instant, store, step of its course
        self._tallied = Tallied(self._lives, fault, setting, seed)
        self._word_at = NEVER  # when a person will have said go on, or approved

    def run(self) -> Outcome:
        """Let time pass until the rollout ends."""
        at = 0.0
        while at <= self._setting.longest_s:
            self._tell(at)
            self._tallied.pass_tick(at)
            found = self._decide(at)
            if found.action in {Action.HALT, Action.DONE}:
                return self._outcome("halted" if found.action is Action.HALT else "done", found, at)
            self._act(found, at)
            at += self._setting.tick_s
        return self._outcome("out of time", self._decide(at), at)

    def _decide(self, at: float) -> Decision:
        stores = list(self._views.values())
        halves = self._tallied.halves
        return decide(self._plan, self._log, stores, now=_instant(at), quality=halves)

    def _act(self, found: Decision, at: float) -> None:
        """Do as the hub does, write it down; and as the person does who is waited for."""
        is_paused = progress(self._plan, self._log).status is Status.PAUSED
        if found.action is Action.ADVANCE:
            self._write(EventKind.ADVANCED, found, at)
            self._choose(found.ring, found.percent, at)
        elif found.action is Action.PAUSE and not is_paused:
            self._write(EventKind.PAUSED, found, at)
            self._word_at = at + self._setting.person_s
        elif found.action is Action.PAUSE and at >= self._word_at:
            self._write(EventKind.RESUMED, found, at, by="Somebody")
        elif found.waits_for_approval:
            self._word_at = min(self._word_at, at + self._setting.person_s)
            if at >= self._word_at:
                self._write(EventKind.APPROVED, found, at, by="Somebody")
                self._word_at = NEVER

    def _write(self, kind: EventKind, found: Decision, at: float, *, by: str = "") -> None:
        ring, step, percent = found.ring, found.step, found.percent
        self._log.append(Event(kind, _instant(at), ring, step, percent, by=by, why=found.why))

    def _choose(self, ring: str, percent: float, at: float) -> None:
        splay_s = next(r.splay_s for r in self._plan.rings if r.ring == ring)
        for life in (one for one in self._lives if one.ring == ring):
            if life.store not in self._views:
                is_away = life.online_at > at
                report = SwitchReport(SwitchState.SETTLED, BEFORE, 1)
                self._views[life.store] = StoreView(
                    life.store,
                    ring,
                    life.place,
                    None if is_away else ALWAYS,
                    None if is_away else report,
                )
            if life.place * 100 < percent and life.store not in self._courses:
                path = course(life, self._fault, self._setting, chosen_at=at, splay_s=splay_s)
                self._courses[life.store] = path
                self._tallied.will_run(self._places[life.store], path)
                heapq.heappush(self._coming, (path.steps[0][0], life.store, 0))

    def _tell(self, at: float) -> None:
        """Let the stores whose word has changed beat."""
        while self._coming and self._coming[0][0] <= at:
            _, store, number = heapq.heappop(self._coming)
            path = self._courses[store]
            self._views[store] = self._beat(store, path, path.steps[number][1], at)
            if number + 1 < len(path.steps):
                heapq.heappush(self._coming, (path.steps[number + 1][0], store, number + 1))

    def _beat(self, store: str, path: Course, state: SwitchState, at: float) -> StoreView:
        is_settled = state is SwitchState.SETTLED
        is_live = is_settled or state is SwitchState.PROBATION
        live = self._plan.release if is_live else BEFORE
        candidate = "" if is_settled else self._plan.release
        is_last = path.dies and is_live
        return replace(
            self._views[store],
            beat_at=_instant(at) if is_last else ALWAYS,
            report=SwitchReport(state, live, 1, candidate=candidate),
            settled_at=_instant(at) if is_settled else None,
        )

    def _outcome(self, ended: str, found: Decision, at: float) -> Outcome:
        stands = progress(self._plan, self._log)
        ring = self._plan.rings[max(0, stands.ring)].ring
        step = stands.at_step(ring)
        ran, hurt, hours = self._tallied.harm(at)
        reached = f"{ring} {step.percent:g} %" if step else "nothing"
        return Outcome(ended, at / 3600, reached, ran, hurt, hours, found.why)


class Tallied:
    """What the stores answered on either side, tick by tick."""

    def __init__(self, stores: Sequence[Life], fault: Fault, setting: Setting, seed: int) -> None:
        self._fault, self._setting = fault, setting
        self._luck = np.random.default_rng([seed, 2026])
        self._is_affected = np.array([x.is_affected for x in stores], dtype=bool)
        if fault is Fault.NONE:
            self._is_affected[:] = False
        self._online_at = np.array([x.online_at for x in stores])
        self._p95_ms = np.array([x.p95_ms for x in stores])
        self._live_at = np.full(len(stores), NEVER)
        self._ends_at = np.full(len(stores), NEVER)
        self._new = Quality()
        self._before = _timed(Quality(), self._p95_ms)
        if fault is Fault.SLOW:
            self._p95_ms = np.where(self._is_affected, setting.slow, 1.0) * self._p95_ms

    @property
    def halves(self) -> Halves:
        """What was told so far."""
        return Halves(self._new, self._before)

    def will_run(self, index: int, path: Course) -> None:
        """Note when a store goes live, and until when."""
        self._live_at[index], self._ends_at[index] = path.live_at, path.ends_at

    def pass_tick(self, at: float) -> None:
        """Count the asks of one tick, and how stores are at its end."""
        setting = self._setting
        is_on = (self._live_at <= at) & (at < self._ends_at)
        is_heard = self._online_at <= at
        is_dark = is_on & self._is_affected & (self._fault is Fault.DIES)
        is_ill = is_on & self._is_affected & (at >= self._live_at + setting.late_s)
        ill = int(is_ill.sum()) if self._fault is Fault.LATE else 0
        each = setting.asks_a_day / max(1, len(is_on)) * setting.tick_s / 86_400
        well = int((is_on & ~is_dark).sum()) - ill
        old = int((is_heard & ~is_on).sum())
        new = self._asked(self._asked(self._new, each * well, ill=False), each * ill, ill=True)
        new = replace(new, stores=int(is_on.sum()), dark=int(is_dark.sum()))
        self._new = _timed(new, self._p95_ms[is_on])
        self._before = replace(self._asked(self._before, each * old, ill=False), stores=old)

    def harm(self, at: float) -> tuple[int, int, float]:
        """Return stores that ran it, those it hurt, and the hours they were hurt for."""
        ran = self._live_at <= at
        wait_s = self._setting.late_s if self._fault is Fault.LATE else 0.0
        hurt = ran & self._is_affected & (self._live_at + wait_s <= at)
        ends = np.minimum(self._ends_at, at + self._setting.back_s)
        spent = np.maximum(0.0, ends - self._live_at - wait_s)[hurt]
        return int(ran.sum()), int(hurt.sum()), float(spent.sum()) / 3600

    def _asked(self, side: Quality, expected: float, *, ill: bool) -> Quality:
        asks = int(self._luck.poisson(expected))
        return replace(
            side,
            asks=side.asks + asks,
            errors=side.errors + int(self._luck.binomial(asks, self._setting.errors[ill])),
            answered=side.answered + asks,
            expected=side.expected + CONFIDENT * asks,
            down=side.down + int(self._luck.binomial(asks, self._setting.downs[ill])),
        )


def _timed(side: Quality, times: np.ndarray) -> Quality:
    total, squares = float(times.sum()), float((times**2).sum())
    return replace(side, timed=len(times), p95_sum=total, p95_squares=squares)


def _instant(at: float) -> datetime:
    return START + timedelta(seconds=at)
