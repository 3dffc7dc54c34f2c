"""Typed claims from text: what a draft commits the store to, or what an ask wants leave for.

Each claim is a Cedar request. Reads by pattern, in English and modestly in Spanish: a promise in
words nobody foresaw passes here, and is left to citation support in `stages/govern.py`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from appliance.policy import wording as w
from appliance.policy.commitments import Commitment, find_commitment, is_yes, sentences
from appliance.policy.topics import find_topics
from appliance.ports import PolicyRequest
from appliance.records import Value, ValueKind
from appliance.values import find_values

Context = dict[str, Any]
_DAYS_IN = {"day": 1, "week": 7, "month": 30, "year": 365}
MINOR_AGE = 16  # "a minor", "a kid": under every limit we sell by
HALF = 50  # percent in "half off"


@dataclass(frozen=True, slots=True)
class _Reading:
    """One sentence, its values, and what surrounds it."""

    text: str
    about: str
    values: tuple[Value, ...]
    is_ask: bool

    def has(self, pattern: re.Pattern[str]) -> bool:
        """Tell whether the sentence matches."""
        return bool(pattern.search(self.text))

    def speaks_of(self, pattern: re.Pattern[str]) -> bool:
        """Tell whether the sentence, or what it is about, matches."""
        return bool(pattern.search(self.text) or pattern.search(self.about))

    def amounts(self, kind: ValueKind, unit: str = "") -> list[int]:
        """Return amounts of a kind, "over 20" as 21 and "under 10" as 9, rounded up."""
        return [
            self.bounded(v)
            for v in self.values
            if v.kind is kind and v.amount is not None and (not unit or v.unit == unit)
        ]

    def days(self, pattern: re.Pattern[str]) -> int | None:
        """Return the longest duration in days that stands as `pattern` says."""
        found = [
            math.ceil(v.amount) * _DAYS_IN[v.unit]
            for v in self.values
            if v.kind is ValueKind.DURATION
            and v.amount is not None
            and v.unit in _DAYS_IN
            and pattern.search(self.text[: v.start] + "#" + self.text[v.end :])
        ]
        return max(found, default=None)

    def bounded(self, value: Value) -> int:
        """Return a value as a whole number, its bound taken in."""
        assert value.amount is not None
        before = self.text[: value.start]
        if w.OVER.search(before):
            return math.floor(value.amount) + 1
        if w.UNDER.search(before):
            return math.ceil(value.amount) - 1
        return math.ceil(value.amount)


@dataclass(frozen=True, slots=True)
class _Kind:
    action: str
    verbs: str
    verbs_es: str
    read: Callable[[_Reading], Context | None]


def find_claims(
    text: str, *, role: str, is_ask: bool = False, about: str = ""
) -> tuple[PolicyRequest, ...]:
    """Return the Cedar requests that `text` amounts to, in reading order, each once.

    Args:
        text: A sentence of a draft, or an ask.
        role: Whoever asks; a role named in the text ("a lead can …") stands in for it.
        is_ask: `text` asks for leave or for data instead of giving them.
        about: What the text is about (the ask, titles cited): says what "it" is.
    """
    claims: list[PolicyRequest] = []
    for sentence in sentences(text):
        # Most sentences let nobody do anything, which is quicker to tell than what they speak of.
        if not find_commitment(
            sentence, verbs=_ANY_VERB, verbs_es=_ANY_VERB_ES, role=role, is_ask=is_ask
        ):
            continue
        # An ask's other sentences tell the tier and the receipt: "He is Gold. Can I give 25 %?"
        around = f"{about} {text}" if is_ask else about
        reading = _Reading(sentence, around, find_values(sentence), is_ask)
        for kind in _KINDS:
            claim = _claim(kind, reading, role)
            if claim and claim not in claims:
                claims.append(claim)
    if is_ask:
        claims += [t for t in find_topics(text, role=role) if t not in claims]
    elif is_yes(text) and not claims and about:
        asked = find_claims(about, role=role, is_ask=True)
        claims += [c for c in asked if c.action != "ask_about"]
    return tuple(claims)


def _claim(kind: _Kind, reading: _Reading, role: str) -> PolicyRequest | None:
    context = kind.read(reading)  # first: most sentences are about nothing of the kind
    if context is None:
        return None
    commitment = find_commitment(
        reading.text, verbs=kind.verbs, verbs_es=kind.verbs_es, role=role, is_ask=reading.is_ask
    )
    return None if commitment is None else _request(kind.action, commitment, context)


def _request(action: str, commitment: Commitment, context: Mapping[str, Any]) -> PolicyRequest:
    kept = {k: v for k, v in context.items() if v is not None}
    return PolicyRequest(action=action, role=commitment.role, context=kept)


def _discount(r: _Reading) -> Context | None:
    percents = r.amounts(ValueKind.PERCENT)
    if r.has(w.HALF_OFF):
        percents.append(HALF)
    if not percents or r.has(w.NOT_A_DISCOUNT):
        return None
    if not (r.has(w.DISCOUNT) or r.has(w.GIVES) or is_yes(r.text)):
        return None
    return {
        "percent": max(percents),
        "tier": _tier(r),
        "staff": r.speaks_of(w.STAFF_DISCOUNT) or None,
        "own_brand": r.speaks_of(w.OWN_BRAND) or None,
        "gift_card": r.has(w.GIFT_CARD) or None,
        "damaged": r.speaks_of(w.DAMAGED) or None,
    }


def _refund(r: _Reading) -> Context | None:
    if not r.has(w.REFUNDS) or (r.is_ask and r.has(w.CUSTOMER_RETURNS)):
        return None  # what a customer may do is answered from the handbook
    category = next((name for name, p in w.REFUND_CATEGORIES if r.has(p)), None)
    category = category or next((n for n, p in w.REFUND_CATEGORIES if p.search(r.about)), None)
    no_receipt, receipt = r.speaks_of(w.NO_RECEIPT), r.speaks_of(w.WITH_RECEIPT)
    moneys = r.amounts(ValueKind.MONEY)
    context: Context = {
        "days": r.days(w.SINCE_PURCHASE),
        "tier": _tier(r),
        "receipt": False if no_receipt else True if receipt else None,
        "form": "store_credit" if r.has(w.STORE_CREDIT) else "money" if r.has(w.MONEY) else None,
        "amount": max(moneys, default=None) if no_receipt else None,
        "category": category,
        "opened": r.speaks_of(w.OPENED) or None,
        "faulty": r.speaks_of(w.FAULTY) or None,
        "recalled": r.speaks_of(w.RECALL) or None,
        "holiday": r.speaks_of(w.HOLIDAY) or None,
        "registry": r.speaks_of(w.REGISTRY) or None,
    }
    if r.is_ask and context["days"] is None and not (no_receipt and context["form"] == "money"):
        return None
    return context


def _price_match(r: _Reading) -> Context | None:
    if not r.has(w.PRICE_MATCH):
        return None
    moneys = r.amounts(ValueKind.MONEY)
    amount = None
    if len(moneys) == 2:
        amount = abs(moneys[0] - moneys[1])
    elif moneys and r.has(w.DIFFERENCE):
        amount = max(moneys)
    miles = r.amounts(ValueKind.SIZE, "mile")
    return {
        "amount": amount,
        "days": r.days(w.SINCE_PURCHASE),
        "miles": max(miles, default=None),
        "marketplace": r.has(w.MARKETPLACE) or None,
    }


def _restricted(r: _Reading) -> Context | None:
    category = next((name for name, p in w.RESTRICTED if r.has(p)), None)
    if category is None and r.has(w.PRONOUN):
        category = next((name for name, p in w.RESTRICTED if p.search(r.about)), None)
    if category is None:
        return None
    ages = [
        r.bounded(v)
        for v in r.values
        if v.kind is ValueKind.AGE
        and v.amount is not None
        and not w.LOOKS.search(r.text[: v.start])
    ]
    if not ages:
        ages = [int(m[1]) for m in w.BARE_AGE.finditer(r.text)]
    if not ages and r.has(w.MINOR):
        ages = [MINOR_AGE]
    checked = False if r.has(w.NO_ID) else None
    if r.is_ask and not ages and checked is None:
        return None
    return {"category": category, "age": min(ages, default=None), "id_checked": checked}


def _recalled(r: _Reading) -> Context | None:
    named = r.has(w.RECALL) or (r.has(w.PRONOUN) and bool(w.RECALL.search(r.about)))
    return {} if named else None


def _cash_out(r: _Reading) -> Context | None:
    if not (r.has(w.GIFT_CARD) and r.has(w.CASH)):
        return None
    moneys = r.amounts(ValueKind.MONEY)
    if r.is_ask and not moneys:
        return None
    return {"amount": max(moneys, default=None)}


def _hold(r: _Reading) -> Context | None:
    days = r.days(w.HELD_FOR)
    if days is None:
        return None
    return {
        "days": days,
        "grocery": r.speaks_of(w.GROCERY) or None,
        "special_order": r.speaks_of(w.SPECIAL_ORDER) or None,
    }


def _layaway(r: _Reading) -> Context | None:
    if not r.has(w.LAYAWAY):
        return None
    days = r.days(w.ANYWHERE)
    category = "gift_card" if r.has(w.GIFT_CARD) else "grocery" if r.has(w.GROCERY) else None
    if days is None and category is None:
        return None
    return {"weeks": None if days is None else math.ceil(days / 7), "category": category}


def _overtime(r: _Reading) -> Context | None:
    if not r.has(w.OVERTIME):
        return None
    hours = r.amounts(ValueKind.DURATION, "hour")
    return {"hours": max(hours, default=None)}


def _advice(r: _Reading) -> Context | None:
    if r.has(w.MEDICAL):
        return {"field": "medical"}
    return {"field": "legal"} if r.has(w.LEGAL) else None


def _tier(r: _Reading) -> str | None:
    if r.speaks_of(w.NOT_GOLD):
        return "silver" if r.speaks_of(w.SILVER) else None
    if r.speaks_of(w.GOLD):
        return "gold"
    return "silver" if r.speaks_of(w.SILVER) else None


_KINDS = (
    _Kind("promise_discount", w.DISCOUNT_VERBS, w.DISCOUNT_VERBS_ES, _discount),
    _Kind("promise_refund", w.REFUND_VERBS, w.REFUND_VERBS_ES, _refund),
    _Kind("promise_price_match", w.MATCH_VERBS, w.MATCH_VERBS_ES, _price_match),
    _Kind("promise_restricted_sale", w.SELL_VERBS, w.SELL_VERBS_ES, _restricted),
    _Kind("sell_recalled", w.SELL_VERBS, w.SELL_VERBS_ES, _recalled),
    _Kind("promise_cash_out", w.CASH_VERBS, w.CASH_VERBS_ES, _cash_out),
    _Kind("promise_hold", w.HOLD_VERBS, w.HOLD_VERBS_ES, _hold),
    _Kind("promise_layaway", w.LAYAWAY_VERBS, w.LAYAWAY_VERBS_ES, _layaway),
    _Kind("waive_fee", w.WAIVE_VERBS, w.WAIVE_VERBS_ES, lambda r: {} if r.has(w.FEE) else None),
    _Kind("approve_overtime", w.OVERTIME_VERBS, w.OVERTIME_VERBS_ES, _overtime),
    _Kind("give_advice", w.ADVICE_VERBS, w.ADVICE_VERBS_ES, _advice),
)
_ANY_VERB = "|".join(kind.verbs for kind in _KINDS)
_ANY_VERB_ES = "|".join(kind.verbs_es for kind in _KINDS)
