"""What a chat looks like, for the document."""

from __future__ import annotations

from appliance.records import LaneName, Source
from appliance.web.openai_shapes import (
    ChatBody,
    ChatMessage,
    Choice,
    Completion,
    Message,
    Model,
    PromptDetails,
    Receipt,
    Usage,
)

QUESTION = "Can opened headphones be returned?"
ANSWER = "Once opened, they come back only if they are faulty."
ASKED_AT = 1_795_374_120
MODEL = Model("backroom", 1_789_000_000, "store 0001")
CHAT = ChatBody(model="backroom", messages=[ChatMessage("user", QUESTION)])
COMPLETION = Completion(
    id="chatcmpl-4f1c09b2a77d5e10",
    created=ASKED_AT,
    model="backroom",
    choices=[
        Choice(
            Message(
                content=ANSWER,
                backroom=Receipt(
                    reply="4f1c09b2a77d5e10",
                    lane=LaneName.QUOTE,
                    confidence=0.93,
                    sources=[Source("returns-headphones#2", "Returning headphones", 40, 92)],
                    facts=[],
                    release="demo-7",
                    entry="07b93fb53832fca070f5d8fcabaec3b991a9f82803a452cd9c21d42c42df5696",
                ),
            )
        )
    ],
    usage=Usage(212, 9, 221, PromptDetails(160)),
    system_fingerprint="demo-7",
)
CHUNK = {
    "data": (
        '{"id":"chatcmpl-4f1c09b2a77d5e10","created":1795374120,"model":"backroom","choices":'
        '[{"delta":{"content":"Once opened, they come back only if they are faulty."},"index":0,'
        '"logprobs":null,"finish_reason":null}],"system_fingerprint":"demo-7",'
        '"object":"chat.completion.chunk"}'
    )
}
