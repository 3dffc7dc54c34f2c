"""The words that claims are told by: verbs of each act, and what surrounds them.

English and Spanish; matched without case. Plain data, kept apart so that it can be read and grown.
"""

from __future__ import annotations

import re


def _p(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


# ── bounds, before a number ─────────────────────────────────────────────────────────────────

OVER = _p(r"\b(?:over|above|more than|exceed(?:ing)?|past|beyond|más de|mayor de)\s+(?:the\s+)?$")
UNDER = _p(r"\b(?:under|below|less than|younger than|menos de|menor(?:es)? de)\s+(?:age\s+)?$")
LOOKS = _p(
    r"\b(?:looks?|appears?|parezcan?|parece)\s+(?:to be\s+)?(?:under|younger than|menor de)?\s*$"
)

# ── who and what ────────────────────────────────────────────────────────────────────────────

GOLD = _p(
    r"\bgold\b(?=\s*(?:customers?|members?|tier|status|level|circle|loyalty|guests?|shoppers?|"
    r"one\b|"
    r"$|[,.?!;)]))|\b(?:is|are|['’]s|['’]re|es|son|if|for|unless|circle|cliente)\s+(?:an?\s+)?"
    r"gold\b(?!\s+(?:necklace|ring|chain|watch|earrings?|bracelet|plated|colou?r))|\bcliente oro\b"
)
NOT_GOLD = _p(
    r"(?:\bnot|n['’]t|\bno es|\bwithout|\bnon)[\s-]+(?:an?\s+)?(?:circle\s+)?(?:gold|oro)\b"
)
SILVER = _p(
    r"\bsilver\b(?=\s*(?:customers?|members?|tier|status|level|circle|loyalty|$|[,.?!;)]))"
    r"|\b(?:is|are|['’]s|es|if|for|circle|cliente)\s+(?:an?\s+)?silver\b|\bcliente plata\b"
)
GIFT_CARD = _p(r"\bgift ?cards?\b|\btarjetas? (?:de )?regalo\b")
OWN_BRAND = _p(r"\bfernway\b")
STAFF_DISCOUNT = _p(
    r"\b(?:staff|employee|associate|own[- ]use)\s+discount\b|\b(?:for|on) (?:myself|my own|"
    r"yourself|"
    r"your own)\b|\bown (?:use|purchases?)\b|\bdescuento de emplead"
)
DAMAGED = _p(r"\bdamaged?\b|\bscratch|\bdent|\bopen[- ]box\b|\bdañad")
RECALL = _p(r"\brecall(?:ed|s)?\b|\bretirad[oa]s?\b|\bretiro de producto")
GROCERY = _p(r"\bgrocer(?:y|ies)\b|\bfood\b|\bmilk\b|\bmeat\b|\bcomida\b|\babarrotes\b")
PRONOUN = _p(r"\b(?:it|them|this|that|these|those|one|lo|la|los|las)\b")

# ── discounts ───────────────────────────────────────────────────────────────────────────────

DISCOUNT_VERBS = (
    r"give|offer|take|apply|do|knock|grant|promise|get|have|go|mark|make|put|use|extend|discount|"
    r"reduce|ring|cut|authori[sz]e|approve"
)
DISCOUNT_VERBS_ES = r"dar\w*|ofrecer\w*|aplicar\w*|hacer\w*|poner\w*|descontar\w*|rebajar\w*"
DISCOUNT = _p(
    r"\boff\b|\bdiscount|\bmark(?:ed)?[- ]?down|\bcheaper\b|\bdescuento|\brebaja|\bdescontar"
)
GIVES = _p(r"\b(?:give|offer|apply|do|grant|take|dar\w*|ofrecer\w*|aplicar\w*|hacer\w*)\b")
NOT_A_DISCOUNT = _p(
    r"\brestock|\bfee\b|\bdeposit\b|\bdown payment\b|\btax\b|\bcommission\b|\btip\b|"
    r"\bcharge[drs]?\b|"
    r"\bplan\b|\bprotect\b|\bprobab|\bsure\b.{0,3}$|\bcapacity\b|\bbattery\b|\bcotton\b|"
    r"\bdepósito\b|"
    r"\bcargo\b|\bimpuesto|\bpromotions?\b|\bcoupons?\b|\bon sale\b"
)
HALF_OFF = _p(r"\bhalf[- ](?:off|price)\b|\bmitad de precio\b")

# ── refunds ─────────────────────────────────────────────────────────────────────────────────

REFUND_VERBS = (
    r"refund|return|reimburse|process|accept|take|give|get|do|issue|exchange|pay|have|bring"
)
REFUND_VERBS_ES = r"devolver\w*|reembolsar\w*|aceptar\w*|dar\w*|recibir\w*"
REFUNDS = _p(
    r"\brefund|\breturn(?!ing customer)|\breimburs|\b(?:take|bring|accept|give|"
    r"pay)\b.{0,30}\bback\b|"
    r"\bmoney back\b|\bdevol|\breembols"
)
CUSTOMER_RETURNS = _p(
    r"\b(?:can|could|may)\s+(?:the|a|this|my|that)?\s*(?:customers?|he|she|they|guests?|people)\b"
    r"|\bpuede (?:el|la|un) client"
)
SINCE_PURCHASE = _p(
    r"#\s*(?:ago|old|later|after|since|passed|past)\b|\b(?:after|within|up to|past|bought|for|"
    r"purchased|"
    r"from|over|hace|dentro de|después de|hasta|tras)\s+(?:the\s+|about\s+|only\s+|over\s+)?#"
)
NO_RECEIPT = _p(
    r"\b(?:without|no|lost|missing|don['’]t have|doesn['’]t have|hasn['’]t got)\s+(?:an?\s+|the\s+|"
    r"any\s+|her\s+|his\s+|their\s+|your\s+)?receipt|\bsin (?:el |un )?(?:recibo|ticket|"
    r"comprobante)"
)
WITH_RECEIPT = _p(
    r"\bwith\s+(?:an?\s+|the\s+|your\s+|her\s+|his\s+)?receipt|\bcon (?:el |su )?recibo"
)
STORE_CREDIT = _p(r"\bstore credit\b|\bcrédito (?:de|en) (?:la )?tienda\b|\bexchange\b")
MONEY = _p(
    r"\bcash\b|\bmoney\b|\bfull refund\b|\bin full\b|\boriginal (?:form of )?payment\b|"
    r"\bback to (?:the|"
    r"his|her|their) card\b|\befectivo\b|\bdinero\b|\breembolso completo\b"
)
OPENED = _p(r"\bopened\b|\bopen[- ]box\b|\babiert[oa]s?\b|\bseal (?:is )?broken\b")
FAULTY = _p(r"\bfault|\bdefect|\bbroken\b|\b(?:doesn['’]t|not) work|\bdefectuos")
REGISTRY = _p(
    r"\bregistr(?:y|ies)\b|"
    r"\b(?:lista|mesa) de (?:bodas?|regalos?|bebé)\b"
)
HOLIDAY = _p(
    r"\bholiday|\bchristmas\b|\bthanksgiving\b|\b(?:bought|purchased) (?:in|on|between) (?:nov|"
    r"dec)|"
    r"\bnavidad"
)
REFUND_CATEGORIES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "gift_card",
        _p(
            r"\b(?:refund|return|take back|devolver|reembolsar)\w*\s+(?:an?\s+|the\s+|this\s+|"
            r"una\s+|la\s+)?(?:gift ?cards?|tarjetas? (?:de )?regalo)"
        ),
    ),
    (
        "hygiene",
        _p(
            r"\bheadphones?\b|\bearbuds?\b|\bheadsets?\b|\bswim(?:wear|suits?)\b|\bbikinis?\b|"
            r"\bunderwear\b|\baudífonos\b|\bauriculares\b|\btraje de baño\b"
        ),
    ),
    (
        "appliances",
        _p(
            r"\b(?:large|major) appliances?\b|\brefrigerators?\b|\bfridges?\b|\bwashers?\b|"
            r"\bwashing machines?\b|\bdryers?\b|\bdishwashers?\b|\bfreezers?\b|\bstoves?\b|"
            r"\blavadoras?\b|\bneveras?\b|\brefrigerador"
        ),
    ),
    (
        "electronics",
        _p(
            r"\belectronics?\b|\btvs?\b|\btelevisions?\b|\blaptops?\b|\btablets?\b|"
            r"\bphones?\b|\bcameras?\b|\bconsoles?\b|\brouters?\b|\bspeakers?\b|"
            r"\bmonitors?\b|\bprinters?\b|\belectrónic|\btelevisor"
        ),
    ),
)

# ── price match ─────────────────────────────────────────────────────────────────────────────

MATCH_VERBS = r"(?:price[- ]?)?match|do|beat|honou?r|approve|give"
MATCH_VERBS_ES = r"igualar\w*|hacer\w*"
PRICE_MATCH = _p(
    r"\bprice[- ]?match|\bmatch\b.{0,40}\bprices?\b|\bmatch (?:it|that|this)\b|\bigualar"
)
DIFFERENCE = _p(
    r"\bdifference\b|\blower\b|\bcheaper\b|\bless\b|\bmatch(?:es)? (?:of|for|worth|over|up to|"
    r"above)\b|\bdiferencia\b|\bmás barat"
)
MARKETPLACE = _p(r"\bmarketplace\b|\bthird[- ]party sellers?\b|\bebay\b|\bprivate sellers?\b")

# ── sales under the law ─────────────────────────────────────────────────────────────────────

SELL_VERBS = r"sell|ring|put|return|let|give|offer"
SELL_VERBS_ES = r"vender\w*|poner\w*|dar\w*"
RESTRICTED: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "alcohol",
        _p(
            r"\balcohol(?! wipes)\b|\bbeers?\b(?! mug| glass)|\bwines?\b(?! glass| rack)|"
            r"\bliquor\b|\bspirits\b|\bvodka\b|\bwhiske?y\b|\bcerveza|\bvino\b|\blicor"
        ),
    ),
    (
        "tobacco",
        _p(r"\btobacco\b|\bcigarettes?\b|\bcigars?\b|\bvapes?\b|\be-?cig|\btabaco\b|\bcigarr"),
    ),
    ("lighter", _p(r"\blighters?\b|\bencendedor")),
    ("paint", _p(r"\b(?:aerosol|spray)[- ]?paints?\b|\bpintura en aerosol\b")),
    ("knife", _p(r"\bkni(?:fe|ves)\b|\bcuchillos?\b|\bnavajas?\b")),
    ("game", _p(r"\bm[- ]rated\b|\brated m\b|\bmature(?:[- ]rated)? games?\b")),
)
BARE_AGE = _p(
    r"\b(?:is|he['’]s|she['’]s|who is|they['’]re|only|a|tiene)\s+(1\d|2\d)\b(?!\s*(?:%|percent|"
    r"days?|d))"
)
MINOR = _p(
    r"\bminors?\b|\bkids?\b|\bchild(?:ren)?\b|\bteen(?:ager)?s?\b|\bunderage\b|\bmenor(?:es)?\b"
)
NO_ID = _p(
    r"\b(?:without|no|forgot|skip(?:ping)?)\s+(?:an?\s+|any\s+|the\s+|their\s+|his\s+|her\s+|"
    r"asking for\s+|checking\s+|showing\s+)*(?:ids?|identification|license)\b|\bsin (?:pedir )?"
    r"(?:la |una )?identificación"
)

# ── money, goods, time ──────────────────────────────────────────────────────────────────────

CASH_VERBS = r"cash|pay|give|refund|redeem|turn|exchange|get|convert"
CASH_VERBS_ES = r"cambiar\w*|pagar\w*|dar\w*"
CASH = _p(r"\bcash(?: back| out|ed)?\b|\bpa(?:y|id) out\b|\befectivo\b")
HOLD_VERBS = r"hold|keep|set|reserve|save|put"
HOLD_VERBS_ES = r"guardar\w*|apartar\w*|reservar\w*"
HELD_FOR = _p(
    r"\b(?:hold|keep|set|reserve|save|guardar\w*|apartar\w*|reservar\w*)\b.{0,50}\b(?:for|up to|"
    r"durante|"
    r"por|hasta)\s+(?:up to\s+|another\s+|about\s+|the\s+next\s+)?#"
)
SPECIAL_ORDER = _p(
    r"\bspecial[- ]?(?:order(?:s|ed)?|ordr)\b|\bspecially ordered\b|\bpedidos? especial(?:es)?\b"
)
ANYWHERE = _p(r"#")
LAYAWAY_VERBS = r"put|offer|do|extend|run|place|use|give|keep|set"
LAYAWAY_VERBS_ES = r"poner\w*|ofrecer\w*|hacer\w*|apartar\w*"
LAYAWAY = _p(r"\blay-?away\b|\bapartado\b")
WAIVE_VERBS = r"waive|skip|drop|remove|forget|ignore|refund|cancel"
WAIVE_VERBS_ES = r"quitar\w*|no cobrar\w*|eliminar\w*|perdonar\w*"
FEE = _p(
    r"\b(?:waive|skip|drop|remove|forget|quitar\w*|no cobrar\w*|perdonar\w*)\b.{0,40}\b(?:fee|"
    r"charge|"
    r"cargo|tarifa|comisión)\b"
)
OVERTIME_VERBS = r"work|stay|do|approve|authori[sz]e|take|pick|put|get|clock|have"
OVERTIME_VERBS_ES = r"trabajar\w*|hacer\w*|aprobar\w*|quedar\w*"
OVERTIME = _p(r"\bovertime\b|\bextra hours\b|\bhoras extras?\b")

# ── advice ──────────────────────────────────────────────────────────────────────────────────

ADVICE_VERBS = r"take|give|use|treat|recommend|tell|sue|cure|mix|combine|swallow|apply|advise|claim"
ADVICE_VERBS_ES = r"tomar\w*|dar\w*|usar\w*|recomendar\w*|demandar\w*"
_MEDICINE = (
    r"(?:ibuprofen|aspirin|acetaminophen|paracetamol|antihistamines?|cough syrup|melatonin|"
    r"painkillers?|"
    r"pills?|tablets? of|capsules?|antibiotics?|medicines?|medications?|medicinas?|pastillas?)"
)
MEDICAL = _p(
    rf"\b(?:take|give|use|recommend|combine|mix|swallow|tomar|dar)\b.{{0,40}}\b{_MEDICINE}\b|"
    r"\b\d+\s?mg\b|\b(?:cure|treat|heal)s?\b.{0,30}\b(?:infection|fever|rash|pain|cold|flu|"
    r"allerg\w+|"
    r"headache|burn|disease)\b|\bfor (?:a |his |her |my |your )?(?:headache|fever|rash|infection|"
    r"allerg\w+|migraine)\b"
)
LEGAL = _p(
    r"\bsue\b|\blawsuit\b|\blegally (?:liable|entitled|responsible)\b|\bpress charges\b|"
    r"\bdemandar\b"
)
