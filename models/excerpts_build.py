"""Make a release's sentence ranker from its held-out asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.lexicon_file import load_lexicon
from appliance.store.known_asks import KnownAsks
from models import excerpts
from models.build import Build, known_files, open_embedder, open_index
from models.excerpts import Candidates
from models.handbook import documents_in_force
from models.outcomes import is_calibration

LEAST_UNSEEN = 100  # asks that the embedder was not tuned on, from which weights can be learnt


def make(build: Build) -> Mapping[str, Any]:
    """Train the sentence ranker on half of the held-out asks, and report on the other.

    Not on the `asks`: the embedder was tuned on those, and a model that trusts its cosines as far
    as they deserve there finds 7 in 100 fewer answers of new asks. Where too few are held out, on
    those all the same.
    """
    held_out = gathered(build, "held_out")
    learnt = [c for c in held_out if is_calibration(c.ask.text)]
    judged = [c for c in held_out if not is_calibration(c.ask.text)]
    if len(learnt) < LEAST_UNSEEN:
        learnt, judged = gathered(build, "asks"), held_out
    model = excerpts.train(learnt)
    figures = {
        name: excerpts.report(model, found)
        for name, found in (("learnt", learnt), ("held_out", judged))
    }
    excerpts.write(model, build.release / "ranker" / "excerpts.json", figures=figures)
    return figures


def gathered(build: Build, split: str, *, without: bool = False) -> list[Candidates]:
    """Search for the asks of a split (asks | held_out) as the store does.

    Args:
        build: Where the parts are.
        split: Of the labelled asks.
        without: Leave out the document that answers, so that nothing does.
    """
    ours = documents_in_force(build.corpus / "handbook", build.on)
    found = excerpts.gather(
        [a for a in excerpts.read_asks(build.corpus / "asks", split) if a.document in ours],
        index=open_index(build),
        embedder=open_embedder(build),
        lexicon=load_lexicon(build.corpus / "lexicon.toml"),
        known=KnownAsks.load(*known_files(build)),
        on=build.on,
        without=without,
    )
    return list(found)
