"""The same question is embedded once, and looked up once among the known."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from appliance.engines.remember import (
    MOST_KNOWN,
    REMEMBERED,
    RememberingEmbedder,
    RememberingKnown,
)
from appliance.ports import KnownAnswer, Vector, Vectors
from appliance.stages.stitch import KNOWN
from tests.fakes.ports import HashEmbedder


class Counting:
    """An embedder that notes what it is given."""

    dim = 64
    digest = "counting"

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked.append(list(texts))
        return HashEmbedder().embed(texts)


def test_a_text_is_embedded_once_and_gives_the_same_row_again() -> None:
    behind = Counting()
    embedder = RememberingEmbedder(behind)
    first, again = embedder.embed(["a kettle"]), embedder.embed(["a kettle"])
    assert behind.asked == [["a kettle"]]
    assert first.shape == again.shape == (1, 64)
    assert np.array_equal(first, HashEmbedder().embed(["a kettle"]))
    assert np.array_equal(first, again)


def test_batches_go_straight_through_and_are_not_kept() -> None:
    behind = Counting()
    embedder = RememberingEmbedder(behind)
    assert embedder.embed([]).shape == (0, 64)
    assert embedder.embed(["a", "b"]).shape == (2, 64)
    embedder.embed(["a"])
    assert behind.asked == [[], ["a", "b"], ["a"]]


def test_the_text_unused_for_longest_is_forgotten_first() -> None:
    behind = Counting()
    embedder = RememberingEmbedder(behind)
    for n in range(REMEMBERED):
        embedder.embed([f"text {n}"])
    embedder.embed(["text 0"])  # used again: no longer the oldest
    embedder.embed(["one more"])
    behind.asked.clear()
    embedder.embed(["text 0"])
    assert behind.asked == []
    embedder.embed(["text 1"])
    assert behind.asked == [["text 1"]]


def test_it_is_the_model_behind_it_to_everyone() -> None:
    embedder = RememberingEmbedder(Counting())
    assert (embedder.dim, embedder.digest) == (64, "counting")


def test_many_threads_get_their_own_texts_rows() -> None:
    embedder = RememberingEmbedder(Counting())
    texts = [f"text {n % 300}" for n in range(1200)]
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda t: embedder.embed([t])[0], texts))
    assert np.array_equal(np.stack(rows), HashEmbedder().embed(texts))


class CountingKnown:
    """Known asks that note how many of them were wanted."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def nearest(self, vector: Vector, *, k: int) -> list[KnownAnswer]:
        self.asked.append(k)
        return [KnownAnswer(f"p{n}#0", 0, 1, float(vector[0]) - n / 10) for n in range(k)]


EAST, NORTH = np.array([1, 0], np.float32), np.array([0, 1], np.float32)


def test_known_asks_are_looked_up_once_for_routing_and_stitching() -> None:
    behind = CountingKnown()
    known = RememberingKnown(behind)
    (first,) = known.nearest(EAST, k=1)
    assert [first, *known.nearest(EAST.copy(), k=KNOWN)[1:]] == behind.nearest(EAST, k=KNOWN)
    assert known.nearest(NORTH, k=1)[0].cosine == 0.0
    assert behind.asked == [MOST_KNOWN, KNOWN, MOST_KNOWN]


def test_more_known_asks_than_are_kept_are_looked_up_anew() -> None:
    behind = CountingKnown()
    assert len(RememberingKnown(behind).nearest(EAST, k=MOST_KNOWN + 1)) == MOST_KNOWN + 1
    assert behind.asked == [MOST_KNOWN + 1]


def test_known_asks_unused_for_longest_are_forgotten_first() -> None:
    behind = CountingKnown()
    known = RememberingKnown(behind)
    for n in range(REMEMBERED + 1):
        known.nearest(np.array([n, 0], np.float32), k=1)
    behind.asked.clear()
    known.nearest(np.array([REMEMBERED, 0], np.float32), k=1)
    assert behind.asked == []
    known.nearest(np.array([0, 0], np.float32), k=1)
    assert behind.asked == [MOST_KNOWN]
