"""`/v1/chat/completions` and `/v1/models`: the store behind OpenAI's API, for any client of it.

One model is offered, and it is the whole store: an ask here visits every stage, and what is said is
governed and journaled like any other. Sources and the receipt travel in a member `backroom`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream

from appliance.web import openai_examples as examples
from appliance.web.answers import answer_json
from appliance.web.asks import Asking, Asks, Event
from appliance.web.bodies import read_body
from appliance.web.chat import (
    MODEL,
    ask_in,
    completion,
    completion_id,
    no_such_model,
    openai_problem,
    receipt,
    usage,
)
from appliance.web.identity import Identity
from appliance.web.openai_shapes import (
    ChatBody,
    Chunk,
    ChunkChoice,
    Completion,
    Delta,
    Model,
    Models,
    OpenAiProblem,
    Usage,
)
from appliance.web.openapi import EVENT_STREAM, Events, documented, path_parameter
from appliance.web.problems import MEDIA_TYPE, problem_of
from appliance.web.store import StoreLike

ModelId = Annotated[str, path_parameter("From the list of models.", "backroom")]
MOST_BYTES = 256 * 1024  # a long conversation; only its end is read
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Chunks:
    """One reply's events as OpenAI's chunks."""

    created: int
    release: str
    with_usage: bool  # tell the tokens in a chunk of their own, and null in the others

    async def __call__(self, events: AsyncIterator[Event]) -> AsyncIterator[bytes]:
        """Yield the chunks' frames; an error is the last of its stream, without `[DONE]`."""
        reply_id = ""
        async for event in events:
            if event.name == "route":
                reply_id = event.data.id
                yield self._frame(reply_id, Delta(role="assistant", content=""))
            elif event.name == "sentence":
                gap = " " if event.data.n else ""
                yield self._frame(reply_id, Delta(content=f"{gap}{event.data.text}"))
            elif event.name == "done":
                yield self._last(reply_id, event)
                if self.with_usage:
                    yield self._told(reply_id, usage(event.data))
                yield DONE
            elif event.name == "error":
                yield _framed({"error": openai_problem(event.data).error})

    def _frame(self, reply_id: str, delta: Delta) -> bytes:
        return _framed(self._chunk(reply_id, [ChunkChoice(delta)]))

    def _last(self, reply_id: str, event: Event) -> bytes:
        chunk = self._chunk(reply_id, [ChunkChoice(Delta(), finish_reason="stop")])
        return _framed(msgspec.structs.replace(chunk, backroom=receipt(event.data)))

    def _told(self, reply_id: str, tokens: Usage) -> bytes:
        return _framed(msgspec.structs.replace(self._chunk(reply_id, []), usage=tokens))

    def _chunk(self, reply_id: str, choices: list[ChunkChoice]) -> Chunk:
        return Chunk(
            id=completion_id(reply_id),
            created=self.created,
            model=MODEL,
            choices=choices,
            system_fingerprint=self.release,
            usage=None if self.with_usage else msgspec.UNSET,
        )


def openai_handlers(store: StoreLike, asks: Asks, identity: Identity) -> list[HTTPRouteHandler]:
    """Return the handlers over a store."""
    return [_chat_handler(store, asks, identity), *_model_handlers(store, identity)]


def _chat_handler(store: StoreLike, asks: Asks, identity: Identity) -> HTTPRouteHandler:
    @post(
        "/v1/chat/completions",
        status_code=200,
        request_max_body_size=MOST_BYTES,
        exception_handlers={Exception: _answer_problem},
        **documented(
            Completion,
            example=examples.COMPLETION,
            takes=(ChatBody, examples.CHAT),
            streams=Events(examples.CHUNK, (Chunk,), end="[DONE]"),
            refuses=(400, 404, 413, 429),
            problem=OpenAiProblem,
        ),
    )
    async def chat_completions(request: Request[Any, Any, Any]) -> Response[Any]:
        """Ask as OpenAI's clients do: the last user message, after what was said before.

        What a request says of how a model is to write is accepted and not heeded: temperature,
        top_p, max_tokens, max_completion_tokens, stop, seed, penalties, logit_bias, user, metadata,
        and all that system and developer messages say. More than one answer, tools, images, sound
        and formats other than text are refused.
        """
        hint = f'Send {{"model": "{MODEL}", "messages": [{{"role": "user", "content": "…"}}]}}.'
        chat = read_body(await request.body(), ChatBody, code="not_a_chat", hint=hint)
        text, earlier = ask_in(chat, max_chars=store.settings.max_ask_chars)
        look = partial(identity.of, request)
        asker = await asyncio.to_thread(look)
        asking = Asking(text, asker, earlier=earlier)
        created = _seconds(store.clock.now())
        if not chat.stream:
            return answer_json(completion(await asks.reply(asking, look=look), created=created))
        with_usage = bool(chat.stream_options and chat.stream_options.include_usage)
        chunks = Chunks(created, store.release.manifest.id, with_usage)
        return Stream(chunks(await asks.stream(asking, look=look)), media_type=EVENT_STREAM)

    return chat_completions


def _model_handlers(store: StoreLike, identity: Identity) -> list[HTTPRouteHandler]:
    def offered() -> Model:
        made_at = store.release.manifest.created_at
        return Model(MODEL, _seconds(made_at), f"store {store.settings.store}")

    @get(
        "/v1/models",
        sync_to_thread=True,
        exception_handlers={Exception: _answer_problem},
        **documented(Models, example=Models([examples.MODEL]), problem=OpenAiProblem),
    )
    def list_models(request: Request[Any, Any, Any]) -> Response[bytes]:
        """List what answers: one model, which is the whole store."""
        identity.of(request)
        return answer_json(Models([offered()]))

    @get(
        "/v1/models/{model:str}",
        sync_to_thread=True,
        exception_handlers={Exception: _answer_problem},
        **documented(Model, example=examples.MODEL, refuses=(404,), problem=OpenAiProblem),
    )
    def read_model(request: Request[Any, Any, Any], model: ModelId) -> Response[bytes]:
        """Read about a model."""
        identity.of(request)
        if model != MODEL:
            raise no_such_model()
        return answer_json(offered())

    return [list_models, read_model]


def _answer_problem(_request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    problem = problem_of(error)
    return Response(
        msgspec.json.encode(openai_problem(problem)),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=problem.headers(),
    )


def _framed(plain: object) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode(plain)


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
