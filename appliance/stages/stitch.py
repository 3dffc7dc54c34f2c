"""Routed -> Stitched: the passages, live facts and typed values an answer may rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from appliance.ports import (
    Embedder,
    Facts,
    Filters,
    Index,
    Known,
    KnownAnswer,
    Reading,
    Vector,
)
from appliance.records import Evidence, Excerpt, Fact, Passage, Routed, Stitched
from appliance.stages.excerpt import RankExcerpts
from appliance.stages.lexicon import Lexicon
from appliance.stages.stems import stem
from appliance.stages.subject import RECORDS
from appliance.stages.text import interned, words
from appliance.values import assign_slots

SEARCHED = 12
KEPT = 8
KNOWN = 8  # like questions looked at
KNOWN_PASSAGES = 3  # of the kept passages that may come from like questions alone
KNOWN_AT = 0.4  # least cosine of a question that counts as like this one
CLEAR_AT = 0.5  # odds of the kind of question under which a product's summary is read
SUMMARY = ("price", "stock", "location", "transit")
SUBJECTS = 3  # products, orders and badges looked up for one ask, at most
NOT_YOURS = {
    "en": "{}: not for your role to look up",
    "es": "{}: su puesto no puede consultarlo",
}
NO_PRODUCT = {
    "en": "{}: no such product in the catalogue",
    "es": "{}: no hay tal producto en el catálogo",
}
SAME_AT = 0.85  # share of words two passages share beyond which they say the same


@dataclass(frozen=True, slots=True)
class Stitch:
    """Routed -> Stitched."""

    index: Index
    facts: Facts
    lexicon: Lexicon
    embedder: Embedder
    excerpts: RankExcerpts
    known: Known

    def __call__(self, routed: Routed) -> Stitched:
        """Return the evidence; empty for a refused ask, which may read nothing."""
        return Stitched(
            ask=routed.ask,
            query=routed.query,
            masked=routed.masked,
            grant=routed.grant,
            intent=routed.intent,
            in_scope=routed.in_scope,
            lanes=routed.lanes,
            reasons=routed.reasons,
            subject=routed.subject,
            card=routed.card,
            features=routed.features,
            evidence=self._evidence(routed) if routed.grant.allowed else Evidence((), (), ()),
        )

    def _evidence(self, routed: Routed) -> Evidence:
        reading = self._read(routed)
        routed = with_bought(routed, reading.facts)
        vector = self.embedder.embed([routed.query.standalone])[0]
        known = self.known.nearest(vector, k=KNOWN)
        found = distinct(self._found(routed, vector, known))[:KEPT]
        excerpts = self._excerpts(routed, vector, found, known)
        passages = likeliest_first(found, excerpts)
        return Evidence(
            passages=tuple(passages),
            facts=reading.facts,
            values=assign_slots(passages, reading.facts),
            missing=reading.missing,
            excerpts=excerpts,
        )

    def _excerpts(
        self,
        routed: Routed,
        vector: Vector,
        passages: Sequence[Passage],
        known: Sequence[KnownAnswer],
    ) -> tuple[Excerpt, ...]:
        sentences = self.index.sentences([p.id for p in passages])
        return self.excerpts(
            routed.query.standalone,
            vector,
            passages=passages,
            sentences=sentences,
            known=known,
            asked=self.known.asked(vector, sentences),
        )

    def _found(self, routed: Routed, vector: Vector, known: Sequence[KnownAnswer]) -> list[Passage]:
        filters = Filters(
            audiences=routed.grant.audiences,
            language=routed.query.language,
            on=routed.ask.asked_at.date(),
            kinds=("handbook", "local"),
        )
        text = self.lexicon.with_synonyms(routed.query.standalone)
        return find_passages(self.index, text, vector, filters=filters, known=known)

    def _read(self, routed: Routed) -> Reading:
        wanted = self._wanted(routed)
        allowed = [f for f in wanted if f in routed.grant.families]
        language = routed.query.language
        facts: list[Fact] = []
        missing = self._unknown(routed) if wanted else []
        not_yours = NOT_YOURS.get(language, NOT_YOURS["en"])
        missing += [not_yours.format(f) for f in wanted if f not in allowed]
        for subject in self._subjects(routed):
            reading = self.facts.read(
                allowed,
                subject=subject,
                at=routed.ask.asked_at,
                role=routed.ask.role,
                language=language,
            )
            facts += reading.facts
            missing += reading.missing
        asked = told(facts, routed.query.standalone)
        return Reading(tuple(asked), tuple(dict.fromkeys(missing)))

    def _wanted(self, routed: Routed) -> tuple[str, ...]:
        """Return the families to read; for an unclear question about one product, its summary."""
        wanted = self.facts.families_for(routed.intent)
        is_unclear = dict(routed.features).get("top_live", 1.0) < CLEAR_AT
        if wanted and is_unclear and len(routed.subject) == 1:
            return tuple(dict.fromkeys((*SUMMARY, *wanted)))
        return wanted

    def _subjects(self, routed: Routed) -> tuple[str, ...]:
        orders = [e.value for e in routed.query.entities if e.kind in RECORDS]
        return (tuple(dict.fromkeys(orders)) or routed.subject)[:SUBJECTS]

    def _unknown(self, routed: Routed) -> list[str]:
        """Return a word on each product named by a number that the chain does not sell."""
        named = [e.value for e in routed.query.entities if e.kind in {"sku", "ean"}]
        unknown = [value for value in named if not self.index.product(value)]
        no_product = NO_PRODUCT.get(routed.query.language, NO_PRODUCT["en"])
        return [no_product.format(value) for value in unknown]


def with_bought(routed: Routed, facts: Sequence[Fact]) -> Routed:
    """Return the ask with the name of what its receipt is for: rules differ by what was bought."""
    names = [dict(f.columns).get("name", "") for f in facts if f.family == "purchase"]
    if not any(names):
        return routed
    text = f"{routed.query.standalone} ({', '.join(dict.fromkeys(filter(None, names)))})"
    return replace(routed, query=replace(routed.query, standalone=text))


def find_passages(
    index: Index,
    text: str,
    vector: Vector,
    *,
    filters: Filters,
    known: Sequence[KnownAnswer],
) -> list[Passage]:
    """Return what the search finds, with the passages of like questions among the first.

    Args:
        index: Searched.
        text: The question with its synonyms.
        vector: Of the question.
        filters: What may be found; known answers must pass them too.
        known: Answers to like questions, best first.
    """
    found = index.search(text, k=SEARCHED, filters=filters, vector=vector)
    ids = {p.id for p in found[: KEPT - KNOWN_PASSAGES]}
    likely = [a for a in known if a.cosine >= KNOWN_AT and a.passage not in ids]
    more = [index.passage(name) for name in dict.fromkeys(a.passage for a in likely)]
    allowed = [p for p in more if p is not None and may_find(p, filters)][:KNOWN_PASSAGES]
    scores = {p.id: p.score for p in found}
    allowed = [replace(p, score=scores.get(p.id, 0.0)) for p in allowed]
    head = found[: KEPT - KNOWN_PASSAGES]
    taken = {p.id for p in [*head, *allowed]}
    return [*head, *allowed, *(p for p in found if p.id not in taken)]


def may_find(passage: Passage, filters: Filters) -> bool:
    """Tell whether a passage passes filters, as the index would."""
    on = filters.on
    return (
        passage.audience in filters.audiences
        and filters.language in {None, passage.language}
        and filters.department in {None, passage.department}
        and (not filters.kinds or passage.kind in filters.kinds)
        and (on is None or passage.effective_from is None or passage.effective_from <= on)
        and (on is None or passage.effective_to is None or on <= passage.effective_to)
    )


def told(facts: Sequence[Fact], text: str) -> list[Fact]:
    """Return the facts an ask wants of a family with many: those whose attribute it names.

    "how heavy is it" names no attribute by its own word and gets them all, in the family's order.
    """
    asked = {stem(w) for w in words(text)}
    named = [f for f in facts if asked & _attribute(f)]
    return named or list(facts)


def _attribute(fact: Fact) -> set[str]:
    row = dict(fact.columns)
    return {stem(w) for w in words(row.get("attribute", ""))}


def likeliest_first(passages: Sequence[Passage], excerpts: Sequence[Excerpt]) -> list[Passage]:
    """Return the passages by their likeliest sentence; ties, and those without one, as found."""
    best = {e.passage: e.p for e in reversed(excerpts)}  # excerpts come likeliest first
    return sorted(passages, key=lambda p: -best.get(p.id, 0.0))


def distinct(passages: Sequence[Passage]) -> list[Passage]:
    """Return the passages without those that repeat a better one, order kept."""
    kept: list[tuple[Passage, frozenset[str]]] = []
    for passage in passages:
        found = _said(passage.text)
        if not any(_share(found, other) >= SAME_AT for _, other in kept):
            kept.append((passage, found))
    return [passage for passage, _ in kept]


@lru_cache(maxsize=1_024)
def _said(text: str) -> frozenset[str]:
    """Return the words of a passage; remembered, for asks find the same ones again."""
    return frozenset(interned(words(text)))


# The same passages are found together again, and a frozenset knows its hash.
@lru_cache(maxsize=4_096)
def _share(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / max(1, min(len(a), len(b)))
