"""The gate: each thing that may be wrong with a release is refused, in numbers, all at once."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from appliance.config import DEMO_RELEASE
from appliance.engines.onnx import OnnxEmbedder
from appliance.errors import BadInput, EngineError
from appliance.release import file_sha256
from appliance.store.index_schema import SCHEMA
from models import gate
from models.gate import Finding
from models.recipe import GateRecipe
from tests.builders.releases import damage, linked_release

LIMITS = GateRecipe()
EARLIER = {"id": "larkmoor-2026.10.01", "right": 0.900}
WELL = {"first": 1.0, "answers": 1.0, "tokenized_differently": 0}


# ── remembers ─────────────────────────────────────────────────────────────────────────────────


def test_a_release_that_forgets_more_than_a_point_is_refused_with_both_figures() -> None:
    found = gate.remembers({"right": 0.885, "wrong_values": 0}, EARLIER, limits=LIMITS)
    assert not found.is_ok
    assert found.said == (
        "golden 88.5%, larkmoor-2026.10.01 had 90.0%: 1.5 points down, 1 is allowed"
    )


@pytest.mark.parametrize("right", [0.89, 0.9, 0.95])
def test_a_fall_of_one_point_or_less_is_allowed(right: float) -> None:
    assert gate.remembers({"right": right}, EARLIER, limits=LIMITS).is_ok


def test_a_first_release_has_nothing_to_forget_and_the_gate_says_so() -> None:
    found = gate.remembers({"right": 0.2}, {}, limits=LIMITS)
    assert found.is_ok
    assert "no earlier release" in found.said


def test_one_wrong_value_is_one_too_many_however_good_the_rest() -> None:
    found = gate.remembers({"right": 0.99, "wrong_values": 1}, EARLIER, limits=LIMITS)
    assert not found.is_ok
    assert "1 golden answers hold a value of no source" in found.said


# ── agrees ────────────────────────────────────────────────────────────────────────────────────


def test_a_gguf_that_says_something_else_than_its_source_is_refused() -> None:
    parity = {"f32": {**WELL, "first": 0.93}, "q8_0": WELL}
    found = gate.agrees(parity, ships="q8_0", limits=LIMITS)
    assert not found.is_ok
    assert found.said == "f32 cites as its source does in 93.0%, 95.0% is asked"


def test_the_size_that_ships_is_the_one_that_is_held_to_it() -> None:
    parity = {"f32": WELL, "q8_0": WELL, "q4_k_m": {**WELL, "first": 0.7}}
    assert gate.agrees(parity, ships="q8_0", limits=LIMITS).is_ok
    assert "q4_k_m cites" in gate.agrees(parity, ships="q4_k_m", limits=LIMITS).said
    assert "q5_k_m was never held" in gate.agrees(parity, ships="q5_k_m", limits=LIMITS).said


def test_another_tokenizer_is_refused_though_the_answers_agree() -> None:
    parity = {"f32": WELL, "q8_0": {**WELL, "tokenized_differently": 4}}
    found = gate.agrees(parity, ships="q8_0", limits=LIMITS)
    assert "q8_0 reads 4 texts in other tokens than its source" in found.said


def test_a_figure_that_is_no_number_agrees_with_nothing() -> None:
    parity = {"f32": {**WELL, "first": math.nan}, "q8_0": WELL}
    assert not gate.agrees(parity, ships="q8_0", limits=LIMITS).is_ok


# ── calibrated ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("heard", "is_ok"),
    [
        ({"ece": 0.05, "answered": 300}, True),
        ({"ece": 0.051, "answered": 300}, False),
        ({"ece": math.nan, "answered": 300}, False),
        ({"ece": 0.0, "answered": 0}, False),
        ({}, False),
    ],
)
def test_what_is_said_to_be_sure_must_be_so(heard: dict[str, Any], is_ok: bool) -> None:
    found = gate.calibrated(heard, limits=LIMITS)
    assert found.is_ok is is_ok
    assert is_ok or "at most 0.05 is allowed" in found.said


# ── fits, over the real parts of the demo release ─────────────────────────────────────────────


def stated(**other: Any) -> dict[str, Any]:
    embedder = OnnxEmbedder(DEMO_RELEASE / "embedder")
    return {
        "embedding_dim": embedder.dim,
        "tokenizer_sha256": file_sha256(DEMO_RELEASE / "embedder" / "tokenizer.json"),
        "index_schema": SCHEMA,
        "values": "slots",
        **other,
    }


def narrow(content: bytes) -> bytes:
    """Cut an array's rows to 100 columns, as an embedder of another size would make them."""
    rows = np.load(io.BytesIO(content))
    target = io.BytesIO()
    np.save(target, rows[..., :100])
    return target.getvalue()


def narrow_router(content: bytes) -> bytes:
    arrays = np.load(io.BytesIO(content))
    target = io.BytesIO()
    np.savez(target, weights=arrays["weights"][:, :-16], bias=arrays["bias"])
    return target.getvalue()


def of_another_embedder(content: bytes) -> bytes:
    table = json.loads(content)
    table["normalizer"] = None
    return json.dumps(table).encode()


def test_the_demo_release_fits() -> None:
    assert gate.fits(DEMO_RELEASE, stated()) == Finding("fits", True, "every part fits the others")


@pytest.mark.parametrize(
    ("part", "how", "words"),
    [
        ("cards/vectors.npy", narrow, "cards have 100 dimensions, not 384"),
        ("router/router.npz", narrow_router, "router.npz has weights of shape"),
        ("known/vectors.npy", lambda content: content[:200], "known"),
        ("embedder/tokenizer.json", of_another_embedder, "the tokenizer is "),
        ("specialist/specialist.gguf", lambda content: content[:-4096], "specialist.gguf"),
        ("index.db", lambda content: content[: len(content) // 2], "index.db"),
    ],
)
def test_a_part_of_another_release_does_not_fit(
    tmp_path: Path, part: str, how: Any, words: str
) -> None:
    release = linked_release(tmp_path)
    damage(release, part, how)
    found = gate.fits(release, stated())
    assert not found.is_ok
    assert words in found.said


@pytest.mark.parametrize(
    ("stated_otherwise", "words"),
    [
        ({"embedding_dim": 768}, "the embedder has 384 dimensions, 768 said"),
        ({"tokenizer_sha256": "0" * 64}, "stated is 000000000000"),
        ({"index_schema": "9"}, "index schema 9, this store reads 1"),
        ({"values": "inline"}, "values 'inline', the lanes know 'slots'"),
    ],
)
def test_what_the_manifest_would_say_wrongly_is_refused(
    stated_otherwise: dict[str, Any], words: str
) -> None:
    found = gate.fits(DEMO_RELEASE, stated(**stated_otherwise))
    assert not found.is_ok
    assert words in found.said


# ── answers ───────────────────────────────────────────────────────────────────────────────────


class Speaker:
    """A store that says one thing; the whole one is asked in tests/flow/test_models_run.py."""

    def __init__(self, text: str, lane: str = "card") -> None:
        self.reply = SimpleNamespace(text=text, lane=SimpleNamespace(value=lane))

    def ask(self, text: str, **_: Any) -> Any:
        if text == "break":
            raise EngineError("The model is gone.")
        return self.reply


PROBE = {"text": "return headphones?", "holds": ["30 days|thirty days"], "lanes": ["card"]}


def asked(speaker: Speaker, *probes: dict[str, Any], limits: GateRecipe = LIMITS) -> Finding:
    return gate.answers(speaker, probes, limits=limits)[0]  # type: ignore[arg-type]


def test_a_probe_that_is_answered_passes() -> None:
    assert asked(Speaker("Within thirty days."), PROBE).is_ok


@pytest.mark.parametrize(
    ("speaker", "probe", "words"),
    [
        (Speaker("Within 14 days."), PROBE, "30 days|thirty days not in 'Within 14 days.'"),
        (Speaker("30 days.", "quote"), PROBE, "quote answered, expected card"),
        (Speaker(""), {"text": "break"}, "The model is gone."),
    ],
)
def test_a_probe_that_is_not_answered_is_named(
    speaker: Speaker, probe: dict[str, Any], words: str
) -> None:
    found = asked(speaker, probe)
    assert not found.is_ok
    assert words in found.said


def test_a_release_too_slow_for_this_machine_is_refused() -> None:
    found = asked(Speaker("30 days"), PROBE, limits=GateRecipe(probe_s=-1.0))
    assert not found.is_ok
    assert "took 0.00 s, -1 is allowed" in found.said


def test_a_release_without_probes_was_not_tested() -> None:
    assert not asked(Speaker("30 days")).is_ok


# ── the whole gate ────────────────────────────────────────────────────────────────────────────


def test_a_release_that_is_too_big_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.db").write_bytes(b"x" * 1000)
    assert gate.light(tmp_path, limits=GateRecipe(most_bytes=1000)).is_ok
    assert not gate.light(tmp_path, limits=GateRecipe(most_bytes=999)).is_ok


def test_every_fault_is_told_at_once() -> None:
    findings = [
        gate.remembers({"right": 0.8}, EARLIER, limits=LIMITS),
        gate.agrees({"f32": WELL, "q8_0": WELL}, ships="q8_0", limits=LIMITS),
        gate.calibrated({"ece": 0.2, "answered": 9}, limits=LIMITS),
    ]
    with pytest.raises(BadInput, match="2 of 3 checks fail") as caught:
        gate.stop_if_refused(findings)
    assert "remembers: golden 80.0%" in caught.value.message
    assert "calibrated: ECE 0.200" in caught.value.message
    assert "agrees" not in caught.value.message
    assert caught.value.hint


def test_a_release_that_holds_passes() -> None:
    gate.stop_if_refused([Finding("fits", True, "every part fits the others")])
