"""`POST /v1/replies/{id}/feedback`: a thumb up or down, and what was wrong."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler

from appliance.records import Thumb
from appliance.web.answers import answer_json
from appliance.web.bodies import read_body
from appliance.web.identity import Identity
from appliance.web.openapi import documented, path_parameter
from appliance.web.pace import Pace
from appliance.web.problems import Problem, Refused
from appliance.web.store import StoreLike

ReplyId = Annotated[str, path_parameter("Of a reply you were given.", "4f1c09b2a77d5e10")]
MOST_CHARS = 1_000


class FeedbackBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an associate thinks of a reply."""

    verdict: Thumb
    text: Annotated[
        str,
        msgspec.Meta(
            description="What was wrong, in a few words.",
            extra_json_schema={"maxLength": MOST_CHARS, "pattern": "^[^\\u0000]*$"},
        ),
    ] = ""


class FeedbackKept(msgspec.Struct, frozen=True):
    """The verdict as it is kept."""

    reply: str
    verdict: Thumb


def parse_feedback(body: bytes) -> FeedbackBody:
    """Return the feedback in a request's body.

    Raises:
        Refused: 400 when it is none or holds a NUL; 413 when its text is too long.
    """
    hint = 'Send {"verdict": "up"} or {"verdict": "down", "text": "…"}.'
    feedback = read_body(body, FeedbackBody, code="not_a_feedback", hint=hint)
    if "\x00" in feedback.text:
        detail = "The text holds a NUL character, which no keyboard types."
        raise Refused(Problem(400, "nul_in_text", detail, "Send the text without it."))
    if len(feedback.text) > MOST_CHARS:
        detail = f"The text has {len(feedback.text):,} characters; {MOST_CHARS:,} are read."
        raise Refused(Problem(413, "text_too_long", detail, "Say what was wrong in short."))
    return feedback


def feedback_handler(store: StoreLike, identity: Identity, pace: Pace) -> HTTPRouteHandler:
    """Return the handler over a store."""

    @post(
        "/v1/replies/{reply_id:str}/feedback",
        status_code=200,
        **documented(
            FeedbackKept,
            example=FeedbackKept("4f1c09b2a77d5e10", Thumb.DOWN),
            takes=(FeedbackBody, FeedbackBody(Thumb.DOWN, "Earbuds are 14 days since May.")),
            refuses=(400, 404, 413, 429),
        ),
    )
    async def rate_reply(request: Request[Any, Any, Any], reply_id: ReplyId) -> Response[bytes]:
        """Say whether a reply was right; said again, it replaces what was said before."""
        body = parse_feedback(await request.body())
        rater = await asyncio.to_thread(identity.of, request)
        pace.take(rater)
        kept = await asyncio.to_thread(
            store.rate, reply_id, body.verdict, text=body.text, principal=rater
        )
        if kept is None:
            detail = "There is no such reply."
            raise Refused(Problem(404, "no_such_reply", detail, "Rate a reply you were given."))
        return answer_json(FeedbackKept(kept.reply, kept.verdict))

    return rate_reply
