"""Does the exported model say what the trained one says? Token for token, before it may ship."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from appliance.lanes.prompt import ANSWER_TOKENS, CONTROLS, END, Vocabulary
from appliance.ports import LanguageModel, Prompt

AT_ONCE = 6
WAIT_S = 120.0


Said = list[tuple[int, float]]  # tokens and their log-probabilities


class Source(Protocol):
    """A model that an export is held against."""

    def __call__(self, tokens: Any) -> Any:
        """(batch, time) token ids -> (batch, time, width) hidden states."""
        ...

    def logits(self, hidden: Any) -> Any:
        """(…, width) -> (…, vocabulary)."""
        ...


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often two models agree."""

    answers: float  # share of whole answers that are the same, token for token
    first: float  # share of first tokens (the citation) that are the same
    logprob: float  # largest difference of the first token's log-probability


def greedy(model: Source, prompt: Sequence[int], *, end: int) -> Said:
    """Return (token, log-probability) pairs until `end`, at most ANSWER_TOKENS, `end` left out."""
    tokens, said = list(prompt), []
    for _ in range(ANSWER_TOKENS):
        with torch.inference_mode():
            p = model.logits(model(torch.tensor([tokens]))[0, -1]).log_softmax(-1)
        best = int(p.argmax())
        if best == end:
            break
        said.append((best, float(p[best])))
        tokens.append(best)
    return said


def served(model: LanguageModel, prompts: Sequence[Sequence[int]]) -> list[Said]:
    """Return what a served model writes for each prompt, greedily, as `greedy` does."""
    end = model.token_id(END)
    said: list[Said] = []
    for start in range(0, len(prompts), AT_ONCE):
        running = [
            model.submit(
                Prompt(tuple(prompt)), max_tokens=ANSWER_TOKENS, deadline_s=WAIT_S,
                stop=frozenset({end}),
            )
            for prompt in prompts[start : start + AT_ONCE]
        ]  # fmt: skip
        said += [[(t.id, t.logprob) for t in one if t.id != end] for one in running]
    return said


def agreement(
    source: Sequence[Said], exported: LanguageModel, prompts: Sequence[Sequence[int]]
) -> Agreement:
    """Return how far an exported model writes what its source wrote for the same prompts."""
    same, first, gap = [], [], 0.0
    for ours, theirs in zip(source, served(exported, prompts), strict=True):
        same.append([t for t, _ in ours] == [t for t, _ in theirs])
        first.append([t for t, _ in ours[:1]] == [t for t, _ in theirs[:1]])
        if ours and theirs and first[-1]:
            gap = max(gap, abs(ours[0][1] - theirs[0][1]))
    return Agreement(float(np.mean(same)), float(np.mean(first)), gap)


def same_tokens(vocabulary: Vocabulary, exported: LanguageModel, texts: Sequence[str]) -> list[str]:
    """Return the texts that the exported tokenizer reads differently; ideally none."""
    differ = [c for c in CONTROLS if vocabulary.token_id(c) != exported.token_id(c)]
    return differ + [
        text
        for text in texts
        if vocabulary.tokenize(text, special=False) != exported.tokenize(text, special=False)
    ]
