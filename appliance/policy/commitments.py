"""Tell a commitment ("you can give 25 % off") from a description ("over 20 % needs a manager").

English, and modestly Spanish. A commitment names who may act and a verb of acting, without a
negation between them; a rule stated in general names neither.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_FLAGS = re.IGNORECASE
_WHO = (
    r"(?P<who>i|we|you|he|she|they|the store|our store|any associate|an associate|associates|"
    r"any cashier|a cashier|cashiers|the cashier|(?:a |the |your |any |team )?leads?|"
    r"(?:a |the |your |any |store )?managers?|anyone|anybody|staff|"
    r"(?:this|that|the|your) customer)"
)
_MODAL = (
    r"(?:can|may|could|will|would|shall|should|['’]ll|gets? to|(?:am|are|is|['’]re|['’]m)\s+"
    r"(?:allowed|able|free|authori[sz]ed|welcome|happy|going)\s+to)"
)
_SOFT = r"(?:(?:also|still|then|always|just|gladly|certainly|simply|go ahead and|even|safely)\s+)*"
_LEAD_IN = (
    r"(?:(?:yes|yep|yeah|no|sure|ok|okay|alright|right|fine|of course|certainly|absolutely|"
    r"no problem|please|just|then|so|go ahead(?: and)?|sí|si|claro|por favor)[,.:!\s]+)*"
)
_ES_WHO = (
    r"(?:(?P<es_who>(?:un|el|la|tu|su) (?:gerente|encargad[oa]|líder|asociad[oa])|tú|usted)\s+)?"
)
_ES_MODAL = (
    r"(?<!no )(?<!nunca )\b(?:puedes?|podemos|pueden|podrías?|podríamos|debes?|vamos a|voy a)"
)

_WH = re.compile(
    r"^\W*(?:and\s+)?(?:who|whom|what|when|which|why|where|whose|how|qui[eé]n|qu[eé]|cu[aá]ndo|"
    r"cu[aá]l|cu[aá]nto|c[oó]mo|d[oó]nde|por qu[eé])\b",
    _FLAGS,
)
_YES = re.compile(
    r"^\W*(?:yes|yep|yeah|sure|ok|okay|of course|certainly|absolutely|no problem|go ahead|sí|"
    r"claro)\b"
    r"|^\W*(?:you|we) (?:can|may)\W*$",
    _FLAGS,
)
_FINE = re.compile(r"\b(?:fine|ok|okay|allowed|alright|possible|no problem|vale|bien)\W*$", _FLAGS)
_APPROVED = re.compile(
    r"\b(?P<a>manager|lead|gerente|encargad[oa])(?:['’]?s)?\s+(?:approv\w+|ok\b|sign\w*|says|"
    r"agrees|"
    r"is there|aprueba)"
    r"|\b(?:approv\w+ (?:by|from|of)|sign\w* (?:off )?by|needs?|ask|call|get|with|aprobación "
    r"de\w*)\s+"
    r"(?:a |the |your |un |el |tu )?(?P<b>manager|lead|gerente|encargad[oa])\b"
    r"|\b(?:by|from)\s+(?:a |the |your )(?P<c>manager|lead)\b",
    _FLAGS,
)
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.](?=\d)[^.!?\n]+)*[.!?]*", _FLAGS)


@dataclass(frozen=True, slots=True)
class Commitment:
    """A sentence that would let somebody act."""

    role: str  # of the one who would act
    is_customer: bool = False  # "the customer gets …"


def sentences(text: str) -> list[str]:
    """Cut a text into sentences; a point inside a number ends none."""
    return [s.strip() for s in _SENTENCE.findall(text) if s.strip()]


def is_yes(text: str) -> bool:
    """Tell whether a sentence grants what was asked ("Yes, you can.")."""
    return bool(_YES.match(text))


def find_commitment(
    sentence: str, *, verbs: str, verbs_es: str, role: str, is_ask: bool
) -> Commitment | None:
    """Return who would act by `sentence`, or None when it only describes or denies.

    Args:
        sentence: One sentence.
        verbs: Regular expression of English verbs of the act, in the infinitive.
        verbs_es: The same in Spanish.
        role: Whoever asks.
        is_ask: The sentence asks for leave; else it gives it.
    """
    found = (_asked if is_ask else _given)(sentence, verbs, verbs_es)
    if found is None:
        return None
    who = {k: v for k, v in found.groupdict().items() if v and k in {"who", "es_who"}}
    actor = next(iter(who.values()), "").casefold()
    return Commitment(
        role=_role_of(actor, role, _APPROVED.search(sentence)), is_customer="customer" in actor
    )


def _given(sentence: str, verbs: str, verbs_es: str) -> re.Match[str] | None:
    if sentence.rstrip().endswith("?"):
        return None
    found = _first(_giving(verbs, verbs_es), sentence)
    if found is None and is_yes(sentence) and _FINE.search(sentence):
        return _YES.match(sentence)
    return found


# One set per kind of claim, kept here: `re` keeps 512 patterns in all and a busy store has more,
# and compiling one of these again takes 4 ms of an ask.
@lru_cache(maxsize=64)
def _giving(verbs: str, verbs_es: str) -> tuple[re.Pattern[str], ...]:
    """Return what a sentence that gives leave looks like."""
    patterns = (
        rf"\b{_WHO}\s*{_MODAL}\s+{_SOFT}(?:{verbs})\b",
        rf"^\W*{_LEAD_IN}(?:{verbs})\b",
        rf"{_ES_WHO}{_ES_MODAL}\s+(?:\w+\s+)?(?:{verbs_es})",
        (
            rf"^\W*{_LEAD_IN}(?:d[aáe]le|dele|ofr[eé]ce\w*|apl[ií]ca\w*|haz\w*|v[eé]nde\w*|"
            rf"reembols[ae]\w*)\b"
        ),
    )
    return tuple(re.compile(pattern, _FLAGS) for pattern in patterns)


def _asked(sentence: str, verbs: str, verbs_es: str) -> re.Match[str] | None:
    return None if _WH.match(sentence) else _first(_asking(verbs, verbs_es), sentence)


@lru_cache(maxsize=64)
def _asking(verbs: str, verbs_es: str) -> tuple[re.Pattern[str], ...]:
    """Return what a sentence that asks for leave looks like."""
    patterns = (
        (
            rf"\b(?:can|may|could|should|shall|am|are|is)\s+{_WHO}\s+(?:(?:allowed|able|free|ok|"
            rf"okay)\s+to\s+)?"
            rf"{_SOFT}(?:{verbs})\b"
        ),
        (
            rf"\b(?:ok|okay|fine|alright|allowed|possible|cool|permission)\s+(?:to|"
            rf"if\s+{_WHO}|for\s+"
            rf"(?:me|us)\s+to)\s+{_SOFT}(?:{verbs})\b"
        ),
        (
            rf"\b(?:let me|i want to|i['’]d like to|i need to|i['’]m going to|i['’]ll|i will|"
            rf"gonna)\s+(?:{verbs})\b"
        ),
        (
            rf"\b(?:puedo|puede[sn]?|podemos|se puede|puede (?P<es_who>un \w+)|me dejas?|"
            rf"quiero)\s+(?:\w+\s+)?"
            rf"(?:{verbs_es})"
        ),
        rf"\b(?:{verbs})\b.*\b(?:ok|okay|allowed|alright|right|fine|yes or no)\W*$",
    )
    return tuple(re.compile(pattern, _FLAGS) for pattern in patterns)


def _first(patterns: tuple[re.Pattern[str], ...], sentence: str) -> re.Match[str] | None:
    return next((found for p in patterns if (found := p.search(sentence))), None)


def _role_of(actor: str, asker: str, approved: re.Match[str] | None) -> str:
    """Return the highest role that the sentence itself names, else the asker's."""
    named = actor
    if approved:
        named += " " + next(g for g in approved.groups() if g).casefold()
    if "manager" in named or "gerente" in named:
        return "manager"
    if "lead" in named or "encargad" in named or "líder" in named:
        return "lead"
    if re.search(r"associate|cashier|anyone|anybody|staff|asociad", actor):
        return "associate"
    return asker
