"""Which size of a model ships, and what its card says of the others."""

import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.training

from models.card import _sizes  # noqa: E402
from models.quantized import fastest_as_good, why  # noqa: E402


def row(megabytes, right, declined, speed=1000):
    return {
        "bytes": int(megabytes * 1e6), "tokens_per_s": speed, "answer_ms": 12.0, "right": right,
        "declined": declined, "falsely declined": 0.02, "further": 0.8, "spoken": 0.5,
    }  # fmt: skip


def test_of_those_the_exam_cannot_tell_apart_the_fastest_is_chosen():
    found = {"q8_0": row(3.4, 0.90, 0.94, 2400), "q5_k_m": row(2.6, 0.91, 0.94, 1400)}
    assert fastest_as_good(found) == "q8_0"


def test_of_equally_fast_ones_the_smaller_is():
    found = {"q8_0": row(3.4, 0.95, 0.96), "q5_k_m": row(2.4, 0.948, 0.96)}
    assert fastest_as_good(found) == "q5_k_m"


def test_a_faster_file_that_answers_or_declines_worse_is_not():
    for right, declined in ((0.92, 0.96), (0.95, 0.93)):
        found = {"q8_0": row(3.4, 0.95, 0.96), "q4_k_m": row(2.1, right, declined, 2000)}
        assert fastest_as_good(found) == "q8_0"


def test_the_choice_is_told_with_its_price():
    found = {"q8_0": row(3.4, 0.95, 0.96), "q4_k_m": row(2.1, 0.92, 0.95)}
    said = why(found, "q8_0")
    assert "q4_k_m: right -3.0, declined -1.0 points, -1.30 MB" in said
    assert "| q4_k_m | 2.10 | 1,000 | 12 ms | 92.0% |" in _sizes({"why": said, "kinds": found})
