"""Words cut to stems, so that "returned", "returns" and "returning" are one."""

from __future__ import annotations

from functools import lru_cache

from appliance.stages.text import interned, words

STOP = frozenset(
    "a an the of to in on for with is are was be been do does did can could may i we you he she it"  # noqa: SIM905
    " they his her their our my your and or if at by as that this there what how who when where"
    " which much many long will would should have has had get from not no any me him them us"
    " el la los las un una de que en por para con es son se lo le y o si su mi al del hay".split()
)
ENDINGS = ("ations", "ation", "ings", "ing", "ers", "ies", "ied", "es", "ed", "er", "s")


# A passage found for the first time is read word by word, and words come again.
@lru_cache(maxsize=8_192)
def stem(word: str) -> str:
    """Return a crude stem: enough to make "returned", "returns" and "returning" one."""
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


@lru_cache(maxsize=16_384)
def content(text: str) -> tuple[str, ...]:
    """Return the stems of a text's words that mean something; remembered, for texts come again."""
    return tuple(interned(stem(w) for w in words(text) if w not in STOP))
