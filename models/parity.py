"""Does the exported model say what the trained one says? Token for token, before it may ship."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from appliance.lanes.prompt import ANSWER_TOKENS, CONTROLS, END, NONE, SOURCES, Layout
from appliance.ports import LanguageModel, Prompt
from models.base import Transformer
from models.exam import Odds, Question
from models.tokenizer import TrainedVocabulary


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often two models agree."""

    answers: float  # share of whole answers that are the same, token for token
    first: float  # share of first tokens (the citation) that are the same
    logprob: float  # largest difference of the first token's log-probability


def greedy(model: Transformer, prompt: Sequence[int], *, end: int) -> list[tuple[int, float]]:
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


def served(model: LanguageModel, prompt: Sequence[int]) -> list[tuple[int, float]]:
    """Return what a served model writes, greedily, as `greedy` does."""
    end = model.token_id(END)
    running = model.submit(
        Prompt(tuple(prompt)), max_tokens=ANSWER_TOKENS, deadline_s=60, stop=frozenset({end})
    )
    return [(t.id, t.logprob) for t in running if t.id != end]


def agreement(
    model: Transformer, exported: LanguageModel, prompts: Sequence[Sequence[int]]
) -> Agreement:
    """Return how far an exported model writes what the trained one writes."""
    end = exported.token_id(END)
    same, first, gap = [], [], 0.0
    for prompt in prompts:
        ours, theirs = greedy(model, prompt, end=end), served(exported, prompt)
        same.append([t for t, _ in ours] == [t for t, _ in theirs])
        first.append([t for t, _ in ours[:1]] == [t for t, _ in theirs[:1]])
        if ours and theirs and first[-1]:
            gap = max(gap, abs(ours[0][1] - theirs[0][1]))
    return Agreement(float(np.mean(same)), float(np.mean(first)), gap)


def same_tokens(
    vocabulary: TrainedVocabulary, exported: LanguageModel, texts: Sequence[str]
) -> list[str]:
    """Return the texts that the exported tokenizer reads differently; ideally none."""
    differ = [c for c in CONTROLS if vocabulary.token_id(c) != exported.token_id(c)]
    return differ + [
        text
        for text in texts
        if vocabulary.tokenize(text, special=False) != exported.tokenize(text, special=False)
    ]


def served_odds(model: LanguageModel, questions: Sequence[Question]) -> list[Odds]:
    """Return odds of each question from a served model, of which only the choice is known.

    The chosen place has the probability of its first token; the others share nothing.
    """
    numbers = {model.token_id(n): i for i, n in enumerate(SOURCES)}
    none = model.token_id(NONE)
    odds = []
    for question in questions:
        layout = Layout(model, question.sources)
        said = served(model, (*layout.context, *layout.ask(question.ask)))
        p: NDArray[np.float64] = np.zeros(len(question.sources) + 1)
        if said and (said[0][0] == none or numbers.get(said[0][0], 99) < len(question.sources)):
            place = len(question.sources) if said[0][0] == none else numbers[said[0][0]]
            p[place] = np.exp(said[0][1])
        else:
            p[-1] = 1.0
        odds.append(p)
    return odds
