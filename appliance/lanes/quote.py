"""The best passage, verbatim and said to be a quote: the floor when no model is sure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from appliance.lanes.api import nothing
from appliance.records import Draft, Excerpt, LaneName, Passage, Sentence, Source, Stitched

# A sentence this likely is quoted with those of its passage that are nearly as likely: rules often
# come in pairs ("30 days with receipt." "Without one, store credit."). Below it the whole passage
# is quoted: in half of all misses the right rule stood beside the likeliest sentence.
SURE_AT = 0.8
ALONG_SHARE = 0.4
MOST_ALONG = 2
MOST_SENTENCES = 5
LEADS = {"en": "The handbook says: ", "es": "El manual dice: "}


@dataclass(frozen=True, slots=True)
class QuoteLane:
    """Speaks the likeliest sentences of one passage word for word, and says that it quotes."""

    name: LaneName = LaneName.QUOTE
    is_model: bool = False

    def draft(self, stitched: Stitched, *, remaining_s: float) -> Draft:  # noqa: ARG002
        """Return the quoted sentences; none when no sentence of the evidence is likely at all."""
        excerpts = stitched.evidence.excerpts
        if not excerpts:
            return nothing(self.name, "no passage was found")
        best = excerpts[0]
        passage = next(p for p in stitched.evidence.passages if p.id == best.passage)
        same = [e for e in excerpts[1:] if e.passage == best.passage]
        if best.p >= SURE_AT:
            along = [e for e in same if e.p >= best.p * ALONG_SHARE][:MOST_ALONG]
        else:
            along = same[: MOST_SENTENCES - 1]
        quoted = [_quoted(e, passage) for e in sorted([best, *along], key=lambda e: e.start)]
        lead = LEADS.get(stitched.query.language, LEADS["en"])
        quoted[0] = replace(quoted[0], text=f"{lead}“{quoted[0].text}")
        quoted[-1] = replace(quoted[-1], text=f"{quoted[-1].text}”")
        return Draft(self.name, tuple(quoted), p=best.p)


def _quoted(excerpt: Excerpt, passage: Passage) -> Sentence:
    text = passage.text[excerpt.start : excerpt.end]
    return Sentence(text, (Source(passage.id, passage.title, excerpt.start, excerpt.end),))
