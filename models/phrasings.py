"""Frames of asks that need two sources or a thread, for training and, apart, for the exam."""

from __future__ import annotations

JOINS = (
    "{a} and {b}",
    "{a}, and {b}?",
    "{a}? and {b}?",
    "{a}, also {b}",
    "two questions: {a}, {b}",
    "{a} and then {b}",
    "customer asks {a} and {b}",
    "{a} + {b}",
    "{a} y {b}",
)
JOINS_HELD_OUT = (
    "{a} plus {b}",
    "first {a}, second {b}",
    "{a} & {b}",
    "need both: {a} and {b}",
)
# By topic of made_up.toml: what needs the rule and the purchase.
BOUGHT = {
    0: (
        "can {who} return the {n} they bought {days} days ago",
        "{who} bought a {n} {days} days ago, can it still come back",
        "{who} wants to return the {n}, bought {days} days ago",
        "is {who} too late to return the {n}",
        "{who} is here with a {n} from {days} days ago, do we take it",
        "how many days does {who} have left to return the {n}",
        "puede {who} devolver el {n} que compró hace {days} días",
        "may {who} still give back the {n} she got last month",
        "does {who} still have time to return the {n}",
    ),
    1: (
        "what fee does {who} pay to return the {n} bought {days} days ago",
        "{who} returns the {n}, how much do we keep",
        "how much does {who} get back for the {n}",
        "refund for {who} on the {n} minus the fee",
        "{who} paid for a {n} and brings it back, what do we deduct",
        "cuánto le devolvemos a {who} por el {n}",
    ),
    14: (
        "is the {n} {who} bought still under warranty",
        "{who} bought a {n} {days} days ago and it broke, is it covered",
        "does the warranty still cover the {n} of {who}",
        "{who} says the {n} stopped working, warranty?",
        "sigue en garantía el {n} que compró {who}",
        "until when is the {n} of {who} covered",
    ),
    29: (
        "how do we refund {who} for the {n}",
        "{who} returns the {n}, cash or card",
        "does {who} get cash for the {n} bought {days} days ago",
        "in what form does {who} get the money for the {n}",
    ),
    31: (
        "can {who} use coupons on the {n} bought {days} days ago",
        "how many coupons may {who} use for the {n} from last week",
    ),
    26: (
        "when does the {n} {who} bought get delivered",
        "{who} bought a {n} {days} days ago, when will it arrive",
        "{who} still waits for the {n}, how long does it take",
    ),
}
BOUGHT_HELD_OUT = {
    0: (
        "{days} days have passed since {who} took the {n}, accept the return?",
        "would a return of the {n} by {who} be fine now",
        "{who} regrets the {n} from {days} days back, still returnable",
    ),
    1: (
        "what will {who} lose on the returned {n}",
        "deduction when {who} returns that {n}",
    ),
    14: (
        "can {who} claim warranty on that {n} from {days} days back",
        "the {n} from {who} is faulty, does the guarantee hold",
    ),
    29: ("which way do we pay {who} back for the {n}", "{who} gives back the {n}, refund how"),
    31: ("coupons for {who} on that {n} from {days} days back, how many",),
    26: ("{who} asks how long until the {n} from {days} days back comes",),
}
# Topic of made_up.toml -> (what is compared, words for more or less of it).
MORE_OF = {
    0: ("return window", ("longer", "shorter")),
    1: ("restocking fee", ("higher", "lower")),
    2: ("delivery charge", ("higher", "lower", "cheaper")),
    3: ("age limit", ("higher", "lower")),
    4: ("approval amount", ("higher", "lower")),
    5: ("limit per customer", ("higher", "lower")),
    7: ("opening time", ("earlier", "later")),
    8: ("closing time", ("earlier", "later")),
    9: ("check interval", ("longer", "shorter")),
    10: ("deposit", ("higher", "lower", "bigger")),
    11: ("hold time", ("longer", "shorter")),
    12: ("staff discount", ("higher", "lower", "bigger")),
    13: ("temperature", ("higher", "lower", "colder")),
    14: ("warranty", ("longer", "shorter")),
    15: ("number of people to lift", ("higher", "lower")),
    19: ("cleaning interval", ("longer", "shorter")),
    21: ("time receipts are kept", ("longer", "shorter")),
    22: ("gift wrap price", ("higher", "lower", "cheaper")),
    23: ("assembly price", ("higher", "lower", "cheaper")),
    25: ("weight limit", ("higher", "lower")),
    26: ("delivery time", ("longer", "shorter")),
    28: ("stack height", ("higher", "lower")),
    30: ("late fee", ("higher", "lower")),
    31: ("coupon limit", ("higher", "lower")),
}
COMPARE_RULES = (
    "is the {what} {more} for the {a} or the {b}",
    "which has the {more} {what}, {a} or {b}",
    "compare the {what} of {a} and {b}",
    "{what} {a} vs {b}",
    "difference in {what} between {a} and {b}",
    "{a} or {b}, which {what} is {more}",
    "is the {a} {what} {more} than the {b} one",
    "do the {a} and the {b} have the same {what}",
    "{a} compared to {b}: {what}",
    "how does the {what} of the {a} differ from the {b}",
    "which is {more}, the {what} of the {a} or of the {b}",
)
COMPARE_RULES_HELD_OUT = (
    "does the {a} have a {more} {what} than the {b}",
    "{what}: {a} against {b}",
    "between {a} and {b}, whose {what} is {more}",
    "are {a} and {b} alike in {what}",
)
COMPARE_FACTS = {
    "price": (
        "which is cheaper, {a} or {b}",
        "is {a} cheaper than {b}",
        "what's the price difference between {a} and {b}",
        "{a} or {b}, which costs more",
        "does {a} cost less than {b}",
        "price {a} vs {b}",
        "compare the price of {a} and {b}",
        "qué es más barato, {a} o {b}",
        "how much more is {a} than {b}",
    ),
    "stock": (
        "do we have more {a} or more {b}",
        "which do we have more of, {a} or {b}",
        "stock {a} vs {b}",
        "compare stock of {a} and {b}",
        "{a} or {b}, which one is in stock",
        "are there fewer {a} than {b}",
        "de qué hay más, {a} o {b}",
    ),
    "warranty": (
        "which has the longer warranty, {a} or {b}",
        "is the warranty on {a} longer than on {b}",
        "compare warranty {a} and {b}",
        "{a} vs {b} warranty",
        "{a} or {b}, which is covered longer",
        "qué tiene más garantía, {a} o {b}",
    ),
    "age": (
        "is the age limit higher for {a} or {b}",
        "same age for {a} and {b}?",
        "age {a} vs {b}",
        "compare age limit of {a} and {b}",
    ),
    "promotion": (
        "which has the better deal, {a} or {b}",
        "is more off {a} or {b}",
        "compare promotions on {a} and {b}",
        "discount {a} vs {b}",
        "{a} or {b}, which one is reduced more",
    ),
    "transit": (
        "what comes first, {a} or {b}",
        "is {a} or {b} arriving sooner",
        "delivery of {a} vs {b}, which is earlier",
        "compare arrival of {a} and {b}",
    ),
}
COMPARE_FACTS_HELD_OUT = {
    "price": (
        "is {a} less expensive than {b}",
        "between {a} and {b}, which one has the lower price",
        "{a} against {b}: cost",
    ),
    "stock": ("of {a} and {b}, what is left in greater number", "{a} against {b}: stock"),
    "warranty": ("does {a} have more warranty than {b}", "{a} against {b}: warranty"),
    "age": ("do {a} and {b} need the same age",),
    "promotion": ("between {a} and {b}, which one has more off",),
    "transit": ("do {a} arrive before {b}",),
}
FRAGMENTS = (
    "and for the {n}?",
    "and for {n}",
    "and the {n}?",
    "and {n}?",
    "what about the {n}",
    "what about {n}?",
    "how about the {n}",
    "same for {n}?",
    "for the {n}?",
    "y para el {n}?",
    "y el {n}?",
    "and on the {n}",
)
FRAGMENTS_HELD_OUT = ("but for a {n}?", "also for the {n}", "ok and what about a {n}", "then {n}?")
