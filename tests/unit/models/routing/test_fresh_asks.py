"""The demo chain's fresh asks, put to the whole store: recorded as heard, and the promise kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from appliance.config import DEMO_RELEASE
from appliance.errors import BadInput
from appliance.release import read_manifest
from models.build import Build
from models.drawn import asks_for
from models.routing.outcome_file import Outcome, assumptions, read_outcomes
from models.routing.placing import PROMISE
from models.routing.promise import Promise
from models.routing.promised import kept_on
from models.routing.record import record

pytest.importorskip("sklearn")
MOST = 25  # of the handbook's asks, and of those for live facts
CORPUS = Path(__file__).parents[4] / "models" / "corpus"
MANIFEST = read_manifest(DEMO_RELEASE)
DAY = MANIFEST.created_at.date()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    for name in ("handbook", "asks"):
        shutil.copytree(CORPUS / name, folder / name)
    for name in ("intents.toml", "lexicon.toml"):
        shutil.copyfile(CORPUS / name, folder / name)
    shutil.copyfile(DEMO_RELEASE / "store" / "products.csv", folder / "catalogue.csv")
    return folder


@pytest.fixture(scope="module")
def heard(corpus: Path) -> list[Outcome]:
    target = corpus / "fresh.jsonl"
    record(
        target,
        corpus=corpus,
        on=DAY.isoformat(),
        release=DEMO_RELEASE,
        which="fresh",
        most=MOST,
        work=corpus / "work",
    )
    return read_outcomes(target)


def test_fresh_asks_are_none_of_those_that_calibrated(corpus: Path) -> None:
    build = Build(DEMO_RELEASE, corpus, DAY, corpus)
    drawn, fresh = (
        {a.text for part in asks_for(build, w) for a in part} for w in ("drawn", "fresh")
    )
    assert len(fresh) > 300
    assert not drawn & fresh


def test_every_lane_and_what_was_said_is_recorded_and_nothing_assumed(heard: list[Outcome]) -> None:
    assert len(heard) == 2 * MOST
    assert {o.slices["kind"] for o in heard} == {"handbook", "live"}
    for lane, count in assumptions(heard).items():
        assert (lane, count["assumed"], count["recorded"]) == (lane, 0, 2 * MOST)
    assert all(o.said is not None and o.features for o in heard)
    assert not any(o.cloud for o in heard)
    right = [o.lanes[o.said.lane].right for o in heard if o.said and o.said.lane in o.lanes]
    assert 0.5 < sum(right) / len(right) < 1.0  # a store that is always right was not judged


def test_the_sure_answers_are_righter_than_the_unsure(heard: list[Outcome]) -> None:
    said = [
        (o.said.p, o.lanes[o.said.lane].right) for o in heard if o.said and o.local.get(o.said.lane)
    ]
    said.sort()
    unsure, sure = said[: len(said) // 2], said[len(said) // 2 :]
    assert sum(r for _, r in sure) / len(sure) > sum(r for _, r in unsure) / len(unsure)


def test_the_releases_promise_is_kept_on_fresh_asks(heard: list[Outcome]) -> None:
    row = MANIFEST.evaluation.get(PROMISE)
    if not row or row["threshold"] is None:
        pytest.skip("this release makes no promise")
    numbers = ("risk", "confidence", "threshold", "answered", "wrong", "asks", "upper")
    promise = Promise(**{name: row[name] for name in numbers}, tests=())
    assert kept_on(promise, heard, lanes=row.get("lanes", ()))["is_broken"] is False


def test_options_that_name_no_asks_are_refused(corpus: Path) -> None:
    known = {"corpus": corpus, "release": DEMO_RELEASE, "most": 1, "work": corpus}
    with pytest.raises(BadInput, match="--which is 'all'"):
        record(corpus / "o", on="2026-11-22", which="all", **known)
    with pytest.raises(BadInput, match="--on is 'today'"):
        record(corpus / "o", on="today", which="fresh", **known)
    with pytest.raises(BadInput, match=r"lacks asks, catalogue\.csv"):
        record(corpus / "o", on="2026-11-22", which="fresh", **{**known, "corpus": corpus / "work"})
