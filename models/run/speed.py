"""How fast a GGUF is on this machine: one ask after another, one thread."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from appliance.lanes.prompt import ANSWER_TOKENS, END, build_prompt
from appliance.ports import LanguageModel, Prompt
from models.exam import Question
from models.parity import WAIT_S

MOST_ASKED = 12


def tokens_per_second(model: LanguageModel, asked: Sequence[Question]) -> dict[str, Any]:
    """Return the tokens read and written a second, and the median milliseconds of an answer.

    On a machine that does other things too these are ratios between files, no more.
    """
    end, count, times = model.token_id(END), 0, []
    for question in asked[:MOST_ASKED]:
        prompt = build_prompt(model, ask=question.ask, sources=question.sources).tokens
        started = time.perf_counter()
        said = list(
            model.submit(
                Prompt(tuple(prompt)), max_tokens=ANSWER_TOKENS, deadline_s=WAIT_S,
                stop=frozenset({end}),
            )
        )  # fmt: skip
        times.append(time.perf_counter() - started)
        count += len(prompt) + len(said)
    middle = sorted(times)[len(times) // 2] if times else 0.0
    return {
        "tokens_per_s": round(count / max(sum(times), 1e-9)),
        "answer_ms": round(1000 * middle, 1),
    }
