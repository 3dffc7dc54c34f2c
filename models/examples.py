"""Pairs as tokens: the store's own prompt, and the answer that is to be learned."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from appliance.errors import BadInput
from appliance.lanes.prompt import Layout, Vocabulary
from models.hf_base import Sizes
from models.pairs import Laid, Pair, lay, read_pairs

FIRST_SLOTS = (0, 11, 22, 29)  # where slot names start, turn by turn; they go around at 32


@dataclass(frozen=True, slots=True)
class Example:
    """One pair as tokens; only the answer is learned."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]  # the citation first, `<|end|>` last
    weight: float

    def counts(self, word_weight: float) -> float:
        """Return what its answer's tokens count together: the citation 1, each other less."""
        return 1.0 + word_weight * (len(self.answer) - 1)


def read_examples(
    path: Path, vocabulary: Vocabulary, *, sizes: Sizes
) -> tuple[tuple[Example, ...], ...]:
    """Return a file's pairs as tokens, each in a few namings of its slots, the store's own first.

    Raises:
        BadInput: A line is no pair, or longer than the base can read.
    """
    found = []
    for pair in read_pairs(path):
        named = tuple(example_of(pair, vocabulary, first_slot=slot) for slot in FIRST_SLOTS)
        length = len(named[0].prompt) + len(named[0].answer)
        if length > sizes.context:
            raise BadInput(
                f"{path}, line {pair.line} is {length:,} tokens long, the base reads "
                f"{sizes.context:,}.",
                hint="Give that ask fewer or shorter passages.",
            )
        found.append(named)
    return tuple(found)


def example_of(pair: Pair, vocabulary: Vocabulary, *, first_slot: int = 0) -> Example:
    """Return a pair as tokens, laid out by the code that serves, which names slots from 0 on."""
    laid = lay(pair)
    layout = Layout(vocabulary, laid.sources, first_slot=first_slot)
    return Example(
        layout.context + layout.ask(pair.ask), _answer(layout, laid, pair.answer), pair.weight
    )


def _answer(layout: Layout, laid: Laid, words: str) -> tuple[int, ...]:
    """Return the right answer's tokens; what no slot was left for cannot be cited."""
    if not laid.places or max(laid.places) >= len(layout.sources):
        return layout.answer(None)
    if len(laid.places) > 1:
        return layout.answer((laid.places[0], laid.places[1]))
    place = laid.places[0]
    return layout.answer(place) if laid.is_copy else layout.wording(place, words)


def order(examples: Sequence[Sequence[Example]], seed: int, step: int, size: int) -> list[Example]:
    """Return the examples of a step: all of them once, shuffled anew, before any comes again.

    At every turn slots are named otherwise, so that what is learned is no name but where it stands.
    """
    found: list[Example] = []
    at = step * size
    while len(found) < size:
        turn, place = divmod(at + len(found), len(examples))
        shuffled = [named[turn % len(named)] for named in examples]
        random.Random(f"{seed} {turn}").shuffle(shuffled)  # noqa: S311 - no secret
        found += shuffled[place : place + size - len(found)]
    return found


def stacked(
    examples: Sequence[Example], word_weight: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return (tokens, wanted next tokens, weights, seen), each (examples, longest)."""
    longest = max(len(e.prompt) + len(e.answer) for e in examples) - 1
    size = (len(examples), longest)
    tokens, wanted = np.zeros(size, np.int64), np.zeros(size, np.int64)
    weights, seen = np.zeros(size, np.float32), np.zeros(size, np.int64)
    for i, e in enumerate(examples):
        whole = (*e.prompt, *e.answer)
        n, first = len(whole) - 1, len(e.prompt) - 1
        tokens[i, :n], wanted[i, :n], seen[i, :n] = whole[:-1], whole[1:], 1
        weights[i, first:n] = e.weight * word_weight
        weights[i, first] = e.weight
    return tuple(torch.from_numpy(a) for a in (tokens, wanted, weights, seen))  # type: ignore[return-value]
