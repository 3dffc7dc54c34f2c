"""Follow-ups: "and for headphones?" read against the thread."""

from __future__ import annotations

import re
from collections.abc import Sequence

from appliance.records import Turn
from appliance.stages.text import words

_LEAD = re.compile(
    r"^(?:ok(?:ay)?[, ]+)?(?:and|also|but|then|so|plus|what about|how about|same for|or|y|pero|"
    r"también|qué tal|que tal)\b[ ,]*(?P<rest>.*)$",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"\b(?:it|its|they|them|those|these|that one|this one|the (?:\w+ ){1,2}one|"
    r"ese|esa|eso|este|esta|el mismo|(?:el|la) (?:azul|rojo|roja|negro|negra|blanco|blanca|verde))\b",
    re.IGNORECASE,
)
_PREDICATE = frozenset(
    "is are was were can could may do does did how what where when who which why has have need"
    " needs should will would cost costs get got return returned refund price stock much many"
    " es son está puedo puede cuánto cuanto cuesta dónde donde cuándo cómo hay tiene".split()
)
_OBJECT = re.compile(r"^(?:for|on|about|with|of|in|para|con|de|en|sobre)\s+", re.IGNORECASE)
# The last "for X" of a question is the part a fragment replaces. Only one word of slack is taken:
# "return window for opened laptops" + "headphones" → "return window for headphones".
_TAIL = re.compile(
    r"^(?P<head>.*\b(?:for|on|about|para|sobre|de)\s)(?P<object>[^,;]+?)[?.! ]*$", re.IGNORECASE
)
MAX_FRAGMENT_WORDS = 6
MAX_PRONOUN_WORDS = 14


def resolve(text: str, turns: Sequence[Turn]) -> tuple[str, bool, bool]:
    """Return (standalone question, is a follow-up, refers to the thread's subject).

    A fragment ("and for headphones?") takes the place of the object of the last question; a
    question with a pronoun ("how much is it?") keeps its own words and inherits the subject.
    """
    if not turns:
        return text, False, False
    lead = _LEAD.match(text)
    rest = (lead["rest"] if lead else text).strip(" ?.!")
    found = words(rest)
    has_pronoun = bool(_PRONOUN.search(text))
    is_fragment = len(found) <= MAX_FRAGMENT_WORDS and not (_PREDICATE & set(found))
    topic = turns[-1].topic or turns[-1].text
    if lead and is_fragment and found:
        return splice(topic, rest), True, has_pronoun or bool(turns[-1].subject)
    if is_fragment and has_pronoun:
        return splice(topic, rest), True, True
    if has_pronoun and len(found) <= MAX_PRONOUN_WORDS:
        subject = bool(turns[-1].subject)
        return (text if subject else f"{text} ({topic})"), True, subject
    if lead and len(found) <= MAX_FRAGMENT_WORDS + 2:
        return f"{rest} ({topic})", True, bool(turns[-1].subject)
    return text, False, False


def splice(topic: str, fragment: str) -> str:
    """Return `topic` with its object replaced by `fragment`, or followed by it."""
    thing = _OBJECT.sub("", fragment).strip()
    tail = _TAIL.match(topic)
    if tail and not _PRONOUN.search(fragment):
        return f"{tail['head']}{thing}"
    return f"{topic.rstrip(' ?.!')} {thing}"
