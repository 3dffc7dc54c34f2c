"""A commitment is told from a description, in drafts and in asks."""

from __future__ import annotations

import pytest

from appliance.policy.claims import find_claims


def read(text: str, *, role: str = "associate", is_ask: bool = False, about: str = ""):
    return [
        (c.action, c.role, dict(c.context) or c.resource_id)
        for c in find_claims(text, role=role, is_ask=is_ask, about=about)
    ]


@pytest.mark.parametrize(
    ("text", "action", "role", "context"),
    [
        ("I can give you 25% off.", "promise_discount", "associate", {"percent": 25}),
        ("Yes, you can give 25 % off.", "promise_discount", "associate", {"percent": 25}),
        ("You can give up to 10 %.", "promise_discount", "associate", {"percent": 10}),
        ("You can offer a 12.5% discount.", "promise_discount", "associate", {"percent": 13}),
        ("You may give more than 20 % off.", "promise_discount", "associate", {"percent": 21}),
        ("Give the Gold customer 25% off.", "promise_discount", "associate",
         {"percent": 25, "tier": "gold"}),
        ("Associates can give up to 20 % off.", "promise_discount", "associate", {"percent": 20}),
        ("A manager can give up to 30 % off to a Gold customer.", "promise_discount", "manager",
         {"percent": 30, "tier": "gold"}),
        ("We can take half off that.", "promise_discount", "associate", {"percent": 50}),
        ("Yes, 25% is fine.", "promise_discount", "associate", {"percent": 25}),
        ("Puedes dar un 25 % de descuento.", "promise_discount", "associate", {"percent": 25}),
        ("Un gerente puede dar hasta 30 % de descuento a un cliente Gold.", "promise_discount",
         "manager", {"percent": 30, "tier": "gold"}),
        ("You can refund it in cash without a receipt.", "promise_refund", "associate",
         {"receipt": False, "form": "money"}),
        ("You can refund it 70 days after purchase.", "promise_refund", "associate", {"days": 70}),
        ("You can sell beer to a 19-year-old.", "promise_restricted_sale", "associate",
         {"category": "alcohol", "age": 19}),
        ("You can sell the wine without checking ID.", "promise_restricted_sale", "associate",
         {"category": "alcohol", "id_checked": False}),
        ("You can price match it; the difference is $80.", "promise_price_match", "associate",
         {"amount": 80}),
        ("You can cash out the gift card balance of $25.", "promise_cash_out", "associate",
         {"amount": 25}),
        ("We can hold it for 10 days.", "promise_hold", "associate", {"days": 10}),
        ("We can hold the special order for 21 days.", "promise_hold", "associate",
         {"days": 21, "special_order": True}),
        ("Podemos guardar el pedido especial por 21 días.", "promise_hold", "associate",
         {"days": 21, "special_order": True}),
        ("You can refund a wedding registry gift for 180 days.", "promise_refund", "associate",
         {"days": 180, "registry": True}),
        ("We can extend the layaway to 12 weeks.", "promise_layaway", "associate", {"weeks": 12}),
        ("You can tell her to take ibuprofen.", "give_advice", "associate", {"field": "medical"}),
        ("You can sell the recalled heater.", "sell_recalled", "associate", "self"),
        ("You can waive the restocking fee.", "waive_fee", "associate", "self"),
        ("You can work overtime tonight.", "approve_overtime", "associate", "self"),
    ],
)  # fmt: skip
def test_a_promise_is_a_claim(text, action, role, context):
    assert (action, role, context) in read(text)


@pytest.mark.parametrize(
    "text",
    [
        "Discounts over 20% need a manager.",
        "Over 20 % only for a Gold customer, by a manager.",
        "You cannot give 25% off.",
        "You can not give 25% off.",
        "You may never give 25% off.",
        "No, you can't give more than 10 %.",
        "No puedes dar 25 % de descuento.",
        "Never sell recalled items.",
        "A till discount over 20% is only for a Gold customer and only from a manager.",
        "A 15 % restocking fee applies to opened electronics.",
        "You can charge a 15% restocking fee.",
        "It is 25% off this week.",
        "The staff discount is 15 %.",
        "Customers can return opened electronics within 30 days.",
        "Alcohol is sold to customers of 21 or over.",
        "You can find the beer in aisle 12.",
        "Who can give 25% off?",
    ],
)
def test_a_description_is_no_claim(text):
    assert read(text) == []


def test_a_bare_yes_grants_what_was_asked():
    claims = read("Yes, you can.", about="can I give 25 % off?")

    assert claims == [("promise_discount", "associate", {"percent": 25})]


def test_a_bare_no_grants_nothing():
    assert read("No, you can't.", about="can I give 25 % off?") == []


def test_gold_jewellery_is_no_gold_customer():
    claims = read("You can give 25 % off the gold necklace.")

    assert claims == [("promise_discount", "associate", {"percent": 25})]


@pytest.mark.parametrize(
    ("text", "action", "context"),
    [
        ("can I give 25 % off?", "promise_discount", {"percent": 25}),
        ("customer is Gold. can i do 25% off", "promise_discount", {"percent": 25, "tier": "gold"}),
        ("give 25% off ok?", "promise_discount", {"percent": 25}),
        ("¿puedo dar un 25 % de descuento?", "promise_discount", {"percent": 25}),
        ("can I refund after 70 days?", "promise_refund", {"days": 70}),
        ("can I refund the crib from the baby registry after 100 days?", "promise_refund",
         {"days": 100, "registry": True}),
        ("can we hold her special order for 3 weeks?", "promise_hold",
         {"days": 21, "special_order": True}),
        ("can i sell cigarettes to someone without ID?", "promise_restricted_sale",
         {"category": "tobacco", "id_checked": False}),
        ("what is Maria's phone number?", "ask_about", "associate_data"),
        ("what's the customer's home address", "ask_about", "customer_data"),
        ("what's my customer's phone number", "ask_about", "customer_data"),
        ("how much does Kevin get paid", "ask_about", "staff_pay"),
        ("what's our cost on LM-104233", "ask_about", "cost"),
        ("what's the safe code", "ask_about", "safe"),
        ("which medicine should I give for a headache?", "give_advice", {"field": "medical"}),
    ],
)  # fmt: skip
def test_an_ask_for_leave_or_data_is_a_claim(text, action, context):
    assert (action, context) in [(a, c) for a, _, c in read(text, is_ask=True)]


@pytest.mark.parametrize(
    "text",
    [
        "who can give 25% off?",
        "what's the most I can give",
        "can the customer return opened headphones?",
        "how much does the blender cost",
        "what is my hourly pay",
        "do we need a customer's phone number for returns?",
        "can I ignore this warning?",
        "is it safe to mop with bleach",
        "where are the pain pills",
        "customer service phone number",
    ],
)
def test_a_question_about_a_rule_is_no_claim(text):
    assert read(text, is_ask=True) == []


def test_a_role_named_in_the_ask_stands_in_for_the_asker():
    assert read("can a lead give 20 %?", is_ask=True) == [
        ("promise_discount", "lead", {"percent": 20})
    ]
