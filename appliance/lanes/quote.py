"""The best sentences, verbatim, and said to be a quote: what holds when no model is sure."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.lanes.api import nothing
from appliance.records import Draft, Excerpt, LaneName, Passage, Sentence, Source, Stitched

# Another sentence of the passage is quoted along when it is half as likely or more: rules often
# come in pairs ("30 days with receipt." "Without one, store credit.").
ALONG_SHARE = 0.5
MOST_SENTENCES = 2


@dataclass(frozen=True, slots=True)
class QuoteLane:
    """Speaks the likeliest sentences of one passage word for word."""

    name: LaneName = LaneName.QUOTE
    is_model: bool = False

    def draft(self, stitched: Stitched, *, remaining_s: float) -> Draft:  # noqa: ARG002
        """Return the quoted sentences in reading order; none when there is no passage."""
        excerpts = stitched.evidence.excerpts
        if not excerpts:
            return nothing(self.name, "no passage was found")
        best = excerpts[0]
        passage = next(p for p in stitched.evidence.passages if p.id == best.passage)
        chosen = [e for e in excerpts[1:] if e.passage == best.passage]
        along = [e for e in chosen if e.p >= best.p * ALONG_SHARE][: MOST_SENTENCES - 1]
        quoted = sorted([best, *along], key=lambda e: e.start)
        return Draft(self.name, tuple(_quoted(e, passage) for e in quoted), p=best.p)


def _quoted(excerpt: Excerpt, passage: Passage) -> Sentence:
    text = passage.text[excerpt.start : excerpt.end]
    return Sentence(text, (Source(passage.id, passage.title, excerpt.start, excerpt.end),))
