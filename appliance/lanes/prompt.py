"""What the specialist reads and what it wrote, the same in training and in serving.

    <|bos|> <|src1|> sentence <|of|> title <|src2|> … <|ask|> question <|answer|>
    <|src2|> the sentence that answers, with <|money|><|v3|> for its price <|end|>      or
    <|src1|> <|src4|> <|end|>     both are needed; their words are their own      or
    <|none|> <|end|>

A source is one sentence (an excerpt of a passage, or a live fact), likeliest first. The cited
source comes first, so its probability is the specialist's own confidence and `<|none|>` competes
with it. Text is lower case and values are kind + slot: casing and values come back from the source.
Control tokens are placed by code alone; what people and documents write can never become one.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from appliance.ports import Prompt
from appliance.records import Evidence, Fact, Passage, Value, ValueKind
from appliance.values import BRACKETS, SLOT, find_values, name_slots, same_value, slotted

MOST_SOURCES = 8
MOST_SLOTS = 32
MOST_FACTS = 6
SOURCE_TOKENS = 72  # a longer sentence is cut for the model's eyes; its text comes back whole
TITLE_TOKENS = 20
ASK_TOKENS = 64
ANSWER_TOKENS = SOURCE_TOKENS + 2

BOS, END, ASK, ANSWER, NONE, OF = (
    f"<|{n}|>" for n in ("bos", "end", "ask", "answer", "none", "of")
)
SOURCES = tuple(f"<|src{i + 1}|>" for i in range(MOST_SOURCES))
KINDS = {kind: f"<|{kind.value}|>" for kind in ValueKind}
SLOTS = tuple(f"<|v{i}|>" for i in range(MOST_SLOTS))
CONTROLS = (BOS, END, ASK, ANSWER, NONE, OF, *SOURCES, *KINDS.values(), *SLOTS)

Answer = int | tuple[int, int] | None  # the place that answers, the two that do together, or none

_SPACE = re.compile(r"\s+")


class Vocabulary(Protocol):
    """The part of a language model that reads and writes text."""

    def tokenize(self, text: str, *, special: bool) -> tuple[int, ...]:
        """Return token ids; with `special=False` text can never become a control token."""
        ...

    def text(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens."""
        ...

    def token_id(self, name: str) -> int:
        """Return the id of a control token."""
        ...


@dataclass(frozen=True, slots=True)
class SlottedSource:
    """One sentence the specialist may cite."""

    id: str  # of the passage or fact
    title: str  # title path; its values are no slots of the evidence
    text: str  # slotted: "Returned within ⟦v3⟧."
    values: tuple[Value, ...]  # those of `text`, with slots
    start: int = 0  # of the sentence in the passage's or fact's text
    end: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """What the specialist said."""

    source: int | None  # place among the sources; None: nothing answers
    text: str = ""  # slotted; the source's own words when `is_copy`
    is_copy: bool = False  # said exactly what the cited source says
    also: int | None = None  # place of the second source of an answer that needs two


def build_prompt(
    model: Vocabulary, *, ask: str, sources: Sequence[SlottedSource], first_slot: int = 0
) -> Prompt:
    """Return the prompt; sources beyond eight, or whose slots do not fit, are left out.

    Args:
        model: Whose vocabulary is used.
        ask: The standalone question.
        sources: Likeliest first.
        first_slot: Where slot names start; only training varies it.
    """
    layout = Layout(model, sources, first_slot=first_slot)
    guesses = tuple(layout.said(place) for place in range(len(layout.sources)))
    return Prompt(layout.context + layout.ask(ask), guesses=guesses)


def read_answer(
    model: Vocabulary, tokens: Sequence[int], *, sources: Sequence[SlottedSource]
) -> Written:
    """Return what generated tokens say; anything malformed is read as "nothing answers"."""
    return Layout(model, sources).read(tokens)


def sources_of(evidence: Evidence) -> tuple[SlottedSource, ...]:
    """Return what the specialist may cite: live facts, then excerpts, likeliest first."""
    fresh = [f for f in evidence.facts if not f.is_stale]
    facts = [_of_fact(f, evidence.values) for f in fresh[:MOST_FACTS]]
    passages = {p.id: p for p in evidence.passages}
    found = (e for e in evidence.excerpts if e.passage in passages)
    excerpts = [
        _of_excerpt(passages[e.passage], e.start, e.end, evidence.values)
        for e in itertools.islice(found, MOST_SOURCES - len(facts))
    ]
    return (*facts, *excerpts)


def _of_fact(fact: Fact, values: Iterable[Value]) -> SlottedSource:
    own = tuple(v for v in values if v.origin == f"fact:{fact.id}")
    title = f"{fact.family} {fact.subject}"
    return SlottedSource(fact.id, title, slotted(fact.text, own), own, 0, len(fact.text))


def _of_excerpt(passage: Passage, start: int, end: int, values: Iterable[Value]) -> SlottedSource:
    origin = f"passage:{passage.id}"
    inside = tuple(
        replace(v, start=v.start - start, end=v.end - start)
        for v in values
        if v.origin == origin and start <= v.start and v.end <= end
    )
    text = slotted(passage.text[start:end], inside)
    return SlottedSource(passage.id, passage.title, text, inside, start, end)


class Layout:
    """Sources laid out for a model: their tokens, and which slot name stands for which value."""

    def __init__(
        self, model: Vocabulary, sources: Sequence[SlottedSource], *, first_slot: int = 0
    ) -> None:
        self._model = model
        self._first = first_slot
        self._slots: list[str] = []  # slot of the evidence, in the order of this prompt's names
        self._values: list[Value] = []
        self.sources: list[SlottedSource] = []
        self.copies: list[tuple[int, ...]] = []  # each source's sentence, as it is to be said
        tokens = [model.token_id(BOS)]
        for source in sources[:MOST_SOURCES]:
            if not self._add(source):
                break
            copy = self._slotted(source.text)[:SOURCE_TOKENS]
            self.copies.append(copy)
            title = self._plain(source.title, named=True)[:TITLE_TOKENS]
            number = SOURCES[len(self.sources) - 1]
            tokens += [model.token_id(number), *copy, model.token_id(OF), *title]
        self.context = tuple(tokens)

    def ask(self, text: str) -> tuple[int, ...]:
        """Return the tokens from `<|ask|>` to `<|answer|>`."""
        model = self._model
        asked = self._plain(text.translate(BRACKETS))[:ASK_TOKENS]
        return (model.token_id(ASK), *asked, model.token_id(ANSWER))

    def answer(self, source: Answer) -> tuple[int, ...]:
        """Return the tokens of the right answer, `<|end|>` included."""
        model = self._model
        if isinstance(source, tuple):
            return (*(model.token_id(SOURCES[s]) for s in source), model.token_id(END))
        if source is None:
            return (model.token_id(NONE), model.token_id(END))
        return (*self.said(source), model.token_id(END))

    def said(self, source: int) -> tuple[int, ...]:
        """Return the tokens of an answer in a source's own words."""
        return (self._model.token_id(SOURCES[source]), *self.copies[source])

    def wording(self, source: int, text: str) -> tuple[int, ...]:
        """Return the tokens of a right answer in other words than its source's; for training."""
        model = self._model
        said = self._plain(text)[:SOURCE_TOKENS]
        return (model.token_id(SOURCES[source]), *said, model.token_id(END))

    def read(self, tokens: Sequence[int]) -> Written:
        """Return what generated tokens say."""
        model = self._model
        numbers = {model.token_id(n): i for i, n in enumerate(SOURCES[: len(self.sources)])}
        end = model.token_id(END)
        said = list(tokens)
        said = said[: said.index(end)] if end in said else said
        if not said or said[0] not in numbers:
            return Written(None)
        source, words = numbers[said[0]], tuple(said[1:])
        also = numbers.get(words[0], source) if words else source
        if also != source:
            text = f"{self.sources[source].text} {self.sources[also].text}"
            return Written(source, text, is_copy=len(words) == 1, also=also)
        if words == self.copies[source]:
            return Written(source, self.sources[source].text, is_copy=True)
        return Written(source, self._text(words))

    def _add(self, source: SlottedSource) -> bool:
        fresh = {v.slot: v for v in source.values if v.slot not in self._slots}
        if len(self._slots) + len(fresh) > MOST_SLOTS:
            return False
        self._slots += fresh
        self._values += fresh.values()
        self.sources.append(source)
        return True

    def _slotted(self, text: str) -> tuple[int, ...]:
        """Return the tokens of slotted text: kind and slot for each value."""
        tokens: list[int] = []
        at = 0
        for match in SLOT.finditer(text):
            tokens += self._words(text[at : match.start()])
            tokens += self._slot(self._slots.index(match[1]))
            at = match.end()
        return (*tokens, *self._words(text[at:]))

    def _plain(self, text: str, *, named: bool = False) -> tuple[int, ...]:
        """Return the tokens of an ask or title: a value is its kind, and its slot if it has one.

        `named` gives it one where room is left: a title's SKU can then be found by an ask's.
        """
        tokens: list[int] = []
        at = 0
        for value in find_values(text):
            tokens += self._words(text[at : value.start])
            same = [i for i, v in enumerate(self._values) if same_value(v, value)]
            if named and not same and len(self._slots) < MOST_SLOTS:
                same = [len(self._slots)]
                self._slots.append("")
                self._values.append(value)
            tokens += self._slot(same[0]) if same else [self._model.token_id(KINDS[value.kind])]
            at = value.end
        return (*tokens, *self._words(text[at:]))

    def _slot(self, place: int) -> list[int]:
        name = SLOTS[(place + self._first) % MOST_SLOTS]
        return [self._model.token_id(KINDS[self._values[place].kind]), self._model.token_id(name)]

    def _words(self, text: str) -> tuple[int, ...]:
        """Return the tokens of plain text, lower case, always after a space."""
        text = _SPACE.sub(" ", text).rstrip().lower()
        if not text:
            return ()
        opens = text[0].isalnum()  # the first word of a sentence looks like one in its middle
        return self._model.tokenize(f" {text}" if opens else text, special=False)

    def _text(self, tokens: Sequence[int]) -> str:
        """Return slotted text of tokens that copy no source."""
        names = {
            self._model.token_id(n): self._slots[(i - self._first) % MOST_SLOTS]
            for i, n in enumerate(SLOTS)
            if (i - self._first) % MOST_SLOTS < len(self._slots)
            and self._slots[(i - self._first) % MOST_SLOTS]
        }
        silent = {self._model.token_id(c) for c in CONTROLS}
        parts = []
        for token in tokens:
            if token in names:
                parts.append(f" ⟦{names[token]}⟧")
            elif token not in silent:
                parts.append(self._model.text([token]).translate(BRACKETS))
        return "".join(parts).strip()


def plain_source(source_id: str, title: str, text: str) -> SlottedSource:
    """Return one sentence with its values slotted by itself, for training and tests."""
    return slotted_sources([(source_id, title, text)])[0]


def slotted_sources(rows: Sequence[tuple[str, str, str]]) -> tuple[SlottedSource, ...]:
    """Return (id, title, sentence) rows as sources whose slots run on over all of them."""
    found = [find_values(text) for _, _, text in rows]
    named = iter(name_slots((row[0], values) for row, values in zip(rows, found, strict=True)))
    made = []
    for (source_id, title, text), values in zip(rows, found, strict=True):
        own = tuple(next(named) for _ in values)
        made.append(SlottedSource(source_id, title, slotted(text, own), own, 0, len(text)))
    return tuple(made)
