"""The shapes of OpenAI's chat API, as far as the store speaks it.

Source: https://platform.openai.com/docs/api-reference/chat. What a request says of how a model is
to write (temperature, top_p, max_tokens, stop, seed …) is accepted and not heeded, for what is said
is governed, not sampled; so is what system messages say.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from appliance.records import LaneName, Source
from appliance.web.asks import TEXT_PATTERN
from appliance.web.problems import ProblemBody
from appliance.web.shapes import FactBody

# What the document says beyond the types is not enforced by them: `chat.ask_in` refuses in words.
ROLES = ("user", "assistant", "system", "developer")
SOME_TEXT: dict[str, Any] = {"type": "string", "pattern": TEXT_PATTERN}
NONE = {"enum": [None]}
OF_A_USER = {"properties": {"role": {"const": "user"}}, "required": ["role"]}
SILENT = {"properties": {"role": {"const": "user"}, "content": {"type": "null"}}}
WITH_A_USER = {
    "minItems": 1,
    "contains": OF_A_USER,
    "not": {"contains": {**SILENT, "required": ["role"]}},  # only others may have said nothing
}


class Part(msgspec.Struct, frozen=True):
    """A piece of a message; only text is read, no image and no sound."""

    type: Literal["text"]
    text: Annotated[str, msgspec.Meta(extra_json_schema=SOME_TEXT)]


class ChatMessage(msgspec.Struct, frozen=True):
    """A message of the conversation."""

    role: Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(ROLES)})]
    content: (
        Annotated[str, msgspec.Meta(extra_json_schema=SOME_TEXT)]
        | Annotated[list[Part], msgspec.Meta(extra_json_schema={"minItems": 1})]
        | None
    ) = None  # null, as clients send an assistant's that said nothing, is ""
    tool_calls: Annotated[list[Any] | None, msgspec.Meta(extra_json_schema=NONE)] = None


class StreamOptions(msgspec.Struct, frozen=True):
    """What a stream is to tell."""

    include_usage: bool | None = None


class ChatBody(msgspec.Struct, frozen=True):
    """A conversation, whose last user message is the ask. Members not listed are not heeded."""

    model: Annotated[str, msgspec.Meta(description="One of `GET /v1/models`.")]
    messages: Annotated[list[ChatMessage], msgspec.Meta(extra_json_schema=WITH_A_USER)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int | None, msgspec.Meta(extra_json_schema={"enum": [None, 1]})] = None
    tools: Annotated[list[Any] | None, msgspec.Meta(extra_json_schema=NONE)] = None
    functions: Annotated[list[Any] | None, msgspec.Meta(extra_json_schema=NONE)] = None
    modalities: Annotated[
        list[str] | None, msgspec.Meta(extra_json_schema={"enum": [None, ["text"]]})
    ] = None
    response_format: Annotated[
        dict[str, Any] | None, msgspec.Meta(extra_json_schema={"enum": [None, {"type": "text"}]})
    ] = None
    logprobs: Annotated[bool | None, msgspec.Meta(extra_json_schema={"enum": [None, False]})] = None


class Receipt(msgspec.Struct, frozen=True):
    """What the store knows of its answer, and OpenAI's shape has no place for."""

    reply: str  # rate it at /v1/replies/{reply}/feedback
    lane: LaneName
    confidence: float
    sources: list[Source]
    facts: list[FactBody]
    release: str
    entry: str  # the journal row's hash


class PromptDetails(msgspec.Struct, frozen=True):
    """Of the prompt's tokens."""

    cached_tokens: int


class Usage(msgspec.Struct, frozen=True):
    """Tokens that the store's own model read and wrote; 0 when the answer was looked up."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails


class Message(msgspec.Struct, frozen=True):
    """The answer."""

    content: str
    backroom: Receipt
    role: Literal["assistant"] = "assistant"
    refusal: None = None


class Choice(msgspec.Struct, frozen=True):
    """The one answer there is."""

    message: Message
    index: int = 0
    logprobs: None = None
    finish_reason: Literal["stop"] = "stop"


class Completion(msgspec.Struct, frozen=True):
    """An answered conversation."""

    id: str
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    system_fingerprint: str  # the release
    object: Literal["chat.completion"] = "chat.completion"


class Delta(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a chunk adds to the answer."""

    role: Literal["assistant"] | None = None
    content: str | None = None


class ChunkChoice(msgspec.Struct, frozen=True):
    """The one answer's next piece."""

    delta: Delta
    index: int = 0
    logprobs: None = None
    finish_reason: Literal["stop"] | None = None


class Chunk(msgspec.Struct, frozen=True):
    """A piece of a streamed answer: a governed sentence, or its end with the receipt."""

    id: str
    created: int
    model: str
    choices: list[ChunkChoice]
    system_fingerprint: str  # the release
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    usage: Usage | UnsetType | None = UNSET
    backroom: Receipt | UnsetType = UNSET  # of the last piece


class Model(msgspec.Struct, frozen=True):
    """What answers."""

    id: str
    created: int
    owned_by: str
    object: Literal["model"] = "model"


class Models(msgspec.Struct, frozen=True):
    """All that can answer."""

    data: list[Model]
    object: Literal["list"] = "list"


class OpenAiError(msgspec.Struct, frozen=True):
    """A problem as OpenAI's clients read it."""

    message: str
    type: str
    param: str | None
    code: str


class OpenAiProblem(ProblemBody, frozen=True, kw_only=True):
    """A problem document that OpenAI's clients understand as well."""

    error: OpenAiError
