"""What a model under training would cite, many questions at a time; and how readily it declines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from appliance.lanes.prompt import NONE, SOURCES, Layout, Vocabulary
from models.base import Transformer
from models.exam import Odds, Question, chosen

AT_ONCE = 32
LEANS = np.arange(-1.0, 6.01, 0.25)  # of the logit of `<|none|>`, downwards


def choose(model: Transformer, vocabulary: Vocabulary, questions: Sequence[Question]) -> list[Odds]:
    """Return each question's odds, shape (sources + 1,)."""
    return _odds(model, vocabulary, questions, states(model, vocabulary, questions))


def states(model: Transformer, vocabulary: Vocabulary, questions: Sequence[Question]) -> Tensor:
    """Return the hidden state at each question's `<|answer|>`, shape (questions, width)."""
    prompts = []
    for question in questions:
        layout = Layout(vocabulary, question.sources)
        prompts.append((*layout.context, *layout.ask(question.ask)))
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    found = torch.zeros((len(prompts), model.shape.width))
    for start in range(0, len(order), AT_ONCE):
        batch = order[start : start + AT_ONCE]
        time = max(len(prompts[i]) for i in batch)
        tokens = torch.zeros((len(batch), time), dtype=torch.int64)
        for row, i in enumerate(batch):
            tokens[row, : len(prompts[i])] = torch.tensor(prompts[i])
        last = torch.tensor([len(prompts[i]) - 1 for i in batch])
        with torch.inference_mode():
            found[torch.tensor(batch)] = model(tokens)[torch.arange(len(batch)), last]
    return found


def balance(
    model: Transformer, vocabulary: Vocabulary, questions: Sequence[Question]
) -> dict[str, float]:
    """Make the model decline as readily as serves best, in place; return what was chosen.

    The row of `<|none|>` is moved against the mean state at `<|answer|>`, which lowers its logit by
    about the same everywhere. The lean under which the lesser of "right" and "declined" is highest
    is kept. Only the choice at `<|answer|>` reads that row.
    """
    found = states(model, vocabulary, questions)
    middle = found.mean(0)
    row = model.embed.weight.data[vocabulary.token_id(NONE)]
    kept = row.clone()
    scores = []
    for lean in LEANS:
        row.copy_(kept - float(lean) * middle / middle.square().sum())
        odds = _odds(model, vocabulary, questions, found)
        scores.append(_score(questions, odds))
    best = int(np.argmax(scores))
    row.copy_(kept - float(LEANS[best]) * middle / middle.square().sum())
    return {
        "lean": float(LEANS[best]),
        "score": scores[best],
        "before": scores[int(-LEANS[0] / 0.25)],
    }


def _score(questions: Sequence[Question], odds: Sequence[Odds]) -> float:
    """Return the lesser of "right" and "declined": neither is bought with the other."""
    hits: dict[bool, list[bool]] = {True: [], False: []}
    for question, p in zip(questions, odds, strict=True):
        hits[question.right is None].append(chosen(p, least=0.0) == question.right)
    return min(float(np.mean(h)) for h in hits.values())


def _odds(
    model: Transformer, vocabulary: Vocabulary, questions: Sequence[Question], found: Tensor
) -> list[Odds]:
    places = [vocabulary.token_id(n) for n in SOURCES]
    with torch.inference_mode():
        p = model.logits(found).softmax(-1)
    own = [[*places[: len(q.sources)], vocabulary.token_id(NONE)] for q in questions]
    return [p[row, ids].double().numpy() for row, ids in enumerate(own)]
