"""Screen a text for prompt injection, sentence by sentence.

Hashed character and word n-grams and a few counted signs, joined by logistic weights from the
release (`models/injection.py` trains them). Per sentence, because one bad sentence among many good
ones sinks in the whole. Not covered: an attack split over several asks, or in other languages than
English and Spanish. Nothing rests on the screen alone: what may be read is decided before, by role.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self
from zlib import crc32

from appliance.damage import found
from appliance.errors import DamagedRelease
from appliance.stages.text import sentence_spans

VERSION = 1
BUCKETS = 8192
NGRAMS = (3, 4, 5)
MAX_SENTENCES = 400  # a longer text is read at both ends
MAX_WORDS = 40  # of a sentence; a longer one is cut into overlapping windows
MAX_CHARS = 100_000

_LEET = str.maketrans("013457@$", "oieastas")
_LEETED = re.compile(r"[a-z][013457@$]+[a-z]")
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_SPACED = re.compile(r"\b(?:\w ){3,}\w\b")
_RULES = (
    r"(?:instructions?|directives?|directions|rules?|guidelines?|polic(?:y|ies)|prompts?|"
    r"programming|restrictions?|"
    r"limits?|filters?|safeguards?|instrucciones|reglas|normas|políticas|límites)"
)
_AI = (
    r"(?:ai|a\.i\.|bot|chatbot|chat ?gpt|gpt|language model|llm|assistant|openai|machine|ia|"
    r"asistente|inteligencia artificial)"
)
# Signs, each counted once a sentence. A sign is evidence, no verdict: its weight is learned, from
# look-alikes too ("Can I ignore this warning?").
SIGNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        (
            "cancel",
            (
                r"\b(?:ignore|disregard|forget|override|bypass|drop|scrap|skip|cancel|"
                r"stop following|"
                r"break|violat\w+|ignora|"
                rf"olvida|sáltate)\b.{{0,40}}\b(?:your|all|any|previous|prior|above|earlier|sus?|"
                rf"tus?|todas)\b.{{0,30}}\b{_RULES}\b"
            ),
        ),
        (
            "you_are",
            (
                r"\b(?:you are|you're|eres)\s+(?:now|going|about|to|free|an?|not|no longer|un|una|"
                r"ahora)\b"
            ),
        ),
        (
            "you_will",
            (
                r"\byou (?:will|shall|must|should|need to|have to|can|cannot|can not|do not|don't|"
                r"never)\b"
            ),
        ),
        (
            "persona",
            (
                r"\b(?:act|behave|respond|answer|speak|reply|write|talk)\w*\s+(?:\w+\s+)?(?:as|"
                r"like)\b|\bpretend|\brole-?play"
                r"|\bpersona\b|\bin character\b|\bcharacter\b|\bsimulat|\bimagine you|\bactúa\b|"
                r"\bfinge\b|\binterpreta\b"
            ),
        ),
        (
            "freed",
            (
                r"\bun(?:restricted|censored|filtered|limited|ethical|moderated)\b|\bamoral\b|"
                r"\bjailbr|\bsin (?:censura|"
                r"restricciones|filtros|reglas|límites)\b|\brogue\b"
            ),
        ),
        (
            "no_limits",
            (
                rf"\b(?:no|without|free (?:of|from)|not bound by|any|"
                rf"ninguna?)\s+(?:\w+\s+){{0,2}}(?:{_RULES}|"
                r"consequences|morals?|ethics|ethical|warnings?|disclaimers?|censorship)\b"
            ),
        ),
        (
            "mode",
            (
                r"\b(?:developer|dev|debug|god|dan|admin|root|jailbreak|sudo|unrestricted|"
                r"desarrollador)\s*(?:mode)?\b"
            ),
        ),
        (
            "leak",
            (
                r"\b(?:system|hidden|secret|initial|original|first|confidential)\s+(?:prompt|"
                r"message|"
                r"instructions?|orders)\b|"
                r"\byour (?:prompt|instructions|context|rules|guidelines)\b|\b(?:tu|tus) (?:prompt|"
                r"instrucciones|reglas)\b"
            ),
        ),
        ("machine", rf"\b{_AI}\b"),
        (
            "ethics",
            (
                r"\b(?:ethic|moral|illegal|legality|harmful|dangerous|offensive|unethical|profan|"
                r"swear|curs(?:e|ing)|insult|"
                r"explicit|taboo|violen|hack|criminal|obscene|controversial)"
            ),
        ),
        (
            "obey",
            (
                r"\b(?:obey|comply|refus|declin|never say|never mention|do not mention|"
                r"don't mention|"
                r"nunca te niegues|obedece)"
            ),
        ),
        (
            "form",
            (
                r"\b(?:respond|reply|answer|response|responses|output)\b.{0,30}\b(?:with|only|by|"
                r"as|"
                r"both|two|begin|start)\b|"
                r"\bstart (?:your|every|each)\b|\bfirst (?:command|question|request|prompt)\b|"
                r"\bmy (?:first|next) \w+ is\b"
            ),
        ),
        (
            "from_now",
            (
                r"\bfrom now on\b|\bfrom here on\b|\ba partir de ahora\b|\bdesde ahora\b|"
                r"\bfor the rest of (?:this|the)\b"
            ),
        ),
        (
            "marker",
            (
                r"<\|?/?\w+\|?>|\[/?inst\]|#{2,}|\bsystem\s*:|\bassistant\s*:|\buser\s*:|\"role\"|"
                r"\{\{|\}\}"
            ),
        ),
        (
            "store",
            (
                r"\b(?:customers?|receipts?|returns?|refunds?|price|prices?|aisle|stock|gift card|"
                r"store|till|register|order|"
                r"warranty|coupons?|shelf|cliente|recibo|precio|tienda|pasillo)\b"
            ),
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Screen:
    """Text -> (probability that it holds an injection, whether it is taken for one)."""

    weights: tuple[float, ...]  # (BUCKETS,)
    signs: tuple[float, ...]  # one per SIGNS
    bias: float
    threshold: float

    def __call__(self, text: str) -> tuple[float, bool]:
        """Return the highest probability of any sentence, and whether it reaches the threshold."""
        p = max((self.probability(s) for s in pieces(text)), default=0.0)
        return p, p >= self.threshold

    def probability(self, sentence: str) -> float:
        """Return the probability for one sentence, alone."""
        buckets, signs = features(sentence)
        share = 1 / math.sqrt(len(buckets)) if buckets else 0.0
        # fsum: the order of a set is another in every process, and a replay must give the same p.
        score = self.bias + share * math.fsum(map(self.weights.__getitem__, buckets))
        score += sum(w for w, found in zip(self.signs, signs, strict=True) if found)
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the weights file of a release.

        Raises:
            DamagedRelease: It does not parse, or was made for other features than these.
        """
        hint = "Fetch the release again, or run: python -m models.injection"
        try:
            table: Mapping[str, Any] = json.loads(text)
            scale = float(table["scale"])
            weights = tuple(int(w) * scale for w in table["weights"])
            signs = tuple(float(table["signs"][name]) for name, _ in SIGNS)
            fits = table["version"] == VERSION and len(weights) == BUCKETS
            screen = cls(weights, signs, float(table["bias"]), float(table["threshold"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
            raise DamagedRelease(
                "The injection weights do not parse: expected version, weights, signs, scale, bias"
                f" and threshold as JSON, found {found(exc)}.",
                hint=hint,
            ) from exc
        if not fits:
            raise DamagedRelease(
                f"The injection weights are version {table['version']} with {len(weights):,}"
                f" buckets; this code reads version {VERSION} with {BUCKETS:,}.",
                hint=hint,
            )
        return screen


def pieces(text: str) -> Iterator[str]:
    """Cut a text into the sentences to screen; long ones into overlapping windows."""
    spans = sentence_spans(text[:MAX_CHARS])
    if len(spans) > MAX_SENTENCES:
        half = MAX_SENTENCES // 2
        spans = spans[:half] + spans[-half:]
    for start, end in spans:
        found = text[start:end].split(" ")
        for at in range(0, max(1, len(found) - MAX_WORDS // 2), MAX_WORDS // 2):
            yield " ".join(found[at : at + MAX_WORDS])


def features(sentence: str) -> tuple[frozenset[int], tuple[bool, ...]]:
    """Return (hashed n-grams, signs) of one sentence, disguises undone."""
    text = plain(sentence)
    tokens = _TOKEN.findall(text)
    grams = {f"w:{t}".encode() for t in tokens}
    grams |= {f"b:{a} {b}".encode() for a, b in pairwise(tokens)}
    padded = " ".join(["", *tokens, ""])
    for size in NGRAMS:
        grams |= _ngrams(padded, size)
    return (
        frozenset([crc32(g) % BUCKETS for g in grams]),
        tuple([bool(pattern.search(text)) for _, pattern in SIGNS]),
    )


def _ngrams(text: str, size: int) -> set[bytes]:
    """Return the runs of `size` characters, in UTF-8."""
    places = range(len(text) - size + 1)
    if text.isascii():  # bytes are characters then: encoded once, not once a run
        data = text.encode()
        return {data[i : i + size] for i in places}
    return {text[i : i + size].encode() for i in places}


def plain(sentence: str) -> str:
    """Fold case and width, join spaced letters, read digits inside words as letters."""
    text = unicodedata.normalize("NFKC", sentence).casefold().replace("’", "'")
    text = _SPACED.sub(lambda m: m[0].replace(" ", ""), text)
    if not _LEETED.search(text):
        return " ".join(text.split())
    return " ".join(_unleet(word) for word in text.split())


def _unleet(word: str) -> str:
    """Return "ignore" for "1gn0re"; a SKU, a size or a time stays as it is."""
    letters = sum(c.isalpha() for c in word)
    inner = _LEETED.search(word)
    return word.translate(_LEET) if inner and letters * 2 > len(word) and "-" not in word else word


def sign_names() -> Sequence[str]:
    """Return the names of the signs, in the order of `features`."""
    return [name for name, _ in SIGNS]
