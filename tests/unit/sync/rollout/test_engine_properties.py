"""What holds whatever stores report and in whatever order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from sync.rollout.engine import Action, decide
from sync.rollout.events import Event, EventKind, Status, progress
from sync.rollout.fates import StoreView
from sync.rollout.plan import Plan, Silent
from sync.wire import SwitchReport, SwitchState
from tests.unit.sync.rollout.worlds import NEW, OLD, T0, after, plan, ring, started, step

RINGS = ("lab", "canary", "all")
percents = st.lists(st.integers(1, 99), max_size=2, unique=True).map(lambda p: [*sorted(p), 100])
steps = st.builds(
    step,
    success=st.sampled_from([0.5, 0.9, 1.0]),
    fail_share=st.sampled_from([0.0, 0.1, 0.5]),
    fail_count=st.integers(1, 3),
    least_settled=st.integers(0, 2),
    soak_s=st.sampled_from([0.0, 600.0]),
    check=st.booleans(),
)


EVERY = st.sampled_from(Silent)


@st.composite
def plans(draw: st.DrawFn, silent: st.SearchStrategy[Silent] = EVERY) -> Plan:
    rings = []
    for name in RINGS[: draw(st.integers(1, 3))]:
        one = draw(steps)
        rings.append(ring(name, *(replace(one, percent=float(p)) for p in draw(percents))))
    return plan(*rings, silent=draw(silent))


reports = st.builds(
    SwitchReport,
    st.sampled_from(SwitchState),
    st.sampled_from([OLD, NEW]),
    st.just(1),
    candidate=st.sampled_from(["", NEW]),
)
views = st.builds(
    StoreView,
    store=st.integers(0, 9999).map("{:04}".format),
    ring=st.sampled_from(RINGS),
    place=st.floats(0, 1, exclude_max=True),
    beat_at=st.none() | st.integers(-9000, 0).map(after),
    report=reports,
    settled_at=st.none(),
)
# What happens between two looks at the stores: time, new words of stores, a person's word.
turns = st.lists(
    st.tuples(
        st.integers(1, 9000),
        st.lists(st.tuples(st.integers(0, 11), reports, st.booleans()), max_size=6),
        st.sampled_from([None, None, None, EventKind.RESUMED, EventKind.PAUSED]),
    ),
    min_size=1,
    max_size=25,
)


def lived(wanted: Plan, stores: list[StoreView], course: object) -> list[Event]:
    """Return the log after a hub has followed the engine through a course of events."""
    log = [started()]
    now = T0
    for seconds, words, person in course:  # type: ignore[attr-defined]
        now += timedelta(seconds=seconds)
        for index, report, is_heard in words:
            if index < len(stores):
                heard = replace(stores[index], report=report, beat_at=now)
                stores[index] = heard if is_heard else stores[index]
        if person is not None:
            log.append(Event(person, now, by="Ana", why="word"))
        found = decide(wanted, log, stores, now=now)
        kind = {
            Action.ADVANCE: EventKind.ADVANCED,
            Action.HALT: EventKind.HALTED,
            Action.DONE: EventKind.DONE,
            Action.PAUSE: EventKind.PAUSED,
        }.get(found.action)
        if kind is not None:
            log.append(Event(kind, now, found.ring, found.step, found.percent, why=found.why))
    return log


@given(plans(), st.lists(views, max_size=12), turns)
@settings(max_examples=60, deadline=None)
def test_a_rings_percent_never_falls(wanted: Plan, stores: list[StoreView], course: object) -> None:
    log = lived(wanted, stores, course)

    for name in RINGS:
        seen = [e.percent for e in log if e.kind is EventKind.ADVANCED and e.ring == name]
        assert seen == sorted(set(seen))


@given(plans(), st.lists(views, max_size=12), turns)
@settings(max_examples=60, deadline=None)
def test_nothing_follows_a_halt(wanted: Plan, stores: list[StoreView], course: object) -> None:
    log = lived(wanted, stores, course)
    kinds = [e.kind for e in log]

    if EventKind.HALTED in kinds:
        late = log[kinds.index(EventKind.HALTED) + 1 :]
        assert not [e for e in late if e.kind in {EventKind.ADVANCED, EventKind.DONE}]
        assert progress(wanted, log).status is Status.HALTED
        assert decide(wanted, log, stores, now=after(9e6)).action is Action.HALT


@given(
    plans(st.sampled_from([Silent.OWED, Silent.BEGUN])),
    st.lists(views, max_size=10),
    turns,
    st.lists(st.tuples(st.sampled_from(RINGS), st.floats(0, 1, exclude_max=True)), max_size=8),
)
@settings(max_examples=80, deadline=None)
def test_stores_that_are_offline_change_no_decision_but_to_wait_for_a_ring_with_nobody_in_reach(
    wanted: Plan,
    stores: list[StoreView],
    course: object,
    places: list[tuple[str, float]],
) -> None:
    log = lived(wanted, stores, course)
    now = log[-1].at + timedelta(seconds=5)
    offline = [
        StoreView(f"off{n}", name, place, None, None) for n, (name, place) in enumerate(places)
    ]

    without = decide(wanted, log, stores, now=now)
    with_them = decide(wanted, log, [*stores, *offline], now=now)

    if without.action is with_them.action:
        assert (without.ring, without.step) == (with_them.ring, with_them.step)
    else:  # the only difference: a ring where too few were in reach to prove anything
        assert with_them.action is Action.WAIT
        at = progress(wanted, log)
        step_at_work = at.at_step(wanted.rings[at.ring].ring)
        assert step_at_work is not None
        least = wanted.rings[at.ring].steps[step_at_work.step].least_settled
        settled = [
            v
            for v in stores
            if v.ring == wanted.rings[at.ring].ring
            and v.report is not None
            and v.report.state is SwitchState.SETTLED
            and v.report.live == NEW
            and v.place * 100 < step_at_work.percent
        ]
        assert len(settled) < least


@given(plans(), st.lists(views, max_size=12), turns)
@settings(max_examples=40, deadline=None)
def test_the_order_in_which_stores_are_told_decides_nothing(
    wanted: Plan, stores: list[StoreView], course: object
) -> None:
    log = lived(wanted, stores, course)
    now = log[-1].at + timedelta(seconds=5)

    one, other = (decide(wanted, log, told, now=now) for told in (stores, stores[::-1]))

    assert replace(one, why="") == replace(other, why="")


@given(plans(), st.lists(views, max_size=12), turns)
@settings(max_examples=40, deadline=None)
def test_a_ring_begins_only_when_the_ones_before_are_at_their_end(
    wanted: Plan, stores: list[StoreView], course: object
) -> None:
    log = lived(wanted, stores, course)

    begun = [e for e in log if e.kind is EventKind.ADVANCED]
    order = [(RINGS.index(e.ring), e.step) for e in begun]
    assert order == sorted(set(order))
    for e in begun:
        if e.step == 0 and e.ring != RINGS[0]:
            before = wanted.rings[RINGS.index(e.ring) - 1]
            assert any(b.ring == before.ring and b.percent == 100 for b in begun)
