"""Guessed answers: read in one step where they are right, and never heard where they are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from appliance.engines.context import Limits
from appliance.engines.stream import TokenStream
from appliance.ports import Prompt, Token
from tests.builders.engines import (
    FOREVER_S,
    Engine,
    disagreement,
    llama_engine,
    run,
    scripted_engine,
)
from tests.fakes.contexts import PoisonedContext, WatchedContext

LONGEST = 24
ASKS = ("How long may I return this?", "Where are the batteries?", "Who may open the safe?")


@pytest.fixture(params=[llama_engine, scripted_engine], ids=["llama", "scripted"])
def open_engine(request: pytest.FixtureRequest) -> Callable[..., Engine]:
    opener: Callable[..., Engine] = request.param
    return opener


def submit(
    engine: Engine, text: str, *guesses: tuple[int, ...], max_tokens: int = LONGEST
) -> TokenStream:
    tokens = engine.tokenize(text, special=False)
    return engine.submit(
        Prompt(tokens, guesses=guesses),
        max_tokens=max_tokens,
        deadline_s=FOREVER_S,
        stop=frozenset(),
    )


def alone(open_engine: Callable[..., Engine], text: str) -> list[Token]:
    engine = open_engine()
    answer = submit(engine, text)
    run(engine)
    engine.close()
    return list(answer)


def ids(tokens: list[Token]) -> tuple[int, ...]:
    return tuple(token.id for token in tokens)


def steps(engine: Engine) -> int:
    """Step until nothing is left to do; return how many steps it took."""
    count = 1
    while engine.scheduler.step():
        count += 1
    return count


def test_a_right_guess_is_read_in_one_step_and_changes_no_answer(
    open_engine: Callable[..., Engine],
) -> None:
    expected = alone(open_engine, ASKS[0])
    engine = open_engine()
    answer = submit(engine, ASKS[0], ids(expected)[:-1])
    assert steps(engine) == 2  # the prompt, then all the rest
    assert not disagreement(expected, list(answer))
    assert (answer.finish, len(expected)) == ("length", LONGEST)
    engine.close()


@pytest.mark.parametrize("right", [0, 1, 2, 9, LONGEST - 2])
def test_a_guess_that_goes_wrong_is_kept_as_far_as_it_was_right(
    open_engine: Callable[..., Engine], right: int
) -> None:
    expected = alone(open_engine, ASKS[0])
    wrong = (*ids(expected)[:right], (expected[right].id + 1) % 200, *range(20, 30))
    engine = open_engine()
    answer = submit(engine, ASKS[0], wrong)
    run(engine)
    assert not disagreement(expected, list(answer))
    assert len(expected) == LONGEST
    engine.close()


def test_the_guess_that_begins_like_the_answer_is_taken(open_engine: Callable[..., Engine]) -> None:
    expected = ids(alone(open_engine, ASKS[0]))
    other = ((expected[0] + 1) % 200, *expected[1:])
    engine = open_engine()
    submit(engine, ASKS[0], other, expected)
    assert steps(engine) == 2
    engine.close()


def test_a_guess_never_takes_more_room_than_was_reserved(
    open_engine: Callable[..., Engine],
) -> None:
    expected = ids(alone(open_engine, ASKS[0]))
    cells = len(open_engine().tokenize(ASKS[0], special=False)) + 6
    engine = open_engine(cells=cells, limits=Limits(slots=1, prefixes=0))
    answer = submit(engine, ASKS[0], expected, max_tokens=6)
    run(engine)
    assert ids(list(answer)) == expected[:6]
    assert engine.load.failures == 0
    engine.close()


def test_asks_that_guess_share_the_room_for_guesses(open_engine: Callable[..., Engine]) -> None:
    expected = [alone(open_engine, text) for text in ASKS]
    engine = open_engine(limits=Limits(guessed_tokens=LONGEST + 5))
    answers = [
        submit(engine, text, ids(tokens)) for text, tokens in zip(ASKS, expected, strict=True)
    ]
    run(engine)
    for tokens, answer in zip(expected, answers, strict=True):
        assert not disagreement(tokens, list(answer))
    engine.close()


def test_a_stop_token_inside_a_guess_ends_the_answer(open_engine: Callable[..., Engine]) -> None:
    expected = ids(alone(open_engine, ASKS[0]))
    stop = expected[4]
    engine = open_engine()
    answer = engine.submit(
        Prompt(engine.tokenize(ASKS[0], special=False), guesses=(expected,)),
        max_tokens=LONGEST,
        deadline_s=FOREVER_S,
        stop=frozenset({stop}),
    )
    run(engine)
    assert ids(list(answer)) == expected[: expected.index(stop)]
    assert (answer.finish, engine.load.cells_reserved) == ("stop", 0)
    engine.close()


def test_a_step_that_breaks_over_guesses_is_done_again_apart() -> None:
    expected = [alone(llama_engine, text) for text in ASKS[:2]]
    poison = 250  # a token neither answer holds
    assert all(token.id != poison for answer in expected for token in answer)
    engine = llama_engine(wrap=lambda behind: PoisonedContext(behind, poison=poison, code=-3))
    spoilt = submit(engine, ASKS[0], (expected[0][0].id, poison))
    sound = submit(engine, ASKS[1], ids(expected[1]))
    run(engine)
    with pytest.raises(Exception, match="llama_decode returned -3"):
        list(spoilt)
    assert not disagreement(expected[1], list(sound))
    engine.close()


def test_prompts_are_begun_one_after_the_other_once_a_batch_is_long_enough() -> None:
    watched: list[WatchedContext] = []

    def watch(behind: Any) -> WatchedContext:
        watched.append(WatchedContext(behind))
        return watched[0]

    engine = llama_engine(wrap=watch, limits=Limits(enough_tokens=20))
    for _ in range(3):
        submit(engine, "a story of some length " * 4, max_tokens=1)
    submit(engine, "short", max_tokens=1)
    submit(engine, "brief", max_tokens=1)
    run(engine)
    assert [len(batch) for batch in watched[0].batches] == [1, 1, 1, 2]
    engine.close()
