"""`POST /v1/chat/completions` at the hub: OpenAI's shapes for a store's device."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler, post
from litestar.response import Stream

from appliance.web.chat import openai_problem
from appliance.web.problems import MEDIA_TYPE, Problem
from sync.hub.extensions import ON_STOP
from sync.hub.gateway.chat import MODEL, MOST_BYTES, Chat, read_chat, read_deadline
from sync.hub.gateway.desk import NobodyAnswers
from sync.hub.gateway.gateway import HINT, Gateway, Meter
from sync.hub.gateway.pieces import Piece
from sync.hub.gateway.running import Running
from sync.hub.gateway.upstream import Blame
from sync.hub.parts import Hub
from sync.hub.problems import hub_problem, refused
from sync.wire import CHAT, DEADLINE_HEADER

EVENT_STREAM = "text/event-stream"
DONE = b"data: [DONE]\n\n"
JSON = "application/json"
NO_STORE = {"cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class Call:
    """One request, answered piece by piece."""

    id: str
    created: int  # seconds since 1970
    chat: Chat
    meter: Meter

    def chunk(self, delta: dict[str, str], finish: str = "") -> bytes:
        """Return one of a stream's frames."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish or None, "logprobs": None}
        more = {"usage": None} if self.chat.with_usage else {}
        return _framed({**self._frame("chat.completion.chunk"), "choices": [choice], **more})

    def usage_chunk(self) -> bytes:
        """Return the frame that tells the tokens."""
        frame = {**self._frame("chat.completion.chunk"), "choices": [], "usage": self._usage()}
        return _framed(frame)

    def completion(self, text: str, finish: str) -> dict[str, Any]:
        """Return a whole answer."""
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
        return {**self._frame("chat.completion"), "choices": [choice], "usage": self._usage()}

    def _usage(self) -> dict[str, int]:
        told = self.meter.told()
        total = told.prompt + told.completion
        return {
            "prompt_tokens": told.prompt,
            "completion_tokens": told.completion,
            "total_tokens": total,
        }

    def _frame(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": MODEL}


def chat_handlers(hub: Hub, gateway: Gateway) -> list[HTTPRouteHandler]:
    """Return the handlers over a hub."""

    @post(
        CHAT,
        status_code=200,
        request_max_body_size=MOST_BYTES,
        exception_handlers={Exception: answer_problem},
        opt={ON_STOP: gateway.close},
    )
    async def chat_completions(request: Request[Any, Any, Any]) -> Response[Any]:
        """Ask the generalist."""
        caller = await hub.door.device(request)
        gateway.check_rate(caller.store)
        settings = gateway.settings
        chat = read_chat(
            await request.body(), most_tokens=settings.most_tokens, most_chars=settings.most_chars
        )
        left_s = read_deadline(request.headers.get(DEADLINE_HEADER), most_s=settings.total_s)
        deadline = asyncio.get_running_loop().time() + left_s
        created = int(hub.clock.now().timestamp())
        call = Call(f"chatcmpl-{secrets.token_hex(12)}", created, chat, Meter(chat.prompt_tokens))
        running = gateway.start(caller.store, chat, deadline=deadline, meter=call.meter)
        answer = Answer(call, running)
        return await (answer.streamed() if chat.is_stream else answer.whole(request))

    return [chat_completions]


@dataclass(frozen=True, slots=True)
class Answer:
    """A call that is being answered."""

    call: Call
    running: Running

    async def whole(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Return the whole answer; a caller who hangs up ends the upstream's work too.

        Raises:
            Refused: There is none.
        """
        collecting = asyncio.create_task(self._collected())
        hanging_up = asyncio.create_task(_hung_up(request))
        try:
            await asyncio.wait((collecting, hanging_up), return_when=asyncio.FIRST_COMPLETED)
            if not collecting.done():
                raise refused(408, "caller_gone", "The caller hung up.")  # nobody reads it
            return collecting.result()
        finally:
            self.running.stop()
            collecting.cancel()
            hanging_up.cancel()
            await asyncio.gather(collecting, hanging_up, return_exceptions=True)

    async def streamed(self) -> Stream:
        """Return the answer as server-sent events, once its first piece is here.

        Raises:
            Refused: Nobody answers: that is told by the status, not inside a stream.
        """
        try:
            first = await self.running.next()
        except BaseException:
            self.running.stop()
            raise
        return Stream(self._frames(first), media_type=EVENT_STREAM, headers=NO_STORE)

    async def _collected(self) -> Response[bytes]:
        text, finish = "", "stop"
        async for piece in self.running.pieces():
            text += piece.text
            finish = piece.finish or finish
        body = msgspec.json.encode(self.call.completion(text, finish))
        return Response(body, media_type=JSON, headers=NO_STORE)

    async def _frames(self, first: Piece | None) -> AsyncGenerator[bytes]:
        call, finish = self.call, "stop"
        try:
            yield call.chunk({"role": "assistant", "content": ""})
            piece = first
            while piece is not None:
                if piece.text:
                    yield call.chunk({"content": piece.text})
                finish = piece.finish or finish
                piece = await self.running.next()
            yield call.chunk({}, finish)
            if call.chat.with_usage:
                yield call.usage_chunk()
            yield DONE
        except Exception as exc:  # noqa: BLE001 - the status is sent: the stream's end must tell
            yield _framed({"error": msgspec.to_builtins(openai_problem(problem_of(exc)).error)})
        finally:
            self.running.stop()


def answer_problem(_request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer an exception in the shape of OpenAI's errors (Litestar's exception handler)."""
    problem = problem_of(error)
    body = msgspec.json.encode(openai_problem(problem))
    headers = problem.headers()
    return Response(body, status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def problem_of(error: BaseException) -> Problem:
    """Return the problem an error is to the store; nothing that an upstream said is in it."""
    if isinstance(error, TimeoutError):
        return _problem(504, "deadline_passed", "The generalist did not answer in time.")
    if not isinstance(error, NobodyAnswers):
        return hub_problem(error)
    if error.blame is Blame.DEADLINE:
        return _problem(504, "deadline_passed", "The generalist did not answer in time.")
    if error.blame is Blame.REQUEST:
        return _problem(400, "not_taken", "The generalist does not take this request.")
    wait_s = math.ceil(error.retry_after_s)
    detail = "The generalist does not answer."
    return Problem(503, "generalist_unavailable", detail, HINT, retry_after_s=wait_s)


def _problem(status: int, code: str, detail: str) -> Problem:
    return Problem(status, code, detail, HINT)


async def _hung_up(request: Request[Any, Any, Any]) -> None:
    """Return when the caller has hung up; its body has been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _framed(plain: object) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode(plain)
