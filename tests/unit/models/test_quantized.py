"""Which size of a model ships, judged by its exam, its speed and its bytes."""

from models.quantized import fastest_as_good


def row(megabytes, right, declined, speed=1000):
    return {
        "bytes": int(megabytes * 1e6), "tokens_per_s": speed, "right": right,
        "declined": declined,
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
