"""Find postal addresses in an ask: United States forms, and street forms in Spanish, modestly."""

from __future__ import annotations

import re
from collections.abc import Iterator

from appliance.records import Span
from appliance.stages.text import word_set

_STATES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|DC|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ"
    "|NM|NY|NC|ND|OH|OK|OR|PA|PR|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|Alabama|Alaska|Arizona"
    "|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois"
    "|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota"
    "|Mississippi|Missouri|Montana|Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|New York"
    "|North Carolina|North Dakota|Ohio|Oklahoma|Oregon|Pennsylvania|Rhode Island|South Carolina"
    "|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|Wisconsin|Wyoming"
)
_STRONG = (
    "Street|Avenue|Ave|Road|Rd|Lane|Ln|Boulevard|Blvd|Parkway|Pkwy|Highway|Hwy|Expressway|Expy"
    "|Freeway"
)
# These are also words on boxes ("Flash Drive", "Square Pan"): what follows them is looked at.
_WEAK = (
    "St|Drive|Dr|Court|Ct|Place|Pl|Way|Terrace|Ter|Circle|Cir|Trail|Trl|Square|Sq|Loop|Alley"
    "|Crossing|Plaza|Run|Row|Path|Pike|Point|Ridge|Cove"
)
_SP = "(?:[ \u00a0]{1,2})"
_COMMA = rf"(?:,{_SP}|,|{_SP})"
_WORD = (
    r"(?:[^\W\d_a-z][\w'’-]{0,20}\.?|\d{1,3}(?:st|nd|rd|th|ST|ND|RD|TH)|de|del|la|los|las|of|the)"
)
_NUMBER = r"(?<![\w$#.,/:-])\d{1,6}[A-Za-z]?(?:[-/]\d{1,4})?"
_UNIT = (
    rf"(?:{_COMMA}(?i:apt|apartment|suite|ste|unit|bldg|building|floor|fl|room|rm|lot|depto|int)"
    rf"\.?{_SP}?#?[A-Za-z]?\d{{0,5}}[A-Za-z]?(?!\w)|{_COMMA}?#\d{{1,5}}[A-Za-z]?(?!\w))?"
)
_CITY = (
    rf"(?:{_COMMA}(?:[^\W\d_a-z][\w'’.-]{{1,20}}{_SP}){{0,3}}[^\W\d_a-z][\w'’.-]{{1,20}}{_COMMA}"
    rf"(?:{_STATES})(?!\w)(?:{_COMMA}\d{{5}}(?:-\d{{4}})?(?!\w))?"
    rf"|{_COMMA}(?:{_STATES}){_SP}\d{{5}}(?!\w)|{_COMMA}\d{{5}}(?:-\d{{4}})?(?!\w))?"
)
_TURN = r"(?:[ ](?:NW|NE|SW|SE|N|S|E|W)(?!\w))?"
_US = re.compile(
    rf"{_NUMBER}(?P<name>(?:{_SP}{_WORD}){{1,4}}?){_SP}"
    rf"(?:(?:{_STRONG}|{_STRONG.upper()})|(?P<weak>{_WEAK}|{_WEAK.upper()}))(?!\w)\.?{_TURN}"
    rf"(?P<rest>{_UNIT}{_CITY})"
)
_NAMELESS = re.compile(
    rf"{_NUMBER}{_SP}(?:[NSEW]\.?{_SP})?(?:Broadway|(?:Avenue|Ave\.?){_SP}[A-Z]"
    rf"|(?:County Road|CR|State Road|Farm Road|FM|Highway|Hwy|US|(?:State )?Route|Rt\.?){_SP}"
    r"\d{1,4})(?!\w)"
    rf"{_TURN}{_UNIT}{_CITY}"
)
_BOX = re.compile(
    rf"(?i:\bP\.?{_SP}?O\.?{_SP}?Box|\bapartado(?:{_SP}postal)?){_SP}#?\d{{1,6}}{_CITY}"
)
# Typed in lower case, an address needs a word that announces one.
_LOWER = re.compile(
    rf"\b(?:at|to|on|address(?: is|:)?|lives?|home|vive en)[ :]{{1,2}}"
    rf"(?P<address>{_NUMBER}(?P<name>(?:{_SP}(?!(?:on|of|and|to|for|in|at|the|or|is)\b)[\w'’]{{1,20}}){{1,3}}?)"
    rf"{_SP}(?:{_STRONG}|St|Drive|Dr|Court|Ct|Place|Way|Circle|Trail)(?![\w-]){_UNIT})",
    re.IGNORECASE,
)
_SPANISH = re.compile(
    rf"(?i:\b(?:calle|av(?:enida|da)?\.?|calz(?:ada|\.)|callej[oó]n|bulevar|blvd\.?|paseo|carrera|c/)){_SP}"
    rf"(?P<name>[\w'’.]{{1,20}}(?:{_SP}[\w'’.]{{1,20}}){{0,5}}?)"
    rf"(?:,?{_SP}?(?:#|[Nn][oº°]\.?|[Nn][uú]m\.?|[Nn][uú]mero){_SP}?|,?{_SP})\d{{1,5}}[A-Za-z]?(?![\w%:])"
    rf"{_UNIT}(?:{_COMMA}(?i:col\.?|colonia|fracc\.?|barrio){_SP}[\w'’]{{1,20}}"
    rf"(?:{_SP}[^\W\d_a-z][\w'’]{{1,20}}){{0,2}})?{_CITY}"
)
# Between a number and "Drive" or "Circle" these words speak of goods and tiers, not of a street.
_GOODS = word_set(
    "tb gb mb hard flash thumb usb disk disc external portable solid state volt v wheel pack pk ct"
    " count quart qt inch in oz ounce lb foot ft piece pc pcs way gold silver basic larkmoor door"
    " speed stage max impact socket channel port cup person liter watt amp fl pair pairs set sets"
    " cans bottles boxes bags cases units items customers members dozen ssd hdd"
)
_BRANDED = re.compile(r"[ ](?:pepper|martens|scholl|bronner|squatch|teal|brown)", re.IGNORECASE)
_CAPITALISED = re.compile(r"[ ][A-Z][a-z]")


def find_addresses(text: str) -> Iterator[Span]:
    """Yield postal addresses in `text`; those of one form never overlap."""
    for pattern in (_NAMELESS, _BOX):
        for match in pattern.finditer(text):
            yield _span(text, match.start(), match.end())
    for match in _US.finditer(text):
        if _is_street(match, text):
            yield _span(text, match.start(), match.end())
    for match in _LOWER.finditer(text):
        if not _GOODS & set(match["name"].casefold().split()):
            yield _span(text, match.start("address"), match.end("address"))
    for match in _SPANISH.finditer(text):
        # "En la calle hay 20 personas" names no street: a name has a capital or is a number.
        name = match["name"]
        if name[0].isdigit() or name != name.lower():
            yield _span(text, match.start(), match.end())


def _is_street(match: re.Match[str], text: str) -> bool:
    if _GOODS & set(match["name"].casefold().split()):
        return False
    after = text[match.end() : match.end() + 10]
    if _BRANDED.match(after):
        return False
    return not match["weak"] or bool(match["rest"]) or not _CAPITALISED.match(after)


def _span(text: str, start: int, end: int) -> Span:
    while text[end - 1] in " .,":
        end -= 1
    return Span(start, end, "address")
