"""A store's chat request, read and bounded, and what is sent on of it; pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from appliance.web.bodies import read_body
from appliance.web.problems import Problem, Refused

MODEL = "generalist"  # by whatever name a store asks, this is who answers
MOST_BYTES = 256 * 1024
MOST_MESSAGES = 64
MOST_STOPS = 4
# Over-estimates: 3 characters a token where English has 4, and each message's frame.
CHARS_A_TOKEN = 3
FRAME_TOKENS = 8
HINT = 'Send {"messages": [{"role": "user", "content": "…"}]}.'
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Penalty = Annotated[float, msgspec.Meta(ge=-2, le=2)]


class Part(msgspec.Struct, frozen=True):
    """A piece of a message."""

    type: Literal["text"]
    text: str


class Message(msgspec.Struct, frozen=True):
    """One of the conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part]


class StreamOptions(msgspec.Struct, frozen=True):
    """What a stream is to tell."""

    include_usage: bool | None = None


class Body(msgspec.Struct, frozen=True):
    """What is read of a request; members not listed are not sent on."""

    messages: list[Message]
    model: str = MODEL
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Share | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=1)] | None = None
    tools: Annotated[list[Any], msgspec.Meta(max_length=0)] | None = None


@dataclass(frozen=True, slots=True)
class Chat:
    """A request as the gateway handles it."""

    sent: Mapping[str, Any]  # to an upstream, but for its model
    is_stream: bool
    with_usage: bool
    prompt_tokens: int  # at most, about
    most_tokens: int


def read_chat(body: bytes, *, most_tokens: int, most_chars: int) -> Chat:
    """Return the chat in a request's body.

    Raises:
        Refused: 400, it is none or asks for what there is not; 413, its messages are too long.
    """
    found = read_body(body, Body, code="not_a_chat", hint=HINT)
    texts = [_text(message) for message in found.messages]
    stops = [found.stop] if isinstance(found.stop, str) else found.stop or []
    if not texts or len(texts) > MOST_MESSAGES or len(stops) > MOST_STOPS:
        detail = f"A chat has 1 to {MOST_MESSAGES} messages and at most {MOST_STOPS} stops."
        raise Refused(Problem(400, "not_a_chat", detail, HINT, param="messages"))
    chars = sum(map(len, texts)) + sum(map(len, stops))
    if chars > most_chars:
        detail = f"The messages have {chars:,} characters; at most {most_chars:,} are sent on."
        raise Refused(Problem(413, "chat_too_long", detail, "Send fewer passages."))
    wanted = found.max_completion_tokens or found.max_tokens or most_tokens
    sent = {
        "messages": [
            {"role": message.role, "content": text}
            for message, text in zip(found.messages, texts, strict=True)
        ],
        "max_tokens": min(wanted, most_tokens),
        "stop": stops or None,
        "temperature": found.temperature,
        "top_p": found.top_p,
        "seed": found.seed,
        "presence_penalty": found.presence_penalty,
        "frequency_penalty": found.frequency_penalty,
    }
    options = found.stream_options
    return Chat(
        sent={name: value for name, value in sent.items() if value is not None},
        is_stream=bool(found.stream),
        with_usage=bool(options and options.include_usage),
        prompt_tokens=tokens_of(chars) + FRAME_TOKENS * len(texts),
        most_tokens=min(wanted, most_tokens),
    )


def read_deadline(text: str | None, *, most_s: float) -> float:
    """Return the seconds that somebody listens for, as a request's header states milliseconds.

    Raises:
        Refused: 400, it is no number of milliseconds.
    """
    if text is None:
        return most_s
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0):
        detail = "x-backroom-deadline-ms is a whole number of milliseconds over 0."
        raise Refused(Problem(400, "bad_deadline", detail, "x-backroom-deadline-ms: 8000"))
    return min(most_s, int(text) / 1000)


def tokens_of(chars: int) -> int:
    """Return about how many tokens a text has, rather too many than too few."""
    return math.ceil(chars / CHARS_A_TOKEN)


def _text(message: Message) -> str:
    if isinstance(message.content, str):
        return message.content
    return "\n".join(part.text for part in message.content)
