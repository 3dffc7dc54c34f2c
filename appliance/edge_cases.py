"""Edge cases: the replies an expert should look at, written so that they may leave the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.records import Feedback, LaneName, Thumb
from appliance.stages.personal import find_personal
from appliance.stages.prepare import mask

KIND = "edge_case"
# Of the spool's places: under an ask somebody still waits for (5). What a person called wrong is
# worth more than what the store itself was unsure of.
CALLED_WRONG, UNSURE = 4, 2


def is_unsure(lane: str, confidence: float, *, under: float) -> bool:
    """Tell whether a reply is one the store itself doubts.

    A hand-over is none: what it could not answer is owed to headquarters as an ask of its own, and
    a refusal or a question out of scope was answered as it should be.
    """
    return lane != LaneName.HANDOFF and confidence < under


def is_called_wrong(feedback: Feedback | None) -> bool:
    """Tell whether somebody turned the thumb down."""
    return feedback is not None and feedback.verdict is Thumb.DOWN


def edge_case(row: Mapping[str, Any], feedback: Feedback | None = None) -> dict[str, Any]:
    """Return the item for headquarters, personal data masked.

    Args:
        row: The reply's row of the journal.
        feedback: What was said of it, its text masked already.
    """
    reply = row["reply"]
    return {
        "reply": reply["id"],
        "why": "called_wrong" if is_called_wrong(feedback) else "unsure",
        "masked": row["masked"],
        "answer": masked(reply["text"]),
        "lane": reply["lane"],
        "confidence": reply["confidence"],
        "intent": reply["intent"],
        "release": reply["release"],
        "model": reply["model"],
        "sources": [source["id"] for source in reply["sources"]],
        "asked_at": row["ask"]["asked_at"],
        "verdict": feedback.verdict.value if feedback else "",
        "text": feedback.text if feedback else "",
    }


def masked(text: str) -> str:
    """Return `text` with personal data replaced by its kind: "[PHONE]"."""
    return mask(text, find_personal(text))
