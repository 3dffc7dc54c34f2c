"""`GET /v1/late-answers`: what headquarters answered later, to whoever asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from appliance.records import LateAnswer, Source
from appliance.web.answers import answer_json
from appliance.web.identity import Identity
from appliance.web.openapi import documented
from appliance.web.shapes import LateAnswersBody
from appliance.web.store import StoreLike

EXAMPLE = LateAnswersBody(
    [
        LateAnswer(
            reply="4f1c09b2a77d5e10",
            thread="b6d2c0ffee12ab34",
            asked="Can a customer return a gift card bought abroad?",
            text="Gift cards are not returned, wherever they were bought.",
            by="expert",
            at=datetime(2026, 11, 23, 8, 15, tzinfo=UTC),
            sources=(Source("gift-cards#3", "Gift cards › Returns", 0, 55),),
        )
    ]
)


def late_handler(store: StoreLike, identity: Identity) -> HTTPRouteHandler:
    """Return the handler over a store."""

    @get(
        "/v1/late-answers",
        sync_to_thread=True,
        **documented(LateAnswersBody, example=EXAMPLE),
    )
    def list_late_answers(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Read what headquarters answered to asks of yours that nobody here could answer."""
        answers = store.late_answers(identity.of(request))
        return answer_json(LateAnswersBody(list(answers)))

    return list_late_answers
