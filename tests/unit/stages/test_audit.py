"""A reply is what stands in the journal, with its receipt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.codec import from_plain
from appliance.errors import StoreError
from appliance.meter import Meter
from appliance.records import Ask, Check, Fact, Fired, LaneName, Outcome, Sentence, Source
from appliance.stages.audit import Audit
from appliance.store.db import Database
from appliance.store.journal import SqliteJournal
from tests.builders.records import HEADPHONES, a_fact, a_grant, a_verdict, an_ask, an_evidence
from tests.fakes.clock import FakeClock
from tests.fakes.ports import MemoryThreads, WatchedJournal

FACT = a_fact()
TOLD = Sentence(FACT.text, (Source(FACT.id, "price", 0, len(FACT.text)),))


@pytest.fixture
def journal(tmp_path: Path) -> WatchedJournal:
    return WatchedJournal(SqliteJournal(Database(tmp_path / "store.db"), FakeClock()))


@pytest.fixture
def audit(journal: WatchedJournal) -> Audit:
    return Audit(journal, MemoryThreads(), "demo-7", lambda: "fresh")


def meter() -> Meter:
    return Meter(FakeClock().monotonic)


def test_the_row_holds_the_ask_and_the_facts_so_that_they_read_back_the_same(
    audit: Audit, journal: WatchedJournal
) -> None:
    ask = an_ask("¿cuánto cuesta? 🎧", thread="t1", deadline_s=4.5)
    evidence = an_evidence(facts=[FACT], missing=("stock: not known since 14:02",))

    audit(a_verdict(ask=ask, evidence=evidence), meter=meter(), reply_id="r1")

    row = journal.reply("r1")
    assert row is not None
    assert from_plain(row["ask"], Ask) == ask
    assert from_plain(row["reading"]["facts"][0], Fact) == FACT
    assert row["reading"]["missing"] == ["stock: not known since 14:02"]


def test_only_facts_that_were_said_are_on_the_receipt_and_all_are_in_the_row(
    audit: Audit, journal: WatchedJournal
) -> None:
    unsaid = a_fact("6 left.", id="stock:LM-104233", family="stock")
    verdict = a_verdict(evidence=an_evidence(facts=[FACT, unsaid]), sentences=(TOLD,))

    reply = audit(verdict, meter=meter(), reply_id="r1")

    row = journal.reply("r1")
    assert row is not None
    assert reply.facts == (FACT,)
    assert len(row["reading"]["facts"]) == 2


def test_a_source_cited_twice_is_named_once(audit: Audit) -> None:
    cited = Source("p#1", "Returns", 0, 9)
    sentences = (Sentence("One.", (cited,)), Sentence("Two.", (cited,)))
    reply = audit(a_verdict(sentences=sentences), meter=meter())
    assert reply.sources == (cited,)
    assert reply.text == "One. Two."


def test_policies_are_those_of_the_grant_and_of_the_checks_each_once(audit: Audit) -> None:
    fired = Fired("open", "permit")
    check = Check("G7 banned", Outcome.MEND, "replaced", rule="no-promise")
    verdict = a_verdict(grant=a_grant(fired=(fired, fired)), checks=(check, check))
    rules = [p.rule for p in audit(verdict, meter=meter()).policies]
    assert rules == ["open", "no-promise"]


def test_a_reply_without_an_id_gets_a_fresh_one(audit: Audit) -> None:
    assert audit(a_verdict(), meter=meter()).id == "fresh"
    assert audit(a_verdict(), meter=meter(), reply_id="r1").id == "r1"


def test_a_turn_keeps_what_a_follow_up_needs(audit: Audit) -> None:
    ask = an_ask(thread="t1")
    verdict = a_verdict(ask=ask, subject=("LM-104233",), intent="price", lane=LaneName.LOOKUP)
    audit(verdict, meter=meter())
    (turn,) = audit.threads.turns("t1")
    assert turn.answer == HEADPHONES
    assert (turn.subject, turn.intent, turn.topic) == (("LM-104233",), "price", ask.text)


@pytest.mark.parametrize("lane", [n for n in LaneName if n is not LaneName.LOOKUP])
def test_a_product_that_was_not_looked_up_is_not_what_a_follow_up_means(
    audit: Audit, lane: LaneName
) -> None:
    reply = audit(
        a_verdict(ask=an_ask(thread="t1"), subject=("LM-104233",), lane=lane), meter=meter()
    )
    assert audit.threads.turns("t1")[0].subject == ()
    assert reply.subject == ("LM-104233",)  # the receipt still says what routing read


def test_a_thread_that_cannot_be_written_is_logged_and_the_reply_is_given(
    audit: Audit, journal: WatchedJournal, caplog: pytest.LogCaptureFixture
) -> None:
    class ReadOnly(MemoryThreads):
        def add(self, *_: object, **__: object) -> None:
            raise StoreError("store.db is read-only.")

    reply = replace(audit, threads=ReadOnly())(
        a_verdict(ask=an_ask(thread="t1")), meter=meter(), reply_id="r1"
    )

    assert reply.text == HEADPHONES
    assert journal.reply("r1") is not None
    assert [(r.message, r.levelname) for r in caplog.records] == [("turn_not_kept", "ERROR")]


def test_without_a_thread_nothing_is_remembered(audit: Audit) -> None:
    audit(a_verdict(), meter=meter())
    assert audit.threads.turns("") == ()


def test_a_row_that_cannot_be_written_gives_no_reply_and_no_turn(
    audit: Audit, journal: WatchedJournal
) -> None:
    journal.fails_on = "reply"
    with pytest.raises(StoreError):
        audit(a_verdict(ask=an_ask(thread="t1")), meter=meter())
    assert audit.threads.turns("t1") == ()


def test_sentences_are_numbered_rows_under_the_replys_id(
    audit: Audit, journal: WatchedJournal
) -> None:
    heard: list[Sentence] = []
    say = audit.aloud(heard.append, meter=meter(), reply_id="r1")
    say(Sentence("One."))
    journal.fails_on = "sentence"
    with pytest.raises(StoreError):
        say(Sentence("Two."))
    assert heard == [Sentence("One.")]
    assert journal.events == ["row sentence"]
    assert journal.reply("r1") is None


def test_the_time_of_writing_is_counted_as_audit(journal: WatchedJournal) -> None:
    clock = FakeClock()

    class SlowDisk(WatchedJournal):
        def append(self, kind: str, body: object) -> object:  # type: ignore[override]
            clock.advance(0.25)
            return super().append(kind, body)  # type: ignore[arg-type]

    slow = Audit(SlowDisk(journal), MemoryThreads(), "demo-7", lambda: "fresh")
    timed = Meter(clock.monotonic)
    slow.aloud(lambda _: None, meter=timed, reply_id="r1")(Sentence("One."))
    reply = slow(a_verdict(), meter=timed, reply_id="r1")
    assert dict(reply.times_ms)["audit"] == pytest.approx(500)
