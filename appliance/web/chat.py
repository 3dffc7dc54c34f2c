"""OpenAI's chat shapes to an ask, and a reply to theirs."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from appliance.web.asks import check_text
from appliance.web.openai_shapes import (
    ROLES,
    ChatBody,
    ChatMessage,
    Choice,
    Completion,
    Message,
    OpenAiError,
    OpenAiProblem,
    PromptDetails,
    Receipt,
    Usage,
)
from appliance.web.problems import Problem, Refused
from appliance.web.shapes import ReplyBody

MODEL = "backroom"
USER, ASSISTANT = "user", "assistant"
MOST_ANSWER = 4  # times a question's length, that is kept of an earlier answer
TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
}


def ask_in(chat: ChatBody, *, max_chars: int) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the last user message, and the (question, answer) pairs before it, oldest first.

    Raises:
        Refused: 400 when something is wanted that the store does not do, or nothing is asked; 404
            for another model; 413 when the question is too long.
    """
    if chat.model != MODEL:
        raise no_such_model()
    _refuse_unsupported(chat)
    texts = [(message.role, _text(message, n)) for n, message in enumerate(chat.messages)]
    asked = [n for n, (role, _) in enumerate(texts) if role == USER]
    if not asked:
        raise _refused("no_user_message", "No message is the user's.", "messages")
    text = texts[asked[-1]][1]
    check_text(text, max_chars=max_chars)
    _refuse_nul(texts)
    return text, _exchanges(texts[: asked[-1]], max_chars=max_chars)


def completion(reply: ReplyBody, *, created: int) -> Completion:
    """Return a whole reply as OpenAI's clients read it."""
    return Completion(
        id=completion_id(reply.id),
        created=created,
        model=MODEL,
        choices=[Choice(Message(content=reply.text, backroom=receipt(reply)))],
        usage=usage(reply),
        system_fingerprint=reply.release,
    )


def completion_id(reply_id: str) -> str:
    """Return the id OpenAI's clients see; the reply's own follows the dash."""
    return f"chatcmpl-{reply_id}"


def receipt(reply: ReplyBody) -> Receipt:
    """Return what OpenAI's shape has no place for."""
    return Receipt(
        reply=reply.id,
        lane=reply.lane,
        confidence=reply.confidence,
        sources=reply.sources,
        facts=reply.facts,
        release=reply.release,
        entry=reply.entry,
    )


def usage(reply: ReplyBody) -> Usage:
    """Return the tokens of every draft the store's own model made for a reply."""
    read = sum(attempt.tokens.prompt for attempt in reply.attempts)
    wrote = sum(attempt.tokens.generated for attempt in reply.attempts)
    reused = sum(attempt.tokens.reused for attempt in reply.attempts)
    return Usage(read, wrote, read + wrote, PromptDetails(reused))


def openai_problem(problem: Problem) -> OpenAiProblem:
    """Return a problem that OpenAI's clients understand as well."""
    kind = TYPES.get(problem.status, "invalid_request_error")
    message = f"{problem.detail} {problem.hint}".strip()
    error = OpenAiError(message, kind, problem.param or None, problem.code)
    return msgspec.convert({**problem.plain(), "error": error}, OpenAiProblem)


def no_such_model() -> Refused:
    """Return the refusal of a model that is not offered."""
    detail = "The store offers no such model."
    hint = f'Its one model is "{MODEL}".'
    return Refused(Problem(404, "model_not_found", detail, hint, param="model"))


def _refuse_unsupported(chat: ChatBody) -> None:
    wanted = {
        "n": chat.n not in {None, 1},
        "tools": bool(chat.tools),
        "functions": bool(chat.functions),
        "modalities": bool(chat.modalities) and chat.modalities != ["text"],
        "response_format": ((chat.response_format or {}).get("type") or "text") != "text",
        "logprobs": bool(chat.logprobs),
    }
    for param, is_wanted in wanted.items():
        if is_wanted:
            raise _refused("unsupported", f"The store does not do {param}.", param)


def _refuse_nul(texts: Sequence[tuple[str, str]]) -> None:
    """Refuse in what was said earlier what is refused in the ask; half a surrogate is no JSON."""
    for n, (_, text) in enumerate(texts):
        if "\x00" in text:
            detail = f"messages[{n}] holds a NUL character, which no keyboard types."
            hint = "Send it without."
            raise Refused(Problem(400, "nul_in_text", detail, hint, param=f"messages[{n}].content"))


def _text(message: ChatMessage, n: int) -> str:
    param = f"messages[{n}]"
    if message.role not in ROLES:
        detail = f"{param} is of a role the store does not know."
        raise _refused("unsupported", detail, f"{param}.role")
    if message.tool_calls:
        raise _refused("unsupported", "The store calls no tools.", f"{param}.tool_calls")
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    return "\n".join(part.text for part in message.content)


def _exchanges(texts: Sequence[tuple[str, str]], *, max_chars: int) -> tuple[tuple[str, str], ...]:
    """Pair each question with what was answered to it; one nobody answered has ''."""
    pairs: list[tuple[str, str]] = []
    for role, text in texts:
        if role == USER:
            pairs.append((text[:max_chars], ""))
        elif role == ASSISTANT and pairs:
            pairs[-1] = (pairs[-1][0], text[: MOST_ANSWER * max_chars])
    return tuple(pairs)


def _refused(code: str, detail: str, param: str) -> Refused:
    hint = "What it does is at /openapi.json."
    return Refused(Problem(400, code, detail, hint, param=param))
