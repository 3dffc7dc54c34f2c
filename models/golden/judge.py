"""Say of one golden question whether an answer is right, honest or wrong.

Reads letters, not meaning: an answer that holds the value and denies it is caught only where the
question lists the denial as forbidden. tests/golden/README.md says what the three words mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from appliance.holding import holds
from appliance.records import Value, ValueKind
from appliance.values import find_values, same_value

Verdict = Literal["right", "honest", "wrong"]
HEDGED = frozenset({"quote", "handoff"})  # lanes that claim nothing of their own


def judge(
    question: Mapping[str, Any], *, text: str, lane: str, fact_texts: Sequence[str] = ()
) -> Verdict:
    """Judge an answer to a golden question.

    Args:
        question: A line of `questions.jsonl`.
        text: The whole answer as spoken.
        lane: The lane that spoke: card, lookup, specialist, generalist, quote or handoff.
        fact_texts: What the store's database says now for the question's `holds_fact`, each with
            alternatives as in `holds` (`truth.fact_texts`).

    Raises:
        ValueError: The question needs a live fact and none was given.
    """
    if "holds_fact" in question and not fact_texts:
        raise ValueError(f"{question['id']} needs the live fact {question['holds_fact']}.")
    if any(holds(text, wanted) for wanted in question.get("forbidden", ())):
        return "wrong"
    wanted_all = [*question.get("holds", ()), *fact_texts]
    if wanted_all and all(holds(text, wanted) for wanted in wanted_all):
        return "right"
    if lane not in HEDGED:
        return "wrong"
    return "right" if question.get("honest", False) else "honest"


def wrong_values(text: str, *, lane: str, sources: Sequence[str]) -> tuple[str, ...]:
    """Return the typed values of an answer that stand in none of its sources, as printed.

    A quote has none by definition. `sources` are the texts of the passages, facts and cards the
    answer cites and the messages of the rules it names.
    """
    if lane == "quote":
        return ()
    known = [value for source in sources for value in find_values(source)]
    return tuple(
        value.text for value in find_values(text) if not any(_agree(value, k) for k in known)
    )


def _agree(a: Value, b: Value) -> bool:
    """Tell whether two values agree; a bare number has no unit that could contradict."""
    if same_value(a, b):
        return True
    return ValueKind.COUNT in {a.kind, b.kind} and a.amount is not None and a.amount == b.amount
