"""A promise in a release: written beside what is there, and the release stays whole."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.errors import DamagedRelease
from appliance.promise import promise_of
from appliance.records import LaneName
from appliance.release import MANIFEST, open_release
from models.package import REQUIRED, package
from models.routing.placing import place_promise
from models.routing.promise import prove
from models.routing.promised import as_row, of_heard

KEPT = as_row(prove([0.9] * 400, [False] * 400, thresholds=[0.8]))
NONE = as_row(prove([0.9] * 400, [True] * 400, thresholds=[0.8]))


@pytest.fixture
def release(tmp_path: Path) -> Path:
    for name in REQUIRED:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
    package(
        tmp_path,
        release="r1",
        counter=1,
        created_at=datetime(2026, 11, 22, tzinfo=UTC),
        compatibility={"values": "slots"},
        thresholds={"accept_at": 0.9},
        evaluation={"golden": 0.92},
        probes=[{"text": "hours"}],
    )
    return tmp_path


def test_a_promise_is_written_beside_what_is_there(release: Path) -> None:
    before = open_release(release).manifest
    place_promise(release, KEPT)
    after = open_release(release).manifest
    assert after.thresholds == {"accept_at": 0.9, "promise_at": 0.8}
    assert after.evaluation["golden"] == 0.92
    assert after.evaluation["promise"]["wrong"] == 0
    assert "at most 2.0% is wrong, at 95% confidence" in after.evaluation["promise"]["sentence"]
    assert (after.parts, after.probes, after.id) == (before.parts, before.probes, before.id)


def test_what_cannot_be_promised_leaves_no_threshold_of_an_earlier_promise(release: Path) -> None:
    place_promise(release, KEPT)
    place_promise(release, NONE)
    after = open_release(release).manifest
    assert after.thresholds == {"accept_at": 0.9}
    assert "Nothing can be promised" in after.evaluation["promise"]["sentence"]


def test_a_lesser_promise_is_placed_with_its_risk_and_says_what_was_wished_for(
    release: Path,
) -> None:
    heard = [{"lane": "lookup", "p": 0.9, "right": n % 25 != 0} for n in range(1000)]
    place_promise(release, of_heard(heard))
    manifest = open_release(release).manifest
    made = promise_of(manifest)
    assert made is not None
    assert made.at is not None
    assert made.risk > manifest.evaluation["promise"]["wished"] == 0.02
    assert "At most 2.0% was wished for and could not be proven." in made.sentence


def test_what_headquarters_or_nobody_answered_proves_nothing_of_the_store() -> None:
    ours = [{"lane": "lookup", "p": 0.9, "right": True}] * 300
    theirs = [{"lane": lane, "p": 0.99, "right": False} for lane in ("generalist", "handoff")]
    row = of_heard([*ours, *theirs * 100])
    assert (row["answered"], row["wrong"], row["asks"]) == (300, 0, 500)
    assert row["coverage"] == 0.6


def test_quotes_are_promised_apart_from_what_the_store_states(release: Path) -> None:
    stated = [{"lane": "lookup", "p": 0.9, "right": n % 200 != 0} for n in range(600)]
    quotes = [{"lane": "quote", "p": 0.99, "right": n % 20 != 0} for n in range(800)]
    row = of_heard([*stated, *quotes])
    assert (row["risk"], row["answered"], row["wrong"]) == (0.02, 600, 3)
    assert row["quotes"]["risk"] > 0.05
    assert "Of what the store states itself" in row["sentence"]
    assert "Quotes: Of what the store quotes itself" in row["sentence"]
    place_promise(release, row)
    made = promise_of(open_release(release).manifest)
    assert made is not None
    assert made.said_of(LaneName.LOOKUP, 0.9).startswith("promised")
    assert "not covered" in made.said_of(LaneName.QUOTE, 0.99)


def test_a_release_that_is_not_whole_is_promised_nothing(release: Path) -> None:
    before = (release / MANIFEST).read_text(encoding="utf-8")
    (release / "index.db").write_text("other", encoding="utf-8")
    with pytest.raises(DamagedRelease, match=r"index\.db"):
        place_promise(release, KEPT)
    assert (release / MANIFEST).read_text(encoding="utf-8") == before
    assert json.loads(before)["thresholds"] == {"accept_at": 0.9}
