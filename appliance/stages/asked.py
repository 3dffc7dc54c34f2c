"""What the questions already labelled with a sentence tell of a new ask.

People ask more like other people than like a handbook: the words of the labelled questions of a
sentence are, for finding it, as good as its own. Source: Nogueira et al. 2019, doc2query.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache

from appliance.ports import Asked
from appliance.stages.stems import content

NEAREST = 3  # questions whose mean cosine is told
FEATURES = ("asked", "asked_near", "asked_coverage", "asked_often", "asked_match")


def asked_features(
    idf: Mapping[str, float], asked: Asked, *, stems: AbstractSet[str], total: float
) -> dict[str, float]:
    """Return `FEATURES` of one sentence; all 0 where no question is labelled with it.

    Args:
        idf: The ask's content stems, each with its rarity.
        asked: The sentence's questions.
        stems: The sentence's own content stems.
        total: The sum of `idf`.
    """
    if not asked.texts:
        return dict.fromkeys(FEATURES, 0.0)
    counts = _counts(asked.texts)
    nearest = sorted(asked.cosines, reverse=True)[:NEAREST]
    best = max(range(len(asked.texts)), key=lambda i: asked.cosines[i])
    return {
        "asked": nearest[0],
        "asked_near": sum(nearest) / len(nearest),
        "asked_coverage": sum([w for s, w in idf.items() if s in counts or s in stems]) / total,
        "asked_often": sum([w * (1 - 0.5 ** counts.get(s, 0)) for s, w in idf.items()]) / total,
        "asked_match": _match(idf.keys(), content(asked.texts[best])),
    }


def _match(stems: AbstractSet[str], other: Sequence[str]) -> float:
    """Return the share of the stems of both that both have."""
    return len(stems & set(other)) / max(1, len(stems | set(other)))


@lru_cache(maxsize=2_048)
def _counts(texts: tuple[str, ...]) -> Mapping[str, int]:
    """Return in how many questions each content stem stands; remembered, a handbook's are few."""
    counts: dict[str, int] = {}
    for text in texts:
        for found in set(content(text)):
            counts[found] = counts.get(found, 0) + 1
    return counts
