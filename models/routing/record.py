"""Open a release as a store on the day it is for, and record what came of its held-out asks."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from appliance.config import Settings
from appliance.errors import BadInput
from appliance.wiring import open_store
from models import demo, drawn
from models.build import Build
from models.golden.sit import DayClock
from models.routing.outcome_file import write_outcomes
from models.routing.replay import replay_handbook, replay_live

WHICH = ("drawn", "fresh")


def record(
    target: Path,
    *,
    corpus: Path,
    on: str,
    release: Path,
    which: str,
    most: int,
    work: Path,
) -> int:
    """Write the outcomes of a corpus's held-out asks to `target`; return how many.

    Raises:
        BadInput: An option is no day or names no asks, or the corpus lacks a part.
    """
    if which not in WHICH:
        raise BadInput(f"--which is {which!r}.", hint=f"Expected: {', '.join(WHICH)}.")
    try:
        day = date.fromisoformat(on)
    except ValueError as exc:
        raise BadInput(f"--on is {on!r}; expected a day such as 2026-11-22.") from exc
    build = Build(release, work, day, corpus)
    lacking = [p.name for p in (corpus / "asks", build.catalogue) if not p.exists()]
    if lacking:
        raise BadInput(
            f"{corpus} lacks {', '.join(lacking)}.",
            hint="Make a corpus: backroom models corpus --help",
        )
    asks, live = drawn.asks_for(build, which)
    clock = DayClock(datetime(day.year, day.month, day.day, tzinfo=UTC) + demo.ASKED_AT)
    with open_store(Settings(home=work / "store", release=release), clock=clock) as store:
        found = [
            *replay_handbook(store, asks[: most or None]),
            *replay_live(store, live[: most or None]),
        ]
    write_outcomes(target, found)
    return len(found)
