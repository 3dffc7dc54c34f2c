"""The best sentences, verbatim and said to be a quote: the floor when no model is sure.

Each sentence has quote marks of its own: sentences are heard one by one, and a mark that is opened
in one and closed in another looks torn in both.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from appliance.lanes.api import nothing
from appliance.logistic import Logistic
from appliance.records import Draft, Excerpt, LaneName, Passage, Sentence, Source, Stitched
from appliance.stages.text import balanced

# A sentence this likely is quoted with those of its passage that are nearly as likely: rules often
# come in pairs ("30 days with receipt." "Without one, store credit."). Below it the likeliest
# sentences of the whole document are: in half of all misses the right rule stood near by.
SURE_AT = 0.8
ALONG_SHARE = 0.4
MOST_ALONG = 2
MOST_SENTENCES = 5
LEADS = {"en": "The handbook says: ", "es": "El manual dice: "}
AS_IT_IS = Logistic({}, 0.0)
LEAST_ODDS = 1e-4  # a p of 0 or 1 has no logit
GAP = "… "  # before a sentence that does not follow the one before it


@dataclass(frozen=True, slots=True)
class QuoteLane:
    """Speaks the likeliest sentences of one document word for word, and says that it quotes.

    Attributes:
        confidence: Signals of a quote -> p that it holds the answer. Several sentences hold it more
            often than the likeliest alone; without weights that one's p stands for them all.
    """

    confidence: Logistic = AS_IT_IS
    name: LaneName = LaneName.QUOTE
    is_model: bool = False

    def draft(self, stitched: Stitched, *, remaining_s: float) -> Draft:  # noqa: ARG002
        """Return the quoted sentences; none when there is no passage."""
        excerpts = stitched.evidence.excerpts
        if not excerpts:
            return nothing(self.name, "no passage was found")
        passages = {p.id: p for p in stitched.evidence.passages}
        chosen = sorted(choose(excerpts, passages), key=lambda e: (e.passage, e.start))
        lead = LEADS.get(stitched.query.language, LEADS["en"])
        sentences = [_quoted(e, passages[e.passage]) for e in chosen]
        sentences[0] = replace(sentences[0], text=f"{lead}{sentences[0].text}")
        for n, (before, after) in enumerate(itertools.pairwise(chosen), 1):
            if not _follows(before, after, passages[after.passage].text):
                sentences[n] = replace(sentences[n], text=f"{GAP}{sentences[n].text}")
        best = excerpts[0].p
        signals = quote_signals(best)
        p = self.confidence.p(signals) if self.confidence.weights else best
        return Draft(self.name, tuple(sentences), p=p, signals=tuple(signals.items()))


def quoted(excerpt: Excerpt, passage: Passage, *, language: str) -> Sentence:
    """Return one sentence of a passage word for word, said to be a quote."""
    said = _quoted(excerpt, passage)
    return replace(said, text=f"{LEADS.get(language, LEADS['en'])}{said.text}")


def quote_signals(best: float) -> dict[str, float]:
    """Return what tells whether a quote answers, of its likeliest sentence's p."""
    p = min(max(best, LEAST_ODDS), 1.0 - LEAST_ODDS)
    return {"best_logit": math.log(p / (1.0 - p))}


def choose(excerpts: Sequence[Excerpt], passages: Mapping[str, Passage]) -> list[Excerpt]:
    """Return the sentences to quote; `excerpts` come likeliest first and there is one at least."""
    best = excerpts[0]
    if best.p >= SURE_AT:
        same = [e for e in excerpts[1:] if e.passage == best.passage]
        return [best, *(e for e in same if e.p >= best.p * ALONG_SHARE)][: 1 + MOST_ALONG]
    document = passages[best.passage].document
    return [e for e in excerpts if passages[e.passage].document == document][:MOST_SENTENCES]


def _follows(before: Excerpt, after: Excerpt, text: str) -> bool:
    """Tell whether nothing but space stands between two sentences of one passage."""
    return before.passage == after.passage and not text[before.end : after.start].strip()


def _quoted(excerpt: Excerpt, passage: Passage) -> Sentence:
    text = balanced(passage.text[excerpt.start : excerpt.end])
    return Sentence(f"“{text}”", (Source(passage.id, passage.title, excerpt.start, excerpt.end),))
