"""Late answers: governed like any draft, journalled once, shown to whoever asked alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.backroom import Store
from appliance.owed import deferred_ask
from appliance.records import Arrived, LaneName, LateAnswer, Principal, Reply, Role
from appliance.store.late_answers import SqliteLateAnswers
from tests.builders.records import (
    NOW,
    a_passage,
    a_query,
    a_reply,
    a_stitched,
    an_ask,
    an_evidence,
)
from tests.builders.stores import HEADPHONES, SAFE, Parts
from tests.fakes.clock import FakeClock

ASKER = Principal(device="d1", badge="a7", role=Role.ASSOCIATE)
OTHER = Principal(device="d2", badge="a7", role=Role.ASSOCIATE)
UNKNOWN = "zzz qqq for customer Maria Lopez"


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts.at(tmp_path, FakeClock(NOW))


@pytest.fixture
def store(parts: Parts, tmp_path: Path) -> Store:
    return parts.store(tmp_path)


def asked(store: Store, text: str = UNKNOWN, **fields: Any) -> Reply:
    return store.ask(text, **{"thread": "t1", "device": "d1", "associate": "a7", **fields})


def arrive(store: Store, reply: Reply, text: str, **fields: Any) -> int:
    known = {"by": "expert", "at": NOW + timedelta(hours=3)}
    came = Arrived(reply.id, text, **{**known, **fields})
    return SqliteLateAnswers(store.database, store.clock).arrive([came])


def rows(store: Store, kind: str = "late_answer") -> list[dict[str, Any]]:
    found = store.database.rows("SELECT body FROM journal WHERE kind = ?", (kind,))
    return [json.loads(body) for (body,) in found]


def test_an_ask_nobody_answers_is_said_to_be_kept_where_there_is_a_line(store: Store) -> None:
    assert asked(store).is_kept
    route = replace(store.pipeline.route, line_is_configured=False)
    alone = replace(store, pipeline=replace(store.pipeline, route=route))
    assert not asked(alone).is_kept
    assert not asked(store, "how long to return opened headphones").is_kept


def test_an_experts_answer_comes_back_with_its_names_and_stands_in_the_journal(
    store: Store,
) -> None:
    reply = asked(store)
    assert arrive(store, reply, "Tell [NAME_1] that it is 45 days.") == 1

    (late,) = store.late_answers(ASKER)

    assert late.text == "Tell Maria Lopez that it is 45 days."
    assert (late.reply, late.thread, late.asked, late.by) == (reply.id, "t1", UNKNOWN, "expert")
    (row,) = rows(store)
    assert (row["id"], row["text"]) == (reply.id, late.text)
    assert store.journal.verify() == 2
    assert store.replay(reply.id)[1].text == reply.text


def test_it_is_decided_once_however_often_it_is_looked_at_or_comes(store: Store) -> None:
    reply = asked(store)
    arrive(store, reply, "It is 45 days.")
    store.late_answers(ASKER)
    assert arrive(store, reply, "It is 45 days.") == 0
    assert len(store.late_answers(ASKER)) == len(rows(store)) == 1


def test_a_newer_word_of_the_same_speaker_takes_the_place_of_the_older(store: Store) -> None:
    reply = asked(store)
    arrive(store, reply, "It is 45 days.")
    store.late_answers(ASKER)
    arrive(store, reply, "It is 30 days.", at=NOW + timedelta(hours=9))
    assert [late.text for late in store.late_answers(ASKER)] == ["It is 30 days."]
    assert len(rows(store)) == 2


def test_nobody_else_sees_it(store: Store) -> None:
    arrive(store, asked(store), "It is 45 days.")
    assert store.late_answers(OTHER) == ()
    assert rows(store) == []  # it waits for whoever asked
    assert len(store.late_answers(ASKER)) == 1


def test_an_answer_to_a_reply_that_was_never_given_is_left(store: Store) -> None:
    reply = replace(asked(store), id="nobody")
    assert arrive(store, reply, "It is 45 days.") == 0


def test_the_generalists_values_are_checked_against_what_it_cites(store: Store) -> None:
    right = asked(store, "how long for opened zzz qqq headphones", reply_id="r1")
    wrong = asked(store, UNKNOWN, reply_id="r2")
    cites = {"by": "generalist", "sources": (HEADPHONES.id,)}
    arrive(store, right, "Opened headphones come back within 30 days [1].", **cites)
    arrive(store, wrong, "Opened headphones come back within 90 days [1].", **cites)

    given = {late.reply: late for late in store.late_answers(ASKER)}

    assert given["r1"].text == "Opened headphones come back within 30 days."
    assert given["r1"].sources[0].id == HEADPHONES.id
    assert given["r2"].is_withheld
    assert "90 days" not in given["r2"].text
    assert "did not pass" in given["r2"].text


def test_a_passage_above_the_askers_role_is_no_source(store: Store) -> None:
    reply = asked(store)
    text = "The code of the safe changes every 90 days [1]."
    arrive(store, reply, text, by="generalist", sources=(SAFE.id,))
    (late,) = store.late_answers(ASKER)
    assert late.is_withheld


def test_the_chains_rules_hold_for_experts_too(store: Store) -> None:
    arrive(store, asked(store), "You may give 40 % off.")
    (late,) = store.late_answers(ASKER)
    assert late.is_withheld
    assert rows(store)[0]["checks"][-1]["outcome"] == "fail"


def test_it_stands_in_its_conversation_and_is_what_a_follow_up_refers_to(store: Store) -> None:
    reply = asked(store)
    arrive(store, reply, "It is 45 days.")
    store.late_answers(ASKER)

    exchanges = store.conversation("t1", principal=ASKER) or ()

    assert [(e.lane, e.late and e.late.text) for e in exchanges] == [
        (LaneName.HANDOFF, "It is 45 days.")
    ]
    assert store.threads.turns("t1")[0].answer == "It is 45 days."


def test_what_is_owed_tells_headquarters_what_the_store_found_masked() -> None:
    text = "customer Maria Lopez asks about opened headphones"
    named = a_passage("Dana Whitlock knows. " + "x" * 2_000)
    evidence = an_evidence([HEADPHONES, named])
    query = a_query("and for Maria Lopez's headphones?", is_follow_up=True)
    stitched = a_stitched(ask=an_ask(text), query=query, evidence=evidence)

    owed = deferred_ask(an_ask(text), a_reply(lane=LaneName.HANDOFF), stitched)

    assert owed["masked"] == "customer [NAME_1] asks about opened headphones"
    assert owed["question"] == "and for [NAME_1]'s headphones?"
    assert (owed["language"], owed["role"], owed["reply"]) == ("en", "associate", "r1")
    first, second = owed["passages"]
    assert first == {"id": HEADPHONES.id, "title": HEADPHONES.title, "text": HEADPHONES.text}
    assert second["text"].startswith("[NAME_2] knows. xxx")
    assert len(second["text"]) < 1_300


def test_a_late_answer_says_in_spanish_that_it_is_withheld(store: Store) -> None:
    reply = asked(store, "¿cuánto tiempo hay para zzz qqq?")
    arrive(store, reply, "Puede dar 40 % off.")
    (late,) = store.late_answers(ASKER)
    assert isinstance(late, LateAnswer)
    assert late.text.startswith("La central respondió") == late.is_withheld
