"""Whether a sentence says what its sources say: values, words, and yes against no.

Pure text against text. Not covered: a false statement that borrows all its words, its values and
its polarity from the source (who does what to whom); number words over twelve are compared as
words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from appliance.comparison import is_true
from appliance.records import Value, ValueKind
from appliance.stages.text import interned, sentence_spans, words
from appliance.values import find_values, same_value

# A sentence needs this share of its content words in what it cites. Over the demo handbook true
# sentences keep 1.0 and under 3 % of them are as near to another document (test_govern.py).
SUPPORT_SHARE = 0.6
# With the ask's own words counted as known, this share must still come from the source.
SOURCE_SHARE = 0.5
# A sentence this near to one of the source's is a copy of it, and takes its values from there and
# in that order: "within 7 days" is no less made up because another line of the passage says 7 days.
COPY_SHARE = 0.8
REMEMBERED = 2048  # texts; a few hundred bytes each
_PREFIX = 5  # "refunded" supports "refunding": equal first letters of longer words
_NEAR = 0.05  # sentences this much behind the nearest are as near
_SCOPE = 6  # words that a negation reaches, within its clause


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_STOP = _set(
    "a an the of to in on for with is are was were be been being do does did can could "
    "may might will would shall should must i we you he she it its they them his her "
    "their our my your and or if at by as that this these those there here what how who "
    "when where which than then so also just from into up out about have has had get "
    "gets not no never only yes sure please any all both each per via el la los las un "
    "una unos unas de del al que en por para con sin es son se lo le les y o u si sí su "
    "sus mi mis no nunca hay ser está están como cuando pero"
)
_NEGATIONS = _set(
    "not no never cannot without neither nor none nobody nothing nunca sin ni jamás "
    "ningún ninguna ninguno tampoco"
)
_AUXILIARIES = _set("is are was were may must can will gets has have es son puede debe")
_CLAUSE = re.compile(
    r"[,;:.!?()–—]|\b(?:but|unless|except|and|or|if|when|pero|salvo|excepto|y|o|si)\b"
)
_OPENING = re.compile(r"^\W*(?:yes|no|sure|sí|si)\s*[,.:!]\s*", re.IGNORECASE)
# The quote lane's own words: counted as words of the rule, they would sink every short one
# ("Keep the box."). Test: unit/lanes/test_lanes.py.
_LEAD = re.compile(r"^(?:the handbook says|el manual dice): (?=“)", re.IGNORECASE)
_NUMBER_WORD = re.compile(
    r"\b(?:thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|"
    r"sixty|seventy|eighty|ninety|hundred|thousand|million|dozen|half|double|twice|triple|quarter|"
    r"trece|catorce|quince|veinte|treinta|cuarenta|cincuenta|sesenta|setenta|ochenta|noventa|cien|"
    r"mil|mitad|doble)\b",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d+(?:[.,:]\d+)*")
_OPPOSITES: tuple[tuple[frozenset[str], frozenset[str]], ...] = tuple(
    (frozenset(a.split()), frozenset(b.split()))
    for a, b in (
        ("before antes", "after después"),
        ("opened", "unopened"),
        ("used", "unused"),
        ("always siempre", "never nunca"),
        ("accepted accept accepts", "refused refuse refuses rejected"),
        ("allowed permitted", "forbidden prohibited banned"),
        ("maximum máximo", "minimum mínimo"),
        ("most", "least"),
        ("included includes include", "excluded excludes exclude"),
        ("locked", "unlocked"),
        ("cheaper lower", "dearer higher"),
        ("paid", "unpaid"),
        ("faulty defective", "working"),
    )
)
_OPPOSED = frozenset(word for pair in _OPPOSITES for words_ in pair for word in words_)
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_MONTHS = {"month": 1, "year": 12}


def stray_values(text: str, *, cited: Sequence[str], asked: Sequence[str]) -> list[str]:
    """Return every value of `text`, as printed, that neither what it cites nor the ask holds.

    A value that only the ask holds passes unless the source has another one of its kind and the
    sentence repeats none of those: "$39.99?" is no ground for "Yes, $39.99".
    """
    mine = find_values(text)
    source = [v for part in cited for v in _values(part)]
    given = [v for part in asked for v in find_values(part)]
    grounded = [v for v in mine if any(equal(v, s) for s in source)]
    stray = []
    for value in mine:
        if value in grounded:
            continue
        rivals = [s for s in source if s.kind is value.kind]
        echoed = any(equal(value, g) for g in given)
        if not echoed or (rivals and not any(g.kind is value.kind for g in grounded)):
            stray.append(value.text)
    return stray + _miscopied(text, cited, given, stray) + _stray_numbers(text, mine, cited, asked)


def _miscopied(
    text: str, cited: Sequence[str], given: Sequence[Value], stray: Sequence[str]
) -> list[str]:
    """Return the values that a copied sentence changed or moved; none where one copy is true.

    A value of the ask is excused beside a true one: "After 45 days no: within 30 days."
    """
    wrong: list[list[str]] = []
    for share, original in _nearest(_LEAD.sub("", text), tuple(cited)):
        if share < COPY_SHARE:
            break
        rest = list(_values(original))
        bad: list[Value] = []
        kept: set[ValueKind] = set()
        for value in find_values(text):
            kin = [v for v in rest if v.kind is value.kind]
            same = next((v for v in kin if equal(v, value)), None)
            if same is not None:  # what stands before it is passed: values keep their order
                rest = [v for v in rest if v.kind is not value.kind or v.start > same.start]
                kept.add(value.kind)
            elif value.text not in stray and any(v.kind is value.kind for v in _values(original)):
                bad.append(value)
        excused = [v for v in bad if v.kind in kept and any(equal(v, g) for g in given)]
        wrong.append([v.text for v in bad if v not in excused])
    return min(wrong, key=len, default=[])


# Asked twice of a sentence, for its values and for its polarity.
@lru_cache(maxsize=256)
def _nearest(text: str, cited: tuple[str, ...]) -> tuple[tuple[float, str], ...]:
    """Return the source's sentences nearest to `text`, with the share of its words they hold."""
    mine = content(text)
    ranked = []
    for sentence in (s for part in cited for s in _sentences(part)):
        near = _stems(sentence)
        shared = sum(map(near.holds, mine))
        ranked.append((shared / max(1, len(mine)), sentence))
    best = max((share for share, _ in ranked), default=0.0)
    return tuple((share, other) for share, other in ranked if share >= best - _NEAR)


def equal(a: Value, b: Value) -> bool:
    """Tell whether two values are the same quantity, "2 weeks" and "14 days" included."""
    if same_value(a, b):
        return True
    if a.amount is None or b.amount is None:
        return False
    kinds = {a.kind, b.kind}
    if kinds == {ValueKind.DURATION}:
        return _length(a) == _length(b)
    if kinds == {ValueKind.DATE} and a.unit != b.unit:  # one of them prints no year
        return a.amount % 10_000 == b.amount % 10_000
    # "21 or older" and "must be 21"; "18 years old" and "18 years".
    is_age = kinds == {ValueKind.AGE, ValueKind.COUNT} or (
        kinds == {ValueKind.AGE, ValueKind.DURATION} and {a.unit, b.unit} == {"year"}
    )
    return is_age and a.amount == b.amount


def support(text: str, cited: Sequence[str], asked: Sequence[str] = ()) -> tuple[float, float]:
    """Return the shares of content words in (cited or ask, cited); 1.0 when there are none."""
    mine = content(_LEAD.sub("", text))
    if not mine or is_true(text):  # arithmetic, whose values G3 looks for in the sources
        return 1.0, 1.0
    source, given = [_stems(part) for part in cited], [_stems(part) for part in asked]
    in_source = [any(part.holds(w) for part in source) for w in mine]
    known = sum(
        s or any(part.holds(w) for part in given) for s, w in zip(in_source, mine, strict=True)
    )
    return known / len(mine), sum(in_source) / len(mine)


def flipped(text: str, cited: Sequence[str]) -> str:
    """Return the word that `text` affirms and its source denies, or the reverse; '' when none.

    Only the source's nearest sentences count; where one of several agrees, nothing is flipped.
    """
    text = _OPENING.sub("", _LEAD.sub("", text))
    near = _nearest(text, tuple(cited))
    if not near or max(share for share, _ in near) < 0.5:  # too far to be contradicted
        return ""
    found = [_contradiction(text, other) for _, other in near]
    return found[0] if all(found) else ""


# A passage is cited sentence by sentence and ask after ask: what was read of it is kept.
@lru_cache(maxsize=REMEMBERED)
def content(text: str) -> tuple[str, ...]:
    """Return the stems of the words that carry meaning, numbers left out, each once."""
    kept = (_stem(w) for w in words(text) if w not in _STOP and len(w) > 1 and not w[0].isdigit())
    return tuple(dict.fromkeys(interned(kept)))


@dataclass(frozen=True, slots=True)
class _Stems:
    """What `content` keeps of a text, to look words up in."""

    known: frozenset[str]
    beginnings: frozenset[str]

    def holds(self, word: str) -> bool:
        """Tell whether the word, or one that begins like it, is here."""
        return word in self.known or (len(word) >= _PREFIX and word[:_PREFIX] in self.beginnings)


@lru_cache(maxsize=REMEMBERED)
def _stems(text: str) -> _Stems:
    known = frozenset(content(text))
    beginnings = interned(word[:_PREFIX] for word in known if len(word) >= _PREFIX)
    return _Stems(known, frozenset(beginnings))


@lru_cache(maxsize=REMEMBERED)
def _word_set(text: str) -> frozenset[str]:
    return frozenset(interned(words(text)))


@lru_cache(maxsize=REMEMBERED)
def _sentences(part: str) -> tuple[str, ...]:
    return tuple(part[start:end] for start, end in sentence_spans(part))


@lru_cache(maxsize=REMEMBERED)
def _values(part: str) -> tuple[Value, ...]:
    return find_values(part)


def _contradiction(text: str, other: str) -> str:
    yes, no = _polarity(text)
    other_yes, other_no = _polarity(other)
    for word in sorted((no - yes) & (other_yes - other_no) | (yes - no) & (other_no - other_yes)):
        return word
    mine, theirs = _word_set(text) & _OPPOSED, _word_set(other) & _OPPOSED
    if not mine or not theirs:
        return ""
    for a, b in (*_OPPOSITES, *((b, a) for a, b in _OPPOSITES)):
        if mine & a and not mine & b and theirs & b and not theirs & a:
            return min(mine & a)
    return ""


@lru_cache(maxsize=REMEMBERED)
def _polarity(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return (affirmed, negated) stems; a negation reaches to the end of its clause."""
    yes: set[str] = set()
    no: set[str] = set()
    for clause in _CLAUSE.split(text.casefold().replace("’", "'")):
        left, of_noun = 0, False
        for word in re.findall(r"[^\W_]+(?:'[^\W_]+)?", clause):
            if word in _NEGATIONS or word.endswith("n't"):
                left, of_noun = _SCOPE, word in {"without", "sin"}
                continue
            if of_noun and word in _AUXILIARIES:  # "without a receipt | is limited"
                left = 0
            if word not in _STOP and (len(word) > 1 or word.isdigit()):
                (no if left else yes).add(_stem(word))
                left = max(0, left - 1)
    return frozenset(yes), frozenset(no)


def _stray_numbers(
    text: str, typed: Sequence[Value], cited: Sequence[str], asked: Sequence[str]
) -> list[str]:
    spans = [(v.start, v.end) for v in typed]
    loose = [m[0] for m in _DIGITS.finditer(text) if not any(s <= m.start() < e for s, e in spans)]
    spelled = _NUMBER_WORD.findall(text)
    if not loose and not spelled:
        return []
    known = " ".join([*cited, *asked])
    seen = set(_DIGITS.findall(known))
    told = {w.casefold() for w in _NUMBER_WORD.findall(known)}
    return [n for n in loose if n not in seen] + [w for w in spelled if w.casefold() not in told]


def _length(value: Value) -> tuple[str, Decimal]:
    assert value.amount is not None
    if value.unit in _SECONDS:
        return "seconds", value.amount * _SECONDS[value.unit]
    if value.unit in _MONTHS:
        return "months", value.amount * _MONTHS[value.unit]
    return value.unit, value.amount


@lru_cache(maxsize=8_192)
def _stem(word: str) -> str:
    for ending in ("'s", "ing", "ies", "es", "ed", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word.rstrip("e") if len(word) > 4 else word
