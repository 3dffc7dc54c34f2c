"""What the scripted engine says; what it shares with the llama engine is in the contract."""

from __future__ import annotations

import pytest

from appliance.engines.context import Chunk, Limits
from appliance.engines.scripted import Line, ScriptedContext, ScriptedEngine, script
from appliance.errors import BadInput
from tests.builders.engines import ask, run, scripted_engine


def said(engine: ScriptedEngine, text: str, **options: int) -> str:
    end = engine.token_id("<|im_end|>")
    answer = ask(engine, text, stop=frozenset({end}), max_tokens=200)
    run(engine)
    return engine.text([token.id for token in answer])


def test_it_answers_by_the_first_line_that_fits() -> None:
    engine = scripted_engine(
        script(("return", "30 days [1]"), ("", "unused"), otherwise="never"), cells=4096
    )
    assert said(engine, "how long to return it?") == "30 days [1]"
    engine.close()


def test_an_ask_no_line_fits_gets_the_otherwise() -> None:
    engine = scripted_engine(script(("return", "30 days"), otherwise="I do not know."))
    assert said(engine, "what is love") == "I do not know."
    engine.close()


def test_a_line_sounds_as_sure_as_it_is_told() -> None:
    engine = scripted_engine(lambda _text: Line("hm", logprob=-2.5, margin=0.1))
    answer = ask(engine, max_tokens=2)
    run(engine)
    assert [(token.logprob, token.margin) for token in answer] == [(-2.5, 0.1)] * 2
    engine.close()


def test_slots_of_the_script_are_single_tokens() -> None:
    engine = ScriptedEngine(
        script(otherwise="costs ⟦v1⟧."),
        special=("⟦v1⟧", "<|im_start|>", "<|im_end|>"),
        is_started=False,
    )
    answer = ask(engine, stop=frozenset({engine.token_id("<|im_end|>")}), max_tokens=50)
    run(engine)
    assert engine.token_id("⟦v1⟧") in [token.id for token in answer]
    engine.close()


def test_its_memory_refuses_gaps_and_overflow_like_the_real_one() -> None:
    engine = scripted_engine()
    context = ScriptedContext(engine, script(), cells=4)
    assert context.decode([Chunk(0, 1, (65,), wants_token=False)]) == -1
    assert context.decode([Chunk(0, 0, (65, 66, 67), wants_token=False)]) == 0
    context.share(0, 1, 3)
    assert context.decode([Chunk(1, 3, (68,), wants_token=False)]) == 0
    assert context.decode([Chunk(0, 3, (69,), wants_token=False)]) == 1
    context.forget(1)
    assert context.decode([Chunk(0, 3, (69,), wants_token=False)]) == 0
    engine.close()


def test_limits_that_cannot_work_are_refused() -> None:
    with pytest.raises(BadInput, match="do not fit"):
        Limits(slots=8, batch_tokens=8)
