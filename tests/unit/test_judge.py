"""The judge of the golden questions, and the questions themselves."""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from appliance.demo.seed import seed_store
from appliance.holding import holds, normalise
from models.golden.judge import judge, wrong_values
from models.golden.truth import fact_texts

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "models" / "corpus"
QUESTIONS = [
    json.loads(line)
    for line in (ROOT / "tests/golden/questions.jsonl").read_text(encoding="utf-8").splitlines()
]
KINDS = {
    "policy",
    "live",
    "card",
    "commitment",
    "restricted",
    "out_of_scope",
    "follow_up",
}
KEYS = {
    "id",
    "text",
    "role",
    "language",
    "turns",
    "kind",
    "holds",
    "holds_fact",
    "source",
    "forbidden",
    "honest",
    "note",
}
TODAY = date(2026, 11, 22)


# ── what is written in two ways is the same ─────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("The fee is 15 %.", "15%"),
        ("The fee is 15 percent.", "15%"),
        ("El cargo es del 15 por ciento.", "15%"),
        ("It costs $49.00.", "$49"),
        ("It costs 49 dollars.", "$49"),
        ("Gold from $1,500 a year", "$1500"),
        ("ready in two hours", "2 hours"),
        ("ready within 2 hrs", "two hours"),
        ("the 2-hour clock", "2 hours"),
        ("the 30-day limit", "30 days"),
        ("forty-five days", "45 days"),
        ("from 8:00 to 21:00", "8 am"),
        ("from 08:00", "8:00"),
        ("until 9 p.m.", "21:00"),
        ("from noon on Sundays", "12:00"),
        ("until Jan 31st", "January 31"),
        ("5-7 business days", "5 to 7 business days"),
        ("en 60 días", "60 dias"),
        ("Freezers read 0 °F", "0°F"),
        ("A LEAD approves it", "lead"),
        ("at A13-B7", "A13-B7|aisle A13"),
        ("at aisle A13, bay 7", "A13-B7|aisle A13"),
        ("It is a customer\u2019s own", "customer's own"),
    ],
)
def test_one_value_is_found_however_it_is_printed(text, wanted):
    assert holds(text, wanted)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("45 days", "5 days"),
        ("within 130 days", "30 days"),
        ("costs $100", "$10"),
        ("costs $10.50", "$10"),
        ("takes 20% off", "20"),
        ("Misleading words", "lead"),
        ("open until 18:00", "8:00"),
        ("costs $1,500", "$500"),
        ("30 minutes", "30 days"),
    ],
)
def test_a_longer_value_does_not_hold_a_shorter_one(text, wanted):
    assert not holds(text, wanted)


def test_normalising_twice_changes_nothing():
    for question in QUESTIONS:
        once = normalise(question["text"])
        assert normalise(once) == once


# ── right, honest, wrong ────────────────────────────────────────────────────────────────────────

ASKED = {"id": "x", "holds": ["30 days", "15%"], "forbidden": ["20%"]}


def test_an_answer_with_every_value_is_right_in_any_lane():
    for lane in ("card", "lookup", "specialist", "quote", "handoff"):
        assert judge(ASKED, text="30 days, less 15 percent.", lane=lane) == "right"


def test_an_answer_that_lacks_a_value_is_wrong_and_a_quote_that_lacks_it_is_honest():
    assert judge(ASKED, text="30 days.", lane="specialist") == "wrong"
    assert judge(ASKED, text="30 days.", lane="quote") == "honest"
    assert judge(ASKED, text="Ask your lead.", lane="handoff") == "honest"


def test_a_forbidden_value_is_wrong_even_in_a_quote():
    assert judge(ASKED, text="30 days, less 15%; it was 20%.", lane="quote") == "wrong"


def test_where_no_answer_exists_only_a_hedge_is_right():
    unanswerable = {"id": "x", "holds": [], "honest": True, "forbidden": ["$150"]}
    assert judge(unanswerable, text="Ask your lead.", lane="handoff") == "right"
    assert judge(unanswerable, text="Keys are cut at the desk.", lane="specialist") == "wrong"
    assert judge(unanswerable, text="From $150 on.", lane="handoff") == "wrong"


def test_saying_truly_that_nothing_is_known_is_right_in_any_lane():
    nothing = {"id": "x", "holds": ["no delivery|none"], "honest": True}
    assert judge(nothing, text="No delivery is on its way.", lane="lookup") == "right"


def test_a_live_question_is_judged_by_the_fact_it_is_given():
    live = {"id": "x", "holds_fact": {"family": "price", "sku": "LM-100001"}}
    assert judge(live, text="It is $12.", lane="lookup", fact_texts=["$12.00"]) == "right"
    assert judge(live, text="It is $13.", lane="lookup", fact_texts=["$12.00"]) == "wrong"
    with pytest.raises(ValueError, match="needs the live fact"):
        judge(live, text="It is $12.", lane="lookup")


# ── wrong values ────────────────────────────────────────────────────────────────────────────────


def test_a_value_that_no_source_holds_is_a_wrong_value():
    sources = ["Opened electronics may be returned within 30 days."]
    assert wrong_values("Within thirty days: 30 days.", lane="specialist", sources=sources) == ()
    assert wrong_values("Within 45 days.", lane="specialist", sources=sources) == ("45 days",)
    assert wrong_values("Within 45 days.", lane="quote", sources=sources) == ()


def test_a_bare_number_agrees_with_the_same_number_that_has_a_unit():
    sources = ["A customer must be 21 to buy alcohol."]
    assert wrong_values("Sold to customers aged 21 or older.", lane="card", sources=sources) == ()


# ── the store's truth ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def store():
    connection = sqlite3.connect(":memory:")
    connection.executescript(
        """
        CREATE TABLE products (sku, department);
        CREATE TABLE prices (sku, price);
        CREATE TABLE costs (sku, cost);
        CREATE TABLE stock (sku, on_hand, reserved, backroom);
        CREATE TABLE transit (sku, due_on, quantity);
        CREATE TABLE promotions (sku, department, percent, price, starts_on, ends_on, needs_tier);
        INSERT INTO products VALUES ('LM-1', 'toys'), ('LM-2', 'home');
        INSERT INTO prices VALUES ('LM-1', 19.9), ('LM-2', 5);
        INSERT INTO costs VALUES ('LM-1', 9.5);
        INSERT INTO stock VALUES ('LM-1', 7, 2, 4), ('LM-2', 0, 0, 0);
        INSERT INTO transit VALUES ('LM-1', '2026-11-20', 3), ('LM-1', '2026-11-25', 8);
        INSERT INTO promotions VALUES
            ('LM-1', NULL, 15, NULL, '2026-11-20', '2026-11-22', NULL),
            (NULL, 'toys', 50, NULL, '2026-11-01', '2026-11-30', 'Gold'),
            ('LM-2', NULL, NULL, 4, '2026-11-01', '2026-11-21', NULL);
        """
    )
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("family", "sku", "expected"),
    [
        ("price", "LM-1", "$16.92"),  # 15 % off, half a cent up; the Gold half is not for everybody
        ("price", "LM-2", "$5.00"),  # the promotion ended yesterday
        ("cost", "LM-1", "$9.50"),
        ("stock", "LM-1", "5"),
        ("stock", "LM-2", "none|out of stock|0"),
        ("backroom", "LM-1", "4"),
        ("transit", "LM-1", "8"),
        ("promotion", "LM-1", "15%"),
    ],
)
def test_the_truth_of_a_live_question_is_what_the_store_knows_today(store, family, sku, expected):
    question = {"holds_fact": {"family": family, "sku": sku}}
    assert fact_texts(question, store, today=TODAY) == (expected,)


def test_an_unknown_product_or_family_is_an_error_not_an_empty_truth(store):
    for fact in ({"family": "price", "sku": "LM-9"}, {"family": "colour", "sku": "LM-1"}):
        with pytest.raises(ValueError, match="database has no"):
            fact_texts({"holds_fact": fact}, store, today=TODAY)


# ── the questions ───────────────────────────────────────────────────────────────────────────────


def test_the_questions_are_well_formed_and_enough():
    assert len(QUESTIONS) >= 150
    assert len({q["id"] for q in QUESTIONS}) == len(QUESTIONS)
    assert len({q["text"] for q in QUESTIONS}) == len(QUESTIONS)
    for q in QUESTIONS:
        assert set(q) <= KEYS, q["id"]
        assert q["kind"] in KINDS, q["id"]
        assert q["role"] in {"associate", "lead", "manager"}, q["id"]
        assert q["language"] in {"en", "es"}, q["id"]
        assert q.get("holds") or q.get("holds_fact") or q["honest"], q["id"]
    kinds = Counter(q["kind"] for q in QUESTIONS)
    assert kinds["live"] >= 30
    assert kinds["follow_up"] >= 12
    assert kinds["out_of_scope"] >= 12
    assert kinds["commitment"] >= 6


def test_every_follow_up_has_its_earlier_turns():
    assert all(q.get("turns") for q in QUESTIONS if q["kind"] == "follow_up")


def corpus_texts(question):
    return [
        path.read_text(encoding="utf-8")
        for name in (question["source"] or "").split("|")
        for folder in ("handbook", "cards")
        if (path := CORPUS / folder / f"{name}.md").is_file()
    ]


def test_each_question_can_be_answered_rightly_from_its_source():
    for q in QUESTIONS:
        if q["source"] and not q["source"].startswith("LM-"):
            texts = corpus_texts(q)
            assert any(all(holds(t, h) for h in q.get("holds", ())) for t in texts), q


def test_what_a_refused_role_must_not_hear_stands_in_the_document_it_may_not_read():
    for q in QUESTIONS:
        if q["kind"] == "restricted" and q["honest"] and q["source"]:
            (text,) = corpus_texts(q)
            assert all(holds(text, word) for word in q["forbidden"]), q


def test_the_demo_store_knows_the_truth_of_every_live_question(tmp_path):
    seed_store(tmp_path / "store.db", now=datetime(2026, 11, 22, 18, 0, tzinfo=UTC))
    with closing(sqlite3.connect(tmp_path / "store.db")) as store:
        for q in QUESTIONS:
            truth = fact_texts(q, store, today=TODAY)
            assert len(truth) == ("holds_fact" in q), q
            assert not any(holds(truth[0], lie) for lie in q.get("forbidden", ()) if truth), q
            if (q["source"] or "").startswith("LM-"):
                row = store.execute("SELECT aisle FROM products WHERE sku = ?", (q["source"],))
                assert row.fetchone(), q
