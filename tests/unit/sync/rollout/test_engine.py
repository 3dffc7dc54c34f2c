"""The engine: when it goes on, waits, pauses and halts."""

from __future__ import annotations

from dataclasses import replace

from sync.rollout.engine import Action, decide
from sync.rollout.events import Event, EventKind
from sync.rollout.plan import Silent
from sync.rollout.quality import Halves, Quality
from sync.wire import SwitchState
from tests.unit.sync.rollout.worlds import T0, advanced, after, plan, ring, started, step, view

BACK, PROBATION, DOWNLOADING = SwitchState.BACK, SwitchState.PROBATION, SwitchState.DOWNLOADING
REFUSED = SwitchState.REFUSED


def test_a_started_rollout_goes_to_the_first_ring_and_step() -> None:
    two = plan(ring("lab", step(50), step(100)), ring("all"))

    found = decide(two, [started()], [], now=T0)

    assert (found.action, found.ring, found.step, found.percent) == (Action.ADVANCE, "lab", 0, 50)


def test_a_ring_that_wants_approval_waits_for_it() -> None:
    wary = plan(ring("lab", approval=True))

    before = decide(wary, [started("Ana")], [], now=T0)
    ok = Event(EventKind.APPROVED, T0, "lab", by="Ben")
    then = decide(wary, [started("Ana"), ok], [], now=T0)

    assert before.action is Action.WAIT
    assert "Ana" in before.why
    assert then.action is Action.ADVANCE


def test_who_started_it_has_not_approved_it_even_if_the_log_says_so() -> None:
    wary = plan(ring("lab", approval=True))

    found = decide(
        wary, [started("Ana"), Event(EventKind.APPROVED, T0, "lab", by="ana")], [], now=T0
    )

    assert found.action is Action.WAIT


def test_it_waits_while_too_few_have_settled() -> None:
    stores = [view(1, settled_s=60), view(2, PROBATION, beat_s=60)]

    found = decide(plan(), [started(), advanced()], stores, now=after(90))

    assert found.action is Action.WAIT
    assert "1 of 2 settled" in found.why


def test_it_soaks_after_the_store_that_made_it_enough() -> None:
    stores = [view(n, settled_s=n * 100, beat_s=900) for n in range(1, 5)]
    half = plan(ring("lab", step(100, success=0.5), step(100)))
    two = plan(ring("lab", step(100, success=0.5)), ring("all"))
    log = [started(), advanced()]

    soaking = decide(half, log, stores, now=after(799))
    soaked = decide(two, log, stores, now=after(800))

    assert soaking.until == after(800)  # the second settled at 200 s, and it soaks 600 s
    assert (soaked.action, soaked.ring) == (Action.ADVANCE, "all")


def test_the_next_step_follows_in_the_same_ring() -> None:
    steps = plan(ring("lab", step(50), step(100)))
    stores = [view(1, place=0.2, settled_s=0), view(2, place=0.8)]

    found = decide(steps, [started(), advanced(percent=50)], stores, now=after(700))

    assert (found.action, found.step, found.percent) == (Action.ADVANCE, 1, 100)


def test_a_store_that_was_offline_from_the_start_is_owed_and_holds_nobody_up() -> None:
    stores = [view(1, settled_s=0, beat_s=700), view(2, beat_s=-5000), view(3, beat_s=None)]
    two = plan(ring("lab"), ring("all"))

    found = decide(two, [started(), advanced()], stores, now=after(700))

    assert (found.action, found.ring) == (Action.ADVANCE, "all")


def test_a_ring_that_is_all_offline_proves_nothing() -> None:
    stores = [view(n, beat_s=None) for n in range(3)]

    found = decide(plan(ring("lab"), ring("all")), [started(), advanced()], stores, now=after(9e5))

    assert found.action is Action.WAIT
    assert "3 owed" in found.why


def test_a_ring_without_stores_is_passed() -> None:
    found = decide(plan(ring("lab"), ring("all")), [started(), advanced()], [], now=T0)

    assert (found.action, found.ring) == (Action.ADVANCE, "all")


def test_where_none_need_settle_stores_out_of_reach_have_nothing_to_soak() -> None:
    wanted = plan(ring("empty", step(100, least_settled=0)), ring("lab"))
    log = [started(), advanced("empty")]

    found = decide(wanted, log, [view(1, ring="empty", beat_s=None)], now=after(1))

    assert (found.action, found.ring) == (Action.ADVANCE, "lab")


def test_a_store_gone_silent_with_the_release_is_waited_for_until_its_deadline() -> None:
    stores = [view(1, PROBATION, beat_s=100), view(2, settled_s=0, beat_s=7000)]

    found = decide(plan(), [started(), advanced()], stores, now=after(7200))

    assert found.action is Action.WAIT
    assert "1 under way" in found.why


def test_a_store_silent_past_its_deadline_with_the_release_counts_as_failed() -> None:
    stores = [view(1, PROBATION, beat_s=100), view(2, settled_s=0, beat_s=7000)]

    found = decide(plan(), [started(), advanced()], stores, now=after(7301))

    assert found.action is Action.HALT
    assert "0001: silent past its deadline" in found.why


def test_where_the_plan_says_owed_silence_never_counts_as_failed() -> None:
    stores = [view(1, PROBATION, beat_s=100), view(2, settled_s=0, beat_s=7000)]
    lenient = plan(ring("lab"), ring("all"), silent=Silent.OWED)

    found = decide(lenient, [started(), advanced()], stores, now=after(7301))

    assert (found.action, found.ring) == (Action.ADVANCE, "all")


def test_where_the_plan_says_all_a_store_never_heard_counts_after_the_deadline() -> None:
    stores = [view(1, beat_s=None), view(2, settled_s=0, beat_s=7000)]
    strict = plan(ring("lab"), ring("all"), silent=Silent.ALL)

    before = decide(strict, [started(), advanced()], stores, now=after(7200))
    late = decide(strict, [started(), advanced()], stores, now=after(7201))

    assert before.action is Action.ADVANCE
    assert late.action is Action.HALT


def test_a_slow_line_is_owed_after_the_deadline() -> None:
    stores = [view(1, DOWNLOADING, beat_s=7200), view(2, settled_s=0, beat_s=7000)]
    log = [started(), advanced()]

    before = decide(plan(ring("lab"), ring("all")), log, stores, now=after(7200))
    late = decide(plan(ring("lab"), ring("all")), log, stores, now=after(7201))

    assert before.action is Action.WAIT
    assert late.action is Action.ADVANCE


def test_failures_halt_with_the_stores_reasons() -> None:
    stores = [view(7, BACK, why="3 crashes in 10 minutes"), view(2, settled_s=0)]

    found = decide(plan(), [started(), advanced()], stores, now=after(60))

    assert found.action is Action.HALT
    assert "0007: 3 crashes in 10 minutes" in found.why


def test_what_a_store_says_is_told_short_and_gives_no_orders() -> None:
    """It is written into the ledger, where a NUL is refused, and printed on a terminal."""
    hostile = view(7, BACK, why="\x00\x1b[2Jgone\n" + "x" * 60_000)

    found = decide(plan(), [started(), advanced()], [hostile], now=after(60))

    assert found.action is Action.HALT
    assert "[2Jgone x" in found.why
    assert found.why.isprintable()
    assert len(found.why) < 500


def test_what_failed_in_an_earlier_rollout_of_the_release_is_tried_again() -> None:
    """A disk was full, and is not any more; a store tries again at the new rollout's pointer."""
    full = view(7, REFUSED, beat_s=30, why="no room")
    assert full.report is not None
    log = [started(), advanced()]

    before, again = (
        replace(full, report=replace(full.report, since=after(s))) for s in (-86_400.0, 20.0)
    )

    assert decide(plan(), log, [before], now=after(60)).action is Action.WAIT
    assert decide(plan(), log, [again], now=after(60)).action is Action.HALT


def test_failures_are_counted_against_those_that_tried() -> None:
    lenient = plan(ring("lab", step(100, fail_count=2, fail_share=0.25)))
    waiting = [view(n, DOWNLOADING, beat_s=50) for n in range(20, 100)]
    two_of_eight = [view(n, BACK) for n in range(2)] + [view(n, settled_s=0) for n in range(2, 8)]
    two_of_seven = two_of_eight[:-1]

    holds = decide(lenient, [started(), advanced()], two_of_eight + waiting, now=after(60))
    halts = decide(lenient, [started(), advanced()], two_of_seven + waiting, now=after(60))

    assert holds.action is Action.WAIT
    assert halts.action is Action.HALT


def test_one_failure_under_the_count_does_not_halt() -> None:
    lenient = plan(ring("lab", step(100, fail_count=2)))
    stores = [view(1, BACK), view(2, PROBATION)]

    found = decide(lenient, [started(), advanced()], stores, now=after(60))

    assert found.action is not Action.HALT


def test_it_pauses_when_too_few_can_settle_and_a_person_can_go_on() -> None:
    lenient = plan(ring("lab", step(100, fail_count=9)), ring("all"))
    stores = [view(1, BACK), view(2, settled_s=0, beat_s=700)]
    log = [started(), advanced()]

    stuck = decide(lenient, log, stores, now=after(700))
    log += [
        Event(EventKind.PAUSED, after(700), stuck.ring, stuck.step, why=stuck.why),
        Event(EventKind.RESUMED, after(800), by="Ana"),
    ]
    then = decide(lenient, log, stores, now=after(800))

    assert stuck.action is Action.PAUSE
    assert (then.action, then.ring) == (Action.ADVANCE, "all")


def test_a_late_failure_in_an_earlier_ring_halts() -> None:
    two = plan(ring("lab"), ring("all"))
    log = [started(), advanced("lab"), advanced("all", s=1000)]
    went_back = view(1, BACK, beat_s=4000, why="asks end in errors")
    others = [view(n, settled_s=2000, beat_s=4000, ring="all") for n in range(10, 30)]

    found = decide(two, log, [went_back, *others], now=after(4000))

    assert found.action is Action.HALT
    assert "ring lab" in found.why


def test_a_store_that_left_the_release_after_settling_has_failed_whatever_it_says() -> None:
    left = view(1, settled_s=100, beat_s=4000, live="v1")

    found = decide(plan(), [started(), advanced()], [left], now=after(4000))

    assert found.action is Action.HALT


def test_failures_scattered_over_rings_are_added() -> None:
    rings = plan(
        ring("a", step(100, fail_count=2)),
        ring("b", step(100, fail_count=2)),
    )
    log = [started(), advanced("a"), advanced("b", s=10)]
    stores = [view(1, BACK, ring="a"), view(2, BACK, ring="b")]

    assert "all rings" in decide(rings, log, stores, now=after(60)).why


def test_a_step_to_be_checked_pauses_until_a_person_has_looked() -> None:
    checked = plan(ring("lab", step(100, check=True)), ring("all"))
    stores = [view(1, settled_s=0, beat_s=700)]
    log = [started(), advanced()]

    pause = decide(checked, log, stores, now=after(700))
    log.append(Event(EventKind.PAUSED, after(700), pause.ring, pause.step, why=pause.why))
    still = decide(checked, log, stores, now=after(90_000))
    log.append(Event(EventKind.RESUMED, after(90_000), by="Ana"))
    then = decide(checked, log, stores, now=after(90_000))

    assert pause.action is still.action is Action.PAUSE
    assert (then.action, then.ring) == (Action.ADVANCE, "all")


def test_a_paused_rollout_still_halts() -> None:
    log = [started(), advanced(), Event(EventKind.PAUSED, T0, by="Ana", why="lunch")]

    assert decide(plan(), log, [view(1, BACK)], now=after(5)).action is Action.HALT


def test_a_persons_pause_does_not_count_as_a_look_at_the_step() -> None:
    checked = plan(ring("lab", step(100, check=True)), ring("all"))
    log = [
        started(),
        advanced(),
        Event(EventKind.PAUSED, after(1), by="Ana", why="lunch"),
        Event(EventKind.RESUMED, after(2), by="Ana"),
    ]

    found = decide(checked, log, [view(1, settled_s=0, beat_s=700)], now=after(700))

    assert found.action is Action.PAUSE


def test_it_is_watched_for_late_failures_before_it_is_done() -> None:
    stores = [view(1, settled_s=0, beat_s=3000)]
    log = [started(), advanced()]

    watched = decide(plan(), log, stores, now=after(3000))
    done = decide(plan(), log, stores, now=after(3600))

    assert watched.until == after(3600)
    assert done.action is Action.DONE


def test_worse_answers_halt() -> None:
    halves = Halves(Quality(asks=1000, errors=80), Quality(asks=9000, errors=90))

    found = decide(plan(), [started(), advanced()], [view(1, PROBATION)], now=T0, quality=halves)

    assert found.action is Action.HALT
    assert "errors: 8.0% of asks against 1.0%" in found.why


def test_nothing_halts_before_anything_was_pointed_at_the_release() -> None:
    halves = Halves(Quality(asks=1000, errors=80), Quality(asks=9000, errors=90))

    assert decide(plan(), [started()], [], now=T0, quality=halves).action is Action.ADVANCE
