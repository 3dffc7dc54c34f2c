"""A damaged part is told in words: what was expected, what was found, and no exception's text."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from appliance.damage import found
from appliance.engines.answerability import OnnxAnswerability
from appliance.errors import BackroomError
from appliance.lexicon_file import load_lexicon
from appliance.policy.cases import load_cases
from appliance.policy.notices import load_notices
from appliance.release import (
    load_instruction,
    load_text,
    load_toml,
    read_manifest,
)
from appliance.router_file import load_drafts, load_excerpts, load_router
from appliance.stages.excerpt import FEATURES
from appliance.stages.screen import Screen
from appliance.store.card_vectors import CardVectors
from appliance.store.cards import Cards
from appliance.store.families import load_families
from appliance.store.known_asks import KnownAsks
from appliance.store.ranker import OnnxRanker, Ranker

# What Python says of itself: types with brackets, its own idioms, its codecs.
RAW = (
    "Error(", "Error:", "Errno", "codec", "NoneType", "subscriptable", "base 10", "literal",
    "object has", "indices must", "not a valid", "pickle", "Expecting", "allow_pickle", "argument",
)  # fmt: skip
NOT_UTF8 = b"\xff\xfe\x00"
ASK = '[{"passage": "a", "start": 0, "end": 1, "text": "x"}]'


def known_asks(path: Path) -> object:
    np.save(path.with_name("vectors.npy"), np.ones((1, 2), dtype=np.int8))
    return KnownAsks.load(path, path.with_name("vectors.npy"))


def known_vectors(path: Path) -> object:
    path.with_name("asks.json").write_text(ASK)
    return KnownAsks.load(path.with_name("asks.json"), path)


def router_weights(path: Path) -> object:
    path.with_name("router.json").write_text("{}")
    return load_router(path.with_name("router.json"), path, dim=2)


def router_table(path: Path) -> object:
    np.savez(path.with_name("router.npz"), weights=np.ones((1, 2)), bias=np.ones(1))
    return load_router(path, path.with_name("router.npz"), dim=2)


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "the manifest": ("manifest.json", lambda path: read_manifest(path.parent)),
    "TOML": ("prompts.toml", load_toml),
    "an instruction": ("prompts.toml", lambda path: load_instruction(path, "generalist")),
    "the lexicon": ("lexicon.toml", load_lexicon),
    "the injection weights": ("weights.json", lambda path: Screen.from_json(load_text(path))),
    "known asks": ("asks.json", known_asks),
    "their vectors": ("vectors.npy", known_vectors),
    "cards": ("cards.json", Cards.load),
    "card vectors": ("vectors.npy", lambda path: CardVectors.load(Cards(()), path)),
    "the router's weights": ("router.npz", router_weights),
    "the router": ("router.json", router_table),
    "excerpts": ("excerpts.json", load_excerpts),
    "drafts": ("drafts.json", load_drafts),
    "the ranker": ("ranker.json", Ranker.load),
    "the ranker's graph": ("ranker.onnx", OnnxRanker),
    "the answerability model": (
        "answerability.onnx",
        partial(OnnxAnswerability, features=FEATURES),
    ),
    "families": ("facts.toml", load_families),
    "notices": ("notices.toml", load_notices),
    "cases": ("cases.toml", load_cases),
}
BOSS_CARD = {
    **dict.fromkeys(("id", "title", "text", "approved_by"), "x"),
    **dict.fromkeys(("approved_at", "effective_from"), "2026-01-01"),
    "asks": ["x"],
    "language": "en",
    "audience": "boss",
}
CONTENTS: tuple[bytes, ...] = (
    b"", NOT_UTF8, b"{", b"[1]", b'"text"', b"\x93NUMPY\x01", b"PK\x03\x04", b"case = 5",
    b'[generalist]\ninstruction = 5\n[shorthand]\nx = 1\n[synonyms]\ny = 2\n',
    b"shorthand = 3\nfamily = 1\nformat = 1\ngeneralist = 1\nnotice = [1]",
    b'format = 1\n[subjects]\nsku = 3\n[family.x]\nlabel = "x"',
    b'{"scale": "x", "cards": [], "format": 1, "weights": "x", "drafts": [], "schema": "1"}',
    b'{"scale": 1, "weights": ["x"], "bias": "much", "drafts": {"a": 5}, "features": 3}',
    json.dumps({"format": 1, "cards": [BOSS_CARD]}).encode(),
)  # fmt: skip


@pytest.mark.parametrize("part", READERS)
@pytest.mark.parametrize("content", [None, *CONTENTS])
def test_no_exceptions_own_text_is_in_the_message(
    tmp_path: Path, part: str, content: bytes | None
) -> None:
    name, read = READERS[part]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    said = ""
    try:
        read(tmp_path / name)
    except BackroomError as error:
        said = error.message
    assert [raw for raw in RAW if raw in said] == []


@pytest.mark.parametrize("part", READERS)
def test_what_was_expected_and_found_is_told_with_the_file(tmp_path: Path, part: str) -> None:
    name, read = READERS[part]
    (tmp_path / name).write_bytes(NOT_UTF8)
    with pytest.raises(BackroomError, match=r"expected .*, found .*\b(?:byte|bytes)\b") as caught:
        read(tmp_path / name)
    assert name in caught.value.message
    assert caught.value.hint


def test_the_place_of_a_fault_is_told() -> None:
    with pytest.raises(ValueError, match="Expecting") as caught:
        json.loads('{"a": 1,\n  b}')
    assert found(caught.value) == "text that is no JSON at line 2, column 3"


def test_a_file_of_another_kind_is_told_by_its_length(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(b"12345")
    said = found(ValueError("Cannot load file containing pickled data"), path=path)
    assert said == "5 bytes that are cut short or of another kind"
