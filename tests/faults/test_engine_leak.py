"""No associate's text may appear in another's answer, whatever comes, goes, fails or is evicted.

Two ways to see a leak. The scripted engine answers with the canary its sequence really holds, so a
foreign canary is a leak in plain letters. The llama engine has random weights, whose every
log-probability depends on every token read; each answer under chaos must be the one the prompt
gets alone in a fresh engine. The sabotages at the end prove that both eyes see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.engines.context import Choice, Chunk, Context, Limits
from appliance.engines.prefix import Prefix, Prefixes
from appliance.engines.scripted import Line
from appliance.engines.stream import TokenStream
from appliance.errors import EngineBusy, EngineError
from appliance.ports import Token
from tests.builders.engines import (
    Engine,
    StillClock,
    ask,
    disagreement,
    llama_engine,
    run,
    scripted_engine,
)
from tests.fakes.contexts import FlakyContext, PassingContext

# Small enough that asks wait, prefixes are evicted, and prompts need several chunks.
LIMITS = Limits(slots=3, queue=4, prefixes=2, chunk_tokens=8, batch_tokens=24)
CELLS = 256
MAX_TOKENS = 30
# Three of them of one length, so that a mix-up by length would show.
PREFIXES = (
    "",
    "<|im_start|>Answer for store 12, shortly and with sources.",
    "<|im_start|>Answer for store 34, shortly and with sources.",
    "<|im_start|>Answer for store 56, shortly and with sources.",
)
CANARIES = tuple(f"canary-{n:02d}-{'abcdefgh'[n] * 3}" for n in range(8))
QUESTIONS = tuple(
    f"q{n % 3} {canary} " + "and so on " * (n % 6) for n, canary in enumerate(CANARIES)
)


@dataclass(frozen=True)
class Ask:
    question: int
    prefix: int
    max_tokens: int
    deadline_s: float


@dataclass(frozen=True)
class Steps:
    count: int


@dataclass(frozen=True)
class Cancel:
    which: int


@dataclass(frozen=True)
class Wait:
    seconds: float


Move = Ask | Steps | Cancel | Wait

asks = st.builds(
    Ask,
    question=st.integers(0, len(QUESTIONS) - 1),
    prefix=st.integers(0, len(PREFIXES) - 1),
    max_tokens=st.integers(1, MAX_TOKENS),
    deadline_s=st.sampled_from([3.0, 1e9]),
)
moves = st.lists(
    st.one_of(
        asks,
        asks,
        asks,
        st.builds(Steps, st.integers(1, 25)),
        st.builds(Cancel, st.integers(0, 20)),
        st.builds(Wait, st.sampled_from([1.0, 4.0])),
    ),
    min_size=15,
    max_size=60,
)


@dataclass
class Heard:
    """What came back from one run of moves."""

    answers: list[tuple[Ask, TokenStream]] = field(default_factory=list)

    def spoken(self) -> list[tuple[Ask, list[Token]]]:
        return [(asked, list(stream)) for asked, stream in self.answers]


def play(engine: Engine, clock: StillClock, script: Sequence[Move]) -> Heard:
    """Make the moves, then let everything finish; the ledger of cells is checked on the way."""
    heard = Heard()
    for move in script:
        if isinstance(move, Ask):
            heard.answers.extend(_submit(engine, move))
        elif isinstance(move, Cancel):
            for _, stream in heard.answers[move.which : move.which + 1]:
                stream.cancel()
        elif isinstance(move, Wait):
            clock.now_s += move.seconds
        else:
            for _ in range(move.count):
                engine.scheduler.step()
                assert engine.load.cells_reserved <= CELLS
    run(engine)
    assert engine.load.running == engine.load.waiting == 0
    return heard


def _submit(engine: Engine, move: Ask) -> list[tuple[Ask, TokenStream]]:
    try:
        stream = ask(
            engine,
            QUESTIONS[move.question],
            prefix=PREFIXES[move.prefix],
            max_tokens=move.max_tokens,
            deadline_s=move.deadline_s,
        )
    except EngineBusy:
        return []
    return [(move, stream)]


def say_the_canary(text: str) -> Line:
    return Line(" ".join(re.findall(r"canary-\d\d-\w{3}", text)))


def check_canaries(engine: Engine, heard: Heard) -> None:
    for asked, tokens in heard.spoken():
        said = engine.text([token.id for token in tokens])
        assert (CANARIES[asked.question] + "<|im_end|>" * MAX_TOKENS).startswith(said)


@cache
def alone(question: int, prefix: int) -> list[Token]:
    """Return the answer of a fresh engine that has never heard anybody else."""
    engine = llama_engine(cells=CELLS, limits=LIMITS)
    text = PREFIXES[prefix]
    head = engine.tokenize(text, special=True)
    assert text == engine.text(head)
    stream = ask(engine, QUESTIONS[question], prefix=text, max_tokens=MAX_TOKENS)
    run(engine)
    engine.close()
    return list(stream)


def check_alone(heard: Heard) -> None:
    for asked, tokens in heard.spoken():
        difference = disagreement(alone(asked.question, asked.prefix), tokens)
        assert difference == "", f"{asked}: {difference}"


@given(moves)
@settings(max_examples=100, deadline=None)
def test_nobody_hears_anothers_canary(script: list[Move]) -> None:
    clock = StillClock()
    engine = scripted_engine(say_the_canary, cells=CELLS, limits=LIMITS, clock=clock)
    check_canaries(engine, play(engine, clock, script))
    engine.close()


@given(moves, st.sampled_from([0, 4]))
@settings(max_examples=60, deadline=None)
def test_every_llama_answer_is_the_one_its_prompt_gets_alone(
    script: list[Move], fails_every: int
) -> None:
    clock = StillClock()
    engine = llama_engine(
        cells=CELLS,
        limits=LIMITS,
        clock=clock,
        wrap=lambda behind: FlakyContext(behind, fails_every=fails_every),
    )
    try:
        check_alone(play(engine, clock, script))
    finally:
        engine.close()


# ── proof that these tests can fail ───────────────────────────────────────────────────────────

CROWD: tuple[Move, ...] = tuple(
    move for n in range(len(QUESTIONS)) for move in (Ask(n, 1 + n % 3, 8, 1e9), Steps(5))
)


class NeighboursLogits(PassingContext):
    """Reads the logits of the next one in the batch."""

    count = 1

    def decode(self, chunks: Sequence[Chunk]) -> int:
        self.count = len(chunks)
        self.wanted = [n for n, chunk in enumerate(chunks) if chunk.wants_token]
        return self.behind.decode(chunks)

    def choose(self, index: int, choice: Choice, *, guessed: int = 0) -> Token | None:
        at = self.wanted.index(index)
        neighbour = self.wanted[(at + 1) % len(self.wanted)]
        return self.behind.choose(neighbour, choice, guessed=guessed)


class ForgetsNothing(PassingContext):
    """Leaves the last one's cells for the next one."""

    def forget(self, sequence: int, start: int = 0) -> None:
        return


class SwapsTokens(PassingContext):
    """Gives each running answer its neighbour's token."""

    def decode(self, chunks: Sequence[Chunk]) -> int:
        single = [n for n, chunk in enumerate(chunks) if len(chunk.tokens) == 1]
        swapped = list(chunks)
        for n, neighbour in zip(single, single[1:] + single[:1], strict=True):
            swapped[n] = replace(chunks[n], tokens=chunks[neighbour].tokens)
        return self.behind.decode(swapped)


def _find_by_length(self: Prefixes, tokens: tuple[int, ...], *, adapter: str = "") -> Prefix | None:
    found = (p for p in self._resident.values() if len(p.tokens) == len(tokens) > 0)
    return next(found, None)


def _hears_a_leak(wrap: Callable[[Context], Context]) -> None:
    clock = StillClock()
    engine = llama_engine(cells=CELLS, limits=LIMITS, clock=clock, wrap=wrap)
    try:
        check_alone(play(engine, clock, CROWD))
    finally:
        engine.close()


def test_the_crowd_alone_is_no_leak() -> None:
    _hears_a_leak(PassingContext)


@pytest.mark.parametrize("sabotage", [NeighboursLogits, ForgetsNothing, SwapsTokens])
def test_a_sabotaged_context_is_noticed(sabotage: Any) -> None:
    with pytest.raises((AssertionError, EngineError)):
        _hears_a_leak(sabotage)


def test_prefixes_mixed_up_by_length_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Prefixes, "find", _find_by_length)
    with pytest.raises(AssertionError, match=r"log-probability|token"):
        _hears_a_leak(PassingContext)


def test_answers_depend_on_the_whole_prompt() -> None:
    answers = {
        tuple(token.id for token in alone(question, prefix))
        for question in range(len(QUESTIONS))
        for prefix in range(len(PREFIXES))
    }
    assert len(answers) >= 0.9 * len(QUESTIONS) * len(PREFIXES)
