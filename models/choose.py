"""What a model under training would cite, many questions at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from appliance.lanes.prompt import NONE, SOURCES, Layout, Vocabulary
from models.base import Transformer
from models.exam import Odds, Question

AT_ONCE = 32


def choose(model: Transformer, vocabulary: Vocabulary, questions: Sequence[Question]) -> list[Odds]:
    """Return each question's odds, shape (sources + 1,)."""
    places = [vocabulary.token_id(n) for n in SOURCES]
    none = vocabulary.token_id(NONE)
    prompts = []
    for question in questions:
        layout = Layout(vocabulary, question.sources)
        prompts.append((*layout.context, *layout.ask(question.ask)))
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    odds: list[Odds] = [np.zeros(0)] * len(prompts)
    for start in range(0, len(order), AT_ONCE):
        batch = order[start : start + AT_ONCE]
        time = max(len(prompts[i]) for i in batch)
        tokens = torch.zeros((len(batch), time), dtype=torch.int64)
        for row, i in enumerate(batch):
            tokens[row, : len(prompts[i])] = torch.tensor(prompts[i])
        last = torch.tensor([len(prompts[i]) - 1 for i in batch])
        with torch.inference_mode():
            hidden = model(tokens)[torch.arange(len(batch)), last]
            p = model.logits(hidden).softmax(-1)
        for row, i in enumerate(batch):
            own = [*places[: len(questions[i].sources)], none]
            odds[i] = p[row, own].double().numpy()
    return odds
