"""Follow-ups: "and for headphones?" read against the thread.

Rules of thumb for short questions. What is not read: two follow-ups in one ask, an ellipsis of more
than six words, a return to a topic before the last one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from appliance.records import Turn
from appliance.stages.text import word_set, words

_LEAD = re.compile(
    r"^[¿¡ ]{0,3}(?:ok(?:ay)?[, ]+)?(?:(?:and|but|y|pero) (?:what|how) about|and|also|but|then|so"
    r"|plus|n|nd|what if|what about|how about|same for|or|y|e|o|pero|también|(?:y )?qu[eé] tal"
    r"|(?:y )?qué hay de)\b"
    r"[ ,]*(?P<rest>.*)$",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"\b(?:it|its|they|them|those|these|that|that one|this one|the (?:[\w-]{1,20} ){1,3}ones?"
    r"|ese|esa|eso|este|esta|éste|ésta|el mismo|la misma)\b|\bcuestan?(?=[ ?.!]{0,4}$)",
    re.IGNORECASE,
)
_PREDICATE = word_set(
    "is are was were can could may do does did how what where when who which why has have need"
    " needs should will would cost costs get got return returned refund price stock much many"
    " es son está puedo puede cuánto cuanto cuesta dónde donde cuándo cómo hay tiene"
)
_POLITE = word_set("please thanks thank you por favor gracias yes no sí ok okay hi hello hola")
_OBJECT = re.compile(r"^(?:for|on|about|of|in|at|para|de|en|sobre)\s+", re.IGNORECASE)
_PREPOSITION = re.compile(r"\b(?:for|on|about|of|para|sobre|de)\s", re.IGNORECASE)
# A fragment that begins so adds a condition to the question and takes no place in it.
_CONDITION = re.compile(
    r"^(?:without|with|if|when|after|before|during|until|over|under|sin|con|si|cuando|después"
    r"|antes)\b",
    re.IGNORECASE,
)
_WHO = re.compile(
    r"\b(?:(?:an?|the|un|una|el|la|los|las) )?(?:(?:gold|silver|basic|oro|plata) )?(?:customers?"
    r"|members?|associates?|employees?|leads?|managers?|minors?|clientes?|socios?|empleados?|gerentes?)"
    r"(?: (?:gold|silver|basic|oro|plata)\b)?|\b(?:gold|silver|basic)\b",
    re.IGNORECASE,
)
_COLOURS = (
    "black|white|red|blue|navy|green|gr[ae]y|silver|gold|pink|purple|yellow|orange|brown|beige"
    "|stainless(?: steel)?|steel|teal|graphite|cream|olive|indigo|rose(?: gold)?|coral|mint"
    "|terracotta|burgundy|lilac|sage|charcoal|blush|slate|bronze|sand|oak|brass|mustard|wood(?:en)?|chrome"
    "|copper|acero(?: inoxidable)?|crema|dorad[oa]|platead[oa]|madera"
    "|negr[oa]|blanc[oa]|roj[oa]|azul|verde|gris|rosa|amarill[oa]|morad[oa]|café"
)
_FITS = "small|medium|large|extra large|smaller|larger|bigger|chic[oa]|median[oa]|grande"
_MEASURES = (
    r"\d{1,4}(?:\.\d)?[ -]?(?:inch|in|\"|oz|pack|ct|quarts?|qt|gallons?|gb|tb|watts?|w|v|volts?|ft"
    r"|feet|pulgadas)"
)
_ATTRIBUTES = tuple(
    re.compile(rf"\b(?:{pattern})(?!\w)", re.IGNORECASE) for pattern in (_COLOURS, _FITS, _MEASURES)
)
_STATE = re.compile(
    r"^(?:opened|unopened|open|sealed|used|unused|damaged|defective|broken|new)\s", re.IGNORECASE
)
_VERB = re.compile(
    r"\b(?:return|exchange|refund|sell|price match|match|carry|stock|find|buy|devolver|cambiar"
    r"|vender|vendemos|regresar)\s(?!policy|window|desk|on\b|for\b|and\b|or\b|to\b)",
    re.IGNORECASE,
)
_OBJECT_END = re.compile(
    r",|\s(?:without|with|after|before|if|when|that|bought|to|in|at|from|for|on|sin|con|si|después"
    r"|comprad[oa]s?)\b",
    re.IGNORECASE,
)
MAX_FRAGMENT_WORDS = 6
MAX_PRONOUN_WORDS = 14
MAX_TURNS = 6


def resolve(text: str, turns: Sequence[Turn]) -> tuple[str, bool, bool]:
    """Return (standalone question, is a follow-up, refers to the thread's subject).

    A fragment ("and for headphones?") takes the place of the object of the last question; a
    question with a pronoun ("how much is it?") keeps its own words and inherits the subject.
    """
    topics = _topics(turns)
    if not topics or len(text) > 400:
        return text, False, False
    lead = _LEAD.match(text)
    rest = (lead["rest"] if lead else text).strip(" ?¿.!¡")
    found = [w for w in words(rest) if w not in _POLITE]
    topic, has_subject = topics[-1], bool(subject_of(turns))
    if 0 < len(found) <= MAX_FRAGMENT_WORDS and not _PREDICATE.intersection(found):
        read = _fragment(rest, topics, has_lead=bool(lead))
        if read:
            return read[0], True, has_subject and read[1]
    if _has_pronoun(text) and len(found) <= MAX_PRONOUN_WORDS:
        return (text if has_subject else f"{text} ({topic})"), True, has_subject
    if lead and 0 < len(found) <= MAX_FRAGMENT_WORDS + 2:
        return f"{rest} ({topic})", True, has_subject
    return text, False, False


def _fragment(rest: str, topics: Sequence[str], *, has_lead: bool) -> tuple[str, bool] | None:
    """Return (standalone question, is about the same product), or None: no fragment of this thread.

    Another variant or another thing is another product; a condition or a customer is not.
    """
    topic = topics[-1]
    if _names_other(rest):
        return _other(topics, rest), all(map(_has_pronoun, topics))
    if _has_pronoun(rest):
        return (topic if _has_pronoun(topic) else splice(topic, rest)), True
    if has_lead or _OBJECT.match(rest) or _CONDITION.match(rest):
        return splice(topic, rest), bool(_CONDITION.match(rest) or _WHO.search(rest))
    return None


def subject_of(turns: Sequence[Turn]) -> tuple[str, ...]:
    """Return the SKUs the thread was last about."""
    return next((t.subject for t in reversed(turns[-MAX_TURNS:]) if t.subject), ())


def splice(topic: str, fragment: str) -> str:
    """Return `topic` with what `fragment` stands for replaced by it, or followed by it."""
    topic = topic.rstrip(" ?.!")
    if _CONDITION.match(fragment):
        return f"{topic} {fragment}"
    thing = _OBJECT.sub("", fragment).strip()
    if _WHO.search(thing):
        return _swap_who(topic, thing, "para" if fragment.startswith("para ") else "for")
    at = 0 if _has_pronoun(fragment) else _object_at(topic)
    return topic[:at] + _in_place_of(topic[at:], thing) if at else f"{topic} {fragment}"


def _object_at(topic: str) -> int:
    """Return where the thing a question is about begins; 0 when there is no telling."""
    ends = [m.end() for p in (_PREPOSITION, _VERB) for m in p.finditer(topic)]
    return max((e for e in ends if not _WHO.match(topic, e)), default=0)


def _topics(turns: Sequence[Turn]) -> list[str]:
    """Return the thread's standalone questions, oldest first; a missing one is worked out."""
    topics: list[str] = []
    recent = turns[-MAX_TURNS:]
    for at, turn in enumerate(recent):
        topics.append(turn.topic or resolve(turn.text, recent[:at])[0])
    return topics


def _has_pronoun(text: str) -> bool:
    return bool(_PRONOUN.search(text))


def _names_other(fragment: str) -> bool:
    """Tell whether a fragment asks for a variant: "the blue one", "el azul", "in black"."""
    plain = re.sub(r"^(?:the|in|el|la|en|los|las)\s|\sones?$", "", fragment, flags=re.IGNORECASE)
    return any(a.fullmatch(plain.strip()) for a in _ATTRIBUTES) or bool(
        re.match(r"(?:the|el|la) (?:[\w\"-]{1,20} ){1,3}ones?$", fragment, re.IGNORECASE)
        and _attribute(fragment)
    )


def _attribute(text: str) -> tuple[re.Pattern[str], str] | None:
    return next(((a, m[0]) for a in _ATTRIBUTES if (m := a.search(text))), None)


def _other(topics: Sequence[str], fragment: str) -> str:
    """Return the last question asked of another variant of its product."""
    named = next((t for t in reversed(topics) if not _has_pronoun(t)), topics[-1])
    found = _attribute(fragment)
    if not found:
        return splice(topics[-1], fragment)
    pattern, value = found
    swapped, count = pattern.subn(lambda _: value, named.rstrip(" ?.!"), count=1)
    variant = swapped if count else f"{swapped} {value}"
    return variant if named == topics[-1] else f"{topics[-1]} ({variant})"


def _swap_who(topic: str, who: str, preposition: str) -> str:
    found = next(reversed(list(_WHO.finditer(topic))), None)
    if not found:
        return f"{topic} {preposition} {who}"
    return f"{topic[: found.start()]}{who}{topic[found.end() :]}"


def _in_place_of(old: str, thing: str) -> str:
    """Return `thing` with the state ("opened") and the conditions of the object it replaces."""
    end = _OBJECT_END.search(old)
    state = _STATE.match(old)
    kept = state[0] if state and not _STATE.match(f"{thing} ") else ""
    return f"{kept}{thing}{old[end.start() :] if end else ''}"
