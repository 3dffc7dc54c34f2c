"""Requests and streams are read strictly and within bounds; nothing else is sent on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.web.problems import Refused
from sync.hub.gateway.chat import read_chat, read_deadline
from sync.hub.gateway.pieces import MOST_BYTES, Garbage, Piece, Reader, Usage

USER = {"role": "user", "content": "How long?"}


def chat(**more: Any) -> Any:
    body = json.dumps({"messages": [USER], **more}).encode()
    return read_chat(body, most_tokens=100, most_chars=1_000)


def test_what_is_not_known_is_not_sent_on() -> None:
    found = chat(model="gpt-9", user="0001", logit_bias={"1": 100}, metadata={"pin": "1234"})

    assert found.sent == {"messages": [USER], "max_tokens": 100}


def test_an_answers_length_is_bounded() -> None:
    assert chat(max_tokens=100_000).sent["max_tokens"] == 100
    assert chat(max_completion_tokens=7).sent["max_tokens"] == 7


def test_parts_of_text_become_one_text() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]

    found = chat(messages=[{"role": "user", "content": parts}])

    assert found.sent["messages"] == [{"role": "user", "content": "a\nb"}]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"messages": []}',
        b'{"messages": [{"role": "tool", "content": "x"}]}',
        b'{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}',
        b'{"messages": [{"role": "user", "content": "x"}], "stop": ["a","b","c","d","e"]}',
        b"\xff\xfe",
        b"[" * 10_000,
    ],
)
def test_what_is_no_chat_is_refused(body: bytes) -> None:
    with pytest.raises(Refused) as told:
        read_chat(body, most_tokens=100, most_chars=1_000)

    assert told.value.problem.status == 400


def test_too_many_messages_or_characters_are_refused() -> None:
    with pytest.raises(Refused):
        chat(messages=[USER] * 65)
    with pytest.raises(Refused) as told:
        chat(messages=[{"role": "user", "content": "x" * 1_001}])

    assert told.value.problem.status == 413


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "soon", "1" * 10, "٣"])
def test_a_deadline_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        read_deadline(text, most_s=60)


def test_a_deadline_is_at_most_the_gateways_own() -> None:
    assert read_deadline("1500", most_s=60) == 1.5
    assert read_deadline("999999", most_s=60) == 60
    assert read_deadline(None, most_s=60) == 60


def event(text: str = "", finish: str | None = None, usage: Any = None) -> bytes:
    choice = {"delta": {"content": text}, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice], "usage": usage}).encode() + b"\r\n\r\n"


STREAM = (
    b": ping\n\n"
    + event("Thirty ")
    + event("days")
    + event("", "stop")
    + b'data: {"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 2}}\n\n'
    + b"data: [DONE]\n\n"
)


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_a_stream_says_the_same_however_it_is_cut(cuts: list[int]) -> None:
    reader, pieces, at = Reader(), [], 0
    for cut in [*sorted(cuts), len(STREAM)]:
        pieces += reader.feed(STREAM[at:cut])
        at = cut

    assert "".join(piece.text for piece in pieces) == "Thirty days"
    assert [piece.usage for piece in pieces if piece.usage] == [Usage(4, 2)]
    assert reader.is_done


@given(st.binary(max_size=300))
def test_garbage_is_told_and_nothing_else_is_raised(data: bytes) -> None:
    try:
        found = list(Reader().feed(data + b"\n"))
    except Garbage:
        return
    assert all(isinstance(piece, Piece) for piece in found)


def test_an_endless_stream_is_given_up() -> None:
    reader, one = Reader(), event("x" * 1_000)

    for _ in range(MOST_BYTES // len(one)):
        list(reader.feed(one))
    with pytest.raises(Garbage, match="too long"):
        list(reader.feed(one))


def test_an_endless_line_is_given_up() -> None:
    with pytest.raises(Garbage, match="too long"):
        list(Reader().feed(b"data: " + b"x" * 300_000))


@pytest.mark.parametrize("told", ["-1", "true", "1e30", "1" + "0" * 25, '"7"', "null"])
def test_tokens_that_cannot_be_meant_are_not_counted(told: str) -> None:
    usage = f'{{"prompt_tokens": 7, "completion_tokens": {told}}}'
    frame = f'data: {{"choices": [], "usage": {usage}}}\n'.encode()

    assert [piece.usage for piece in Reader().feed(frame)] == [None]
