"""What leaves the store as JSON, and what does not."""

import json

from appliance.web.shapes import passage_json, reply_json
from tests.fakes.store import HEADPHONES, FakeStore

RECEIPT = {
    *("id", "text", "lane", "confidence", "sources", "facts", "policies", "times_ms", "model"),
    *("release", "thread", "intent", "in_scope", "lanes", "reasons", "checks", "attempts"),
    *("asked_at", "entry"),
}


def test_a_reply_carries_its_whole_receipt_as_json() -> None:
    plain = json.loads(json.dumps(reply_json(FakeStore().ask("opened headphones?", thread="t1"))))

    assert set(plain) >= RECEIPT
    assert plain["lane"] == "quote"
    assert plain["thread"] == "t1"
    assert plain["asked_at"] == "2026-11-22T19:02:00Z"
    assert plain["lanes"][0] == {"lane": "quote", "p": 0.93}
    assert plain["times_ms"]["model"] == 212.0
    assert plain["policies"] == [
        {
            "rule": "read-own-audience",
            "effect": "permit",
            "message": "You may read it.",
            "why": "",
        }
    ]


def test_a_rule_that_spoke_says_why() -> None:
    plain = reply_json(FakeStore().ask("can I give 25 % off"))

    assert [(p["rule"], p["why"]) for p in plain["policies"]] == [("discount-over-20", "margin")]


def test_offsets_of_a_source_cut_the_cited_words_out_of_the_passage() -> None:
    plain = reply_json(FakeStore().ask("opened headphones?"))

    source = plain["sources"][0]

    assert HEADPHONES.text[source["start"] : source["end"]] == plain["sentences"][0]["text"]


def test_a_fact_says_when_it_was_true_and_keeps_its_row_to_itself() -> None:
    plain = reply_json(FakeStore().ask("price of the kettle"))

    assert plain["facts"] == [
        {
            "id": "price:LM-104233",
            "family": "price",
            "text": "The Fernway kettle (LM-104233) is $24.99 today.",
            "as_of": "2026-11-22T19:02:00Z",
            "is_stale": False,
        }
    ]


def test_a_passage_says_since_when_it_holds_and_not_how_well_it_matched() -> None:
    plain = passage_json(HEADPHONES)

    assert plain["effective_from"] == "2026-02-01"
    assert plain["effective_to"] is None
    assert "score" not in plain
