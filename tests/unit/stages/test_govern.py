"""Each check of a draft's sentence: what passes, what is mended, what fails and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.policy.notices import NOTICES_FILE, load_notices
from appliance.policy.rules import CedarPolicy
from appliance.policy.ruleset import load_rules
from appliance.policy_commands import DEMO_RULES
from appliance.promise import Promise
from appliance.records import (
    Ask,
    Check,
    Draft,
    Evidence,
    Fact,
    Grant,
    LaneName,
    Outcome,
    Passage,
    Query,
    Role,
    Sentence,
    Source,
    Span,
    Stitched,
)
from appliance.stages import govern as g
from appliance.stages.grounding import flipped, stray_values, support
from appliance.stages.text import sentence_spans
from appliance.values import find_values

HANDBOOK = Path(__file__).parents[3] / "models" / "corpus" / "handbook"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
RETURNS = (
    "Opened electronics come back within 30 days with the receipt. The restocking fee is 15%. "
    "Gift cards are never refunded. Photos of the damage are sent within 7 days."
)


def personal(text: str) -> Sequence[Span]:
    """Stand in for `find_personal`: names by a list, e-mail and cards by pattern."""
    kinds = {
        "name": r"Maria Lopez|John Smith",
        "email": r"\S+@\S+\.\w+",
        "card": r"4111 1111 1111 1111",
    }
    return [Span(m.start(), m.end(), k) for k, p in kinds.items() for m in re.finditer(p, text)]


@pytest.fixture(scope="module")
def govern() -> g.Govern:
    policy = CedarPolicy(load_rules(DEMO_RULES))
    return g.Govern(policy, load_notices(DEMO_RULES / NOTICES_FILE), personal)


def passage(text: str = RETURNS, *, audience: str = "associate", name: str = "p1") -> Passage:
    return Passage(name, "returns", "Returns", text, "handbook", "service", audience, "en")


def stitched(
    *passages: Passage, ask: str = "how long for returns?", role: Role = Role.ASSOCIATE,
    facts: tuple[Fact, ...] = (), missing: tuple[str, ...] = (), language: str = "en",
) -> Stitched:  # fmt: skip
    values = tuple(v for p in passages for v in find_values(p.text))
    return Stitched(
        ask=Ask("1", ask, NOW, role),
        query=Query(ask, ask, language),
        masked=ask,
        grant=Grant(True, role.audiences, ("price", "stock", "pickup")),
        intent="policy",
        in_scope=1.0,
        lanes=(),
        reasons=(),
        features=(),
        subject=(),
        card="",
        evidence=Evidence(passages, facts, values, missing),
    )


def judge(
    govern: g.Govern, text: str, case: Stitched | None = None, *,
    sources: tuple[str, ...] = ("p1",), lane: LaneName = LaneName.SPECIALIST,
) -> tuple[str, dict[str, Check]]:  # fmt: skip
    case = case or stitched(passage())
    sentence = Sentence(text, tuple(Source(s, "Returns", 0, 1) for s in sources))
    said, checks = govern(sentence, draft=Draft(lane, (sentence,), p=0.9), stitched=case)
    return said.text, {c.name: c for c in checks}


def test_a_true_sentence_passes_every_check(govern):
    text, checks = judge(govern, "Opened electronics come back within 30 days with the receipt.")

    assert {c.outcome for c in checks.values()} == {Outcome.PASS}
    assert len(checks) == 9
    assert text.endswith("receipt.")


def test_only_the_first_sentence_of_the_stores_own_answer_says_what_is_promised_of_it(govern):
    promising = replace(govern, promise=Promise(0.95, 0.02, 0.95, "At most 2.0% is wrong."))
    first, second = (Sentence(t, (Source("p1", "Returns", 0, 1),)) for t in (
        "Gift cards are never refunded.", "The restocking fee is 15%."
    ))  # fmt: skip
    for lane, told in ((LaneName.QUOTE, 1), (LaneName.GENERALIST, 0)):
        draft = Draft(lane, (first, second), p=0.9)
        checks = [
            promising(s, draft=draft, stitched=stitched(passage()))[1] for s in (first, second)
        ]
        found = [[c for c in some if c.name == g.PROMISE] for some in checks]
        assert [len(some) for some in found] == [told, 0]
        assert all(c.outcome is Outcome.PASS for some in checks for c in some)
    assert (
        "not promised: p 0.90 is under 0.95"
        in promising(
            first, draft=Draft(LaneName.QUOTE, (first,), p=0.9), stitched=stitched(passage())
        )[1][-1].why
    )


def test_a_sentence_cut_from_a_longer_quotation_gets_its_mark_back(govern):
    case = stitched(passage("Tell the customer: “Gift cards are never refunded. Keep the card.”"))

    first, checks = judge(govern, "Tell the customer: “Gift cards are never refunded.", case)
    second, _ = judge(govern, "Keep the card.”", case)

    assert first == "Tell the customer: “Gift cards are never refunded.”"
    assert second == "“Keep the card.”"
    assert checks[g.MARKS].outcome is Outcome.MEND


@pytest.mark.parametrize(
    "text",
    [
        "Opened electronics come back within 45 days with the receipt.",
        "Opened electronics come back within 30 weeks with the receipt.",
        "Opened electronics come back within 7 days with the receipt.",  # another line's value
        "Opened electronics come back within $30 with the receipt.",
        "Opened electronics come back within thirty days with the receipt.",
        "The restocking fee is 20%.",
        "The restocking fee is $15.",
    ],
)
def test_a_changed_value_fails(govern, text):
    assert judge(govern, text)[1][g.VALUES].outcome is Outcome.FAIL


def test_a_value_may_be_printed_otherwise(govern):
    case = stitched(passage("Layaway runs 2 weeks. Customers must be 21."))

    assert judge(govern, "Layaway runs 14 days.", case)[1][g.VALUES].outcome is Outcome.PASS
    assert stray_values("Only 21 or older.", cited=["must be 21"], asked=[]) == []


def test_an_asked_value_may_be_said_again_beside_the_sources_own(govern):
    case = stitched(passage(), ask="can I return opened electronics after 45 days?")

    said = judge(govern, "After 45 days no: opened electronics come back within 30 days.", case)[1]
    echo = judge(govern, "Opened electronics come back within 45 days.", case)[1]

    assert said[g.VALUES].outcome is Outcome.PASS
    assert echo[g.VALUES].outcome is Outcome.FAIL


def test_a_value_of_an_uncited_passage_fails(govern):
    case = stitched(passage(), passage("Layaway runs 56 days.", name="p2"))

    assert judge(govern, "Electronics come back in 56 days.", case)[1][g.VALUES].outcome is (
        Outcome.FAIL
    )


def test_a_sentence_without_a_source_fails(govern):
    assert (
        judge(govern, "Electronics come back.", sources=())[1][g.CITATION].outcome is Outcome.FAIL
    )


def test_a_sentence_its_source_does_not_support_fails(govern):
    said = judge(govern, "Bicycles get a free helmet and a bell at the workshop.")[1]

    assert said[g.CITATION].outcome is Outcome.FAIL


def test_a_source_the_role_may_not_read_fails(govern):
    case = stitched(passage(audience="manager"))

    said = judge(govern, "Gift cards are never refunded.", case)[1]

    assert said[g.CITATION].outcome is Outcome.FAIL


@pytest.mark.parametrize(
    "text",
    [
        "Gift cards are refunded.",
        "Opened electronics do not come back within 30 days with the receipt.",
        "Unopened electronics come back within 30 days with the receipt.",
    ],
)
def test_the_opposite_of_the_source_fails(govern, text):
    assert judge(govern, text)[1][g.NEGATION].outcome is Outcome.FAIL


def test_a_short_no_before_a_true_sentence_is_no_flip(govern):
    said = judge(govern, "No, gift cards are never refunded.")[1]

    assert said[g.NEGATION].outcome is Outcome.PASS


def test_a_promise_over_the_rules_fails_with_its_rule(govern):
    case = stitched(passage("Gold customers may get 25% off."), ask="can a Gold customer get 25%?")

    said = judge(govern, "Yes, you can give a Gold customer 25% off.", case)[1]

    assert said[g.CLAIMS].outcome is Outcome.FAIL
    assert said[g.CLAIMS].rule == "discount-over-20-manager-only"


def test_the_same_promise_by_a_manager_passes(govern):
    case = stitched(
        passage("Gold customers may get 25% off."), ask="Gold customer, 25%?", role=Role.MANAGER
    )

    said = judge(govern, "You can give a Gold customer 25% off.", case)[1]

    assert said[g.CLAIMS].outcome is Outcome.PASS


def test_another_persons_name_is_masked(govern):
    case = stitched(passage("The order is ready at the desk."))

    text, checks = judge(govern, "The order of Maria Lopez is ready at the desk.", case)

    assert text == "The order of [NAME] is ready at the desk."
    assert checks[g.PERSONAL].outcome is Outcome.MEND


def test_a_name_the_asker_gave_stays(govern):
    case = stitched(passage("The order is ready at the desk."), ask="is Maria Lopez's order ready?")

    text, _ = judge(govern, "The order of Maria Lopez is ready at the desk.", case)

    assert "Maria Lopez" in text


def test_a_fact_read_under_the_grant_may_name_its_customer(govern):
    text = "The order ORD-12345678 for John Smith is ready."
    fact = Fact("pickup:1", "pickup", "ORD-12345678", text, (), NOW)

    said, checks = judge(govern, text, stitched(facts=(fact,)), sources=("pickup:1",))

    assert said == text
    assert checks[g.PERSONAL].outcome is Outcome.PASS


@pytest.mark.parametrize(
    "text",
    [
        "Gift cards ⟦v3⟧ are never refunded.",
        "<|assistant|> Gift cards are never refunded.",
        "My system prompt says gift cards are never refunded.",
        "Answer only from the passages.",
        "[INST] Gift cards are never refunded.",
    ],
)
def test_control_or_instruction_text_fails(govern, text):
    assert judge(govern, text)[1][g.LEAKAGE].outcome is Outcome.FAIL


def test_a_banned_phrase_is_taken_out_or_fails(govern):
    text, checks = judge(govern, "As an AI language model, gift cards are never refunded.")
    assert text == "Gift cards are never refunded."
    assert checks[g.BANNED].outcome is Outcome.MEND

    checks = judge(govern, "Gift cards are probably never refunded.")[1]
    assert checks[g.BANNED].outcome is Outcome.FAIL


def test_an_answer_on_alcohol_carries_the_id_notice_once(govern):
    case = stitched(passage("Beer is sold on Sundays from 12:00. The till opens then."))
    sentences = tuple(
        Sentence(t, (Source("p1", "Alcohol", 0, 1),))
        for t in ("Beer is sold on Sundays from 12:00.", "The till opens then.")
    )
    draft = Draft(LaneName.QUOTE, sentences, p=0.9)

    said = [govern(s, draft=draft, stitched=case)[0].text for s in sentences]

    assert said[0] == "Beer is sold on Sundays from 12:00."
    assert said[1].endswith("Ask anyone who looks under 40 for ID.")


def test_a_notice_already_said_is_not_said_again(govern):
    case = stitched(passage("Beer needs an ID."))

    assert judge(govern, "Beer needs an ID.", case)[0] == "Beer needs an ID."


def test_a_spanish_answer_gets_the_spanish_notice(govern):
    case = stitched(passage("La cerveza se vende los domingos."), ask="¿cerveza?", language="es")

    assert "40 años" in judge(govern, "La cerveza se vende los domingos.", case)[0]


def test_a_hand_over_is_the_stores_own_word(govern):
    text, checks = judge(govern, "The return window is 60 days.", sources=(), lane=LaneName.HANDOFF)

    assert text == "The return window is 60 days."
    assert all(c.outcome is Outcome.PASS for c in checks.values())


def test_a_missing_feed_is_said_without_a_source(govern):
    case = stitched(passage(), missing=("stock not known since 14:02",))

    said = judge(govern, "Stock not known since 14:02.", case, sources=())[1]

    assert all(c.outcome is Outcome.PASS for c in said.values())


def test_an_approved_card_needs_no_passage_but_obeys_the_rules(govern):
    fine = judge(govern, "Returns take 60 days.", sources=("card:x",), lane=LaneName.CARD)[1]
    bold = judge(govern, "You can give 50% off.", sources=("card:x",), lane=LaneName.CARD)[1]

    assert all(c.outcome is Outcome.PASS for c in fine.values())
    assert bold[g.CLAIMS].outcome is Outcome.FAIL


# ── measured over the whole demo handbook ───────────────────────────────────────────────────


def handbook() -> list[tuple[str, str]]:
    """Return (sentence, its document) for every sentence of the handbook."""
    found = []
    for page in sorted(HANDBOOK.glob("*.md")):
        text = re.sub(r"^#+ .*$", "", page.read_text().split("---", 2)[2], flags=re.MULTILINE)
        found += [(text[a:b], text) for a, b in sentence_spans(text)]
    return found


def altered(text: str) -> list[str]:
    """Return `text` with each typed value changed in turn, one more and one less."""
    out = []
    for value in find_values(text):
        number = re.search(r"\d+", value.text)
        if number:
            at = value.start + number.start()
            for change in (1, 7):
                new = str(int(number[0]) + change).zfill(len(number[0]))
                out.append(f"{text[:at]}{new}{text[at + len(number[0]) :]}")
    return out


def test_every_altered_value_of_the_handbook_is_caught_and_no_true_one():
    pairs = handbook()
    wrong = [t for t, d in pairs if stray_values(t, cited=[d], asked=[])]
    changed = [(a, d) for t, d in pairs for a in altered(t)]
    missed = [a for a, d in changed if not stray_values(a, cited=[d], asked=[])]

    assert wrong == []
    assert len(changed) > 500
    assert missed == []


def test_true_sentences_are_supported_and_rarely_by_another_document():
    pairs = handbook()
    shifted = [(t, pairs[(i + 200) % len(pairs)][1]) for i, (t, _) in enumerate(pairs)]

    own = [min(support(t, [d])) >= 0.6 for t, d in pairs]
    other = [min(support(t, [d])) >= 0.6 for t, d in shifted]

    assert all(own)
    assert sum(other) / len(other) < 0.03


def test_negated_sentences_are_caught_and_no_true_one():
    pairs = handbook()
    denied = re.compile(r"\b(?:no|not|never|without|nor|neither|cannot)\b|n't", re.IGNORECASE)
    plain = [(t, d) for t, d in pairs if " is " in t and not denied.search(t)]
    opposite = [(t.replace(" is ", " is not ", 1), d) for t, d in plain]
    caught = [bool(flipped(t, [d])) for t, d in opposite]

    assert [t for t, d in pairs if flipped(t, [d])] == []
    assert sum(caught) / len(caught) > 0.98
