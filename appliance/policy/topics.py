"""What an ask is about, where people, money or locks are concerned: topics a rule may close.

Told by pattern, in English and modestly in Spanish; asking *for* a thing ("what is Maria's phone
number") is told from asking about a procedure ("do we need a customer's phone number?").
"""

from __future__ import annotations

import re

from appliance.ports import PolicyRequest

_WANTS = (
    r"(?:what(?:['’]?s| is| are| was)|whats|give me|tell me|look up|find|show me|get me|pull up|"
    r"send me|"
    r"do you (?:know|have)|i need|who is|dame|dime|cuál es|busca\w*|necesito)"
)
_CUSTOMER = (
    r"(?:customers?|client(?:e|s)?|shoppers?|guests?|buyers?|mr\.?|mrs\.?|ms\.?|sra?\.?|"
    r"that lady|that man|that guy)"
)
_STAFF = (
    r"(?:co-?workers?|colleagues?|associates?|employees?|cashiers?|managers?|leads?|supervisors?|"
    r"boss|"
    r"compañer[oa]s?|emplead[oa]s?|gerente)"
)
_CONTACT = (
    r"(?:home |street |e-?mail |phone |cell |mobile |personal )*(?:address(?:es)?|"
    r"phone(?: number)?|e-?mails?|"
    r"cell|mobile|number|birthday|card(?: number)?|dirección|teléfono|correo|tarjeta)"
)
_NAME = r"(?:(?-i:[A-Z][a-zé]+(?: [A-Z][a-zé]+)?)|his|her|their)"
_NOT_PEOPLE = re.compile(
    r"\bcustomer (?:service|care|relations|support|desk)|\bstore(?:['’]s)? (?:phone|address|"
    r"number|e-?mail)"
    r"|\b(?:do|should|must|can) (?:we|i) (?:need|ask|take|change|update|correct|enter|keep|store)\b"
    r"|\bhow (?:do|can|should|long)\b|\bmodel number|\border number|\bpart number|\bserial number",
    re.IGNORECASE,
)
_OWN = re.compile(
    r"\b(?:my|mi|mis)\s+(?:own\s+)?(?:pay|salary|wages?|hourly|schedule|phone|number|e-?mail|"
    r"address|"
    r"record|birthday|sueldo|salario|horario|teléfono)",
    re.IGNORECASE,
)

_TOPICS: tuple[tuple[str, str], ...] = (
    (
        "customer_data",
        (
            rf"\b{_WANTS}\b.{{0,40}}\b{_CUSTOMER}\b.{{0,30}}\b{_CONTACT}\b"
            rf"|\b{_WANTS}\b.{{0,30}}\b(?:address|phone number|e-?mail|card number|"
            rf"purchase history|"
            rf"dirección|"
            rf"teléfono)\b.{{0,15}}\b(?:of|for|de|del)\b.{{0,15}}\b{_CUSTOMER}"
            rf"|\bwhere (?:does|do|did) (?!the\b)(?!i\b)(?!we\b){_NAME}\b.{{0,20}}\blive\b"
            rf"|\bwhere (?:does|do) (?:the|that|this) {_CUSTOMER}.{{0,20}}\blive\b"
            rf"|\bwhat (?:did|has|have) (?:the |that |this )?(?:{_CUSTOMER}|"
            rf"{_NAME}) (?:\w+ )?(?:buy|"
            rf"bought|order(?:ed)?|"
            rf"purchased?)\b|\b(?:purchase|order|shopping) history (?:of|for)\b"
        ),
    ),
    (
        "staff_pay",
        (
            r"(?:['’]s|\b(?:his|her|their|whose|the (?:lead|manager|new guy|other)s?))\s+(?:salary|"
            r"wages?|pay|hourly (?:rate|pay))\b"
            r"|\b(?:salary|salaries|wages?|pay ?(?:rate|check|stub|slip)s?|hourly (?:rate|pay)|"
            r"sueldos?|salarios?)\s+(?:of|for|"
            r"de|del)\s+(?!my\b|me\b|mi\b|overtime|holiday|training)"
            r"|\bhow much (?:does|do|did|is|"
            r"are) (?!i\b)(?!it\b)(?!this\b)(?!that\b).{1,40}\b(?:make an hour|earn|"
            r"get(?:ting)? paid|paid|make per|make a year|being paid)\b|\bcuánto (?:gana|cobra)\b"
        ),
    ),
    (
        "associate_data",
        (
            rf"\b{_WANTS}\b.{{0,40}}\b{_STAFF}\b['’]?s?\s+(?:home |personal |cell |"
            rf"phone )*(?:address|phone|number|"
            r"e-?mail|cell|birthday|schedule|record|write-?up|teléfono|dirección)"
            rf"|\b{_WANTS}\b.{{0,15}}\b(?-i:[A-Z][a-z]+)['’]s (?:home |personal |cell |"
            rf"phone )*(?:address|phone|number|"
            r"e-?mail|cell|birthday|schedule|record)\b"
            r"|\b(?:home address|personal (?:phone|number|e-?mail)) of\b"
        ),
    ),
    (
        "cost",
        (
            r"\b(?:our|unit|wholesale|invoice|landed|store|dealer) (?:cost|price)\b|\bcost price\b|"
            r"^cost (?:of|on|for) (?:the )?lm-?\d|\bwhat margins?\b|\bshrink target\b|"
            r"\bwhat (?:do|did) we pay (?:for|"
            r"per)\b|\bhow much (?:do|did) we pay (?:for|per)\b|\b(?:profit|gross|our) margins?\b|"
            r"\bmargins? (?:on|for|of)\b|"
            r"\bmark-?up (?:on|for|of)\b|\bshrink(?:age)? (?:rate|number|figure|percent\w*|of|for|"
            r"last|this)\b|"
            r"\bprecio de costo\b|\bmargen\b"
        ),
    ),
    (
        "loss_prevention",
        (
            r"\b(?:loss[- ]prevention|shoplift\w*|theft|lp|stealing)\b.{0,30}\b(?:threshold|limit|"
            r"minimum|amount)\b"
            r"|\b(?:threshold|limit|minimum)\b.{0,30}\b(?:loss[- ]prevention|shoplift\w*|theft|"
            r"lp)\b"
            r"|\bat what (?:amount|value|dollar)\b.{0,30}\b(?:stop|prosecute|police|chase|"
            r"detain)\w*"
            r"|\b(?:camera|cctv) (?:blind|dead) ?spots?\b|\b(?:no|without) cameras?\b"
        ),
    ),
    (
        "safe",
        (
            r"\b(?:in|keys? (?:to|of|for)|for) the (?:store )?safe\b(?! side)|"
            r"\btime[- ](?:delay|lock)\b|"
            r"\bsafe(?:['’]s)? (?:code|combination|combo|pin|key|procedure)s?\b|\b(?:code|"
            r"combination|combo|pin|key) (?:to|for|"
            r"of) the (?:safe|alarm)\b|\balarm (?:code|pin)\b|\b(?:open|unlock|get into) the safe\b"
            r"|\b(?:código|combinación) de la (?:caja fuerte|alarma)\b"
        ),
    ),
)
_ADVICE: tuple[tuple[str, str], ...] = (
    (
        "medical",
        (
            r"\b(?:what|which|any|best|qué)\b.{0,20}\b(?:medicines?|medications?|pills?|"
            r"painkillers?|"
            r"ointment|medicina|"
            r"pastillas?)\b.{0,20}\b(?:should|can|for|take|give|help\w*|works?|para|dar)\b|"
            r"\bsafe to (?:take|mix|combine)\b"
            r"|\b(?:dose|dosage|dosis)\b"
        ),
    ),
    (
        "legal",
        (
            r"\b(?:can|could|will|should) (?:\w+ ){1,3}sue\b|\bgrounds for a lawsuit\b|"
            r"\bdemandar(?:nos|me)?\b"
        ),
    ),
)
_ADVISED = tuple((field, re.compile(pattern, re.IGNORECASE)) for field, pattern in _ADVICE)
_COMPILED = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _TOPICS)
_ABOUT_PEOPLE = frozenset({"customer_data", "associate_data"})


def find_topics(text: str, *, role: str) -> tuple[PolicyRequest, ...]:
    """Return an `ask_about` request per guarded topic of `text`, and advice it asks for."""
    found = [
        PolicyRequest(action="give_advice", role=role, context={"field": field})
        for field, pattern in _ADVISED
        if pattern.search(text)
    ]
    for name, pattern in _COMPILED:
        if not pattern.search(text) or (name in _ABOUT_PEOPLE and _NOT_PEOPLE.search(text)):
            continue
        if name in {"staff_pay", "associate_data"} and _OWN.search(text):
            continue  # one's own phone or pay is no secret from oneself
        found.append(
            PolicyRequest(
                action="ask_about", role=role, resource_type="Topic", resource_id=name, context={}
            )
        )
    return tuple(found)
