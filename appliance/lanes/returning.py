"""A purchase that is to come back: its receipt is a live fact, the rule is the handbook's.

"Can she return the headphones on receipt R0042-118277?" The receipt says when they were bought, the
rule how long they may come back; how the two stand is arithmetic. Whether the rule applies is left
to whoever reads both: that the box was opened, no database knows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from appliance.comparison import compared
from appliance.lanes.quote import SURE_AT, quoted
from appliance.records import Fact, Sentence, Source, Stitched
from appliance.values import find_values

PURCHASE = "purchase"
_RETURNS = re.compile(
    r"\b(?:return\w*|refund\w*|bring\w* (?:it |them |this )?back|back|exchange\w*|swap|too late|"
    r"devol\w+|cambi\w+|reembols\w+|regres\w+)\b",
    re.IGNORECASE,
)
_IN_TIME = "still"  # what such an ask comes down to, in the words of `comparison`


def rule_of(stitched: Stitched, facts: Sequence[Fact]) -> list[Sentence]:
    """Return the rule for what was bought and how it stands to the days since, where asked for."""
    bought = [f for f in facts if f.family == PURCHASE]
    excerpts = stitched.evidence.excerpts
    if len(bought) != 1 or not excerpts or excerpts[0].p < SURE_AT:
        return []
    if not _RETURNS.search(stitched.query.standalone):
        return []
    best, fact = excerpts[0], bought[0]
    passage = next(p for p in stitched.evidence.passages if p.id == best.passage)
    rule = quoted(best, passage, language=stitched.query.language)
    text = compared(
        fact.values,
        find_values(passage.text[best.start : best.end]),
        ask=_IN_TIME,
        language=stitched.query.language,
        are_alike=False,
    )
    if not text:
        return [rule]
    both = (Source(fact.id, fact.family, 0, len(fact.text)), *rule.sources)
    return [rule, Sentence(text, both)]
