"""The release's immutable index: hybrid search, passages and products.

What it does not cover: whether an ask may be asked at all. Who may read what arrives as `Filters`.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import apsw
import numpy as np
from numpy.typing import NDArray

from appliance.ports import Embedder, Filters, IndexedSentence, Vector
from appliance.records import Passage
from appliance.store import index_schema as schema
from appliance.store import ranker as ranking
from appliance.store.products import PART, Products
from appliance.store.ranker import Matrix, Pool, Scorer, load_ranker
from appliance.store.sentence_rows import SentenceRows
from appliance.store.token_rows import Numbers, read_postings, read_tokens
from appliance.store.vector_scan import VectorScan
from appliance.store.word_scan import scan_words
from appliance.store.words import (
    MAX_TERMS,
    STOP_WORDS,
    Term,
    Word,
    clean,
    idf,
    is_one_slip,
    stems,
    words,
)

MAX_K = 1_000
POOL = 40  # candidates from words and as many from vectors; more when more are asked for
SENTENCE_POOL = 32  # candidates whose sentences are compared one by one
MIN_CORRECTED = 5  # letters of a stem that is not in the index before it is taken for a slip
IDENTIFIED = 0.98  # least score of a product whose identifier the ask holds


class SqliteIndex:
    """One index file, opened for reading; every method may be called from any thread."""

    def __init__(
        self, path: Path, *, embedder: Embedder | None = None, ranker: Scorer | Path | None = None
    ) -> None:
        """Open and check the file, and read its vectors into memory.

        Args:
            path: The file; it must not change while open.
            embedder: Makes the vector of an ask that comes without one; without an embedder, and
                without a vector, words alone are searched.
            ranker: Weights or their file; default the ones the program came with.

        Raises:
            DamagedIndex: The file is missing, cut short, foreign or made for another embedder.
            DamagedRelease: The ranker is.
        """
        self.path = path
        self._embedder = embedder
        self._local = threading.local()
        schema.check_file(path)
        db = self._connect()
        self.meta: Mapping[str, str] = schema.read_meta(db, path)
        self._check_embedder(embedder)
        self.ranker = load_ranker(ranker or _default())
        try:
            dim = int(self.meta["dim"])
            self._scan = VectorScan(db, dim=dim)
            self._sentence_rows = SentenceRows(db, passages=self._scan.size, dim=dim)
            self._tokens = read_tokens(db)
            self._postings = read_postings(db, self._tokens)
            self._mean_length = len(self._tokens.flat) / max(self._tokens.size, 1) or 1.0
            self._remember()
            stop_ids = {self._lookup(stem)[0] for word in STOP_WORDS for stem in stems(word)}
            self._products = Products(self._connect, self._tokens, frozenset(stop_ids - {0}))
        except (apsw.Error, ValueError, TypeError) as error:
            raise schema.damaged(path, f"its tables cannot be read: {error}") from error

    @property
    def size(self) -> int:
        """Number of passages."""
        return self._scan.size

    def search(
        self, text: str, *, k: int, filters: Filters, vector: Vector | None = None
    ) -> list[Passage]:
        """Return up to k passages, best first; `score` is the ranker's probability in [0, 1].

        A product whose SKU, EAN or model number the ask holds comes first. Ties go to the passage
        that was indexed first. Past MAX_K passages nothing is returned.
        """
        numbers, _, scores = self.candidates(text, k=k, filters=filters, vector=vector)
        order = np.lexsort((numbers, -scores))[: max(0, min(k, MAX_K))]
        return self._passages(numbers[order], scores[order])

    def candidates(
        self, text: str, *, k: int, filters: Filters, vector: Vector | None = None
    ) -> tuple[Numbers, Matrix, NDArray[np.float32]]:
        """Return what search ranks: passage numbers, features (m, len(FEATURES)), scores (m,)."""
        text = clean(text)
        try:
            return self._candidates(text, min(max(k, POOL), MAX_K), filters, vector)
        except apsw.Error as error:
            raise schema.damaged(self.path, f"it cannot be read, SQLite says: {error}") from error

    def by_words(self, text: str, *, k: int, filters: Filters) -> tuple[Numbers, Vector]:
        """Return up to k (number, BM25 score), best first: FTS5 alone."""
        mask = self._scan.mask(filters)
        return scan_words(self._postings, self._terms(clean(text)), k=k, mask=mask)

    def by_vector(self, vector: Vector, *, k: int, filters: Filters) -> tuple[Numbers, Vector]:
        """Return up to k (number, cosine), best first: vectors alone."""
        return self._scan.search(vector, k=k, mask=self._scan.mask(filters))

    def passage(self, passage_id: str) -> Passage | None:
        """Return one passage, whoever may read it, or None."""
        number = self._number(passage_id)
        return self._passage(number) if number else None

    def passages(self, numbers: Sequence[int]) -> list[Passage]:
        """Return passages by number, in the order given."""
        return self._passages(np.array(numbers, np.int64), np.zeros(len(numbers), np.float32))

    def sentences(self, passage_ids: Sequence[str]) -> list[IndexedSentence]:
        """Return the sentences of the passages, in the order given and in reading order.

        A product's sentences share the vector of their passage.
        """
        return [s for passage_id in passage_ids for s in self._sentences(passage_id)]

    def idf(self, word: str) -> float:
        """Return how rare a word is, ln((n + 1) / (df + 0.5)); highest when unknown."""
        return self._rarity(word)

    def product(self, key: str) -> Mapping[str, str] | None:
        """Return a product's columns by SKU, EAN or another whole identifier, or None."""
        return self._products.columns(clean(key))

    def find_products(self, text: str, *, k: int) -> list[tuple[str, float]]:
        """Return up to k (sku, score in [0, 1]) whose identifier or name `text` names.

        1.0 is a whole identifier, 0.97 a telling part ("104233"), 0.55 to 0.95 a beginning; names
        come after, by how much of the text's product words and of the name agree.
        """
        text = clean(text)
        found = self._products.identified(text)
        for number, score in self._products.named(self._terms(text)).items():
            found[number] = max(score, found.get(number, 0.0))
        best = sorted(found, key=lambda number: (-found[number], number))[: max(0, min(k, MAX_K))]
        skus = self._products.skus(best)
        return [(skus[number], found[number]) for number in best]

    # ── inside ────────────────────────────────────────────────────────────────────────────────

    def _connect(self) -> apsw.Connection:
        """Return this thread's connection."""
        if not hasattr(self._local, "db"):
            self._local.db = schema.open_reader(self.path)
        db: apsw.Connection = self._local.db
        return db

    def _remember(self) -> None:
        """Keep what was read: the file never changes, and asks find the same passages again."""
        self._terms = lru_cache(maxsize=256)(self._read_terms)  # routing and search ask for them
        self._lookup = lru_cache(maxsize=8_192)(self._read_term)
        self._rarity = lru_cache(maxsize=8_192)(self._read_rarity)
        self._corrected = lru_cache(maxsize=2_048)(self._correct)
        self._spelled = lru_cache(maxsize=64)(self._read_spellings)
        self._number = lru_cache(maxsize=8_192)(self._read_number)
        self._passage = lru_cache(maxsize=2_048)(self._read_passage)  # 1 kB each
        self._sentences = lru_cache(maxsize=1_024)(self._read_sentences)  # 1.5 kB a sentence

    def _check_embedder(self, embedder: Embedder | None) -> None:
        mine, digest = self.meta.get("embedder", ""), getattr(embedder, "digest", "")
        if embedder is None:
            return
        if str(embedder.dim) != self.meta.get("dim") or (digest and mine and digest != mine):
            raise schema.damaged(
                self.path,
                f"its vectors are of embedder {mine} ({self.meta.get('dim')} dimensions), this"
                f" release's is {digest} ({embedder.dim})",
            )

    def _candidates(
        self, text: str, width: int, filters: Filters, vector: Vector | None
    ) -> tuple[Numbers, Matrix, NDArray[np.float32]]:
        terms = self._terms(text)
        mask = self._scan.mask(filters)
        if vector is None and self._embedder is not None and text.strip():
            vector = self._embedder.embed([text])[0]
        found = [scan_words(self._postings, terms, k=width, mask=mask)[0]]
        if vector is not None:
            found.append(self._scan.search(vector, k=width, mask=mask)[0])
        named = self._identified(text, mask)
        numbers = np.unique(np.concatenate([*found, named]).astype(np.int64))
        if not len(numbers):
            return (
                numbers,
                np.zeros((0, len(ranking.FEATURES)), np.float32),
                np.zeros(0, np.float32),
            )
        pool = self._pool(numbers, vector, named)
        rows = ranking.features(terms, pool, mean_length=self._mean_length)
        scores = self.ranker.probabilities(rows)
        scores[pool.is_identified] = np.maximum(scores[pool.is_identified], IDENTIFIED)
        return numbers, rows, scores

    def _read_terms(self, text: str) -> tuple[Term, ...]:
        """Return the ask's distinct content words, at most MAX_TERMS, in their order."""
        found = words(text)
        content = [w for w in found if not w.is_stop] or found
        distinct = {w.stem: (place, w) for place, w in reversed(list(enumerate(content)))}
        terms = []
        for place, word in sorted(distinct.values(), key=lambda pair: pair[0]):
            meant = word if self._lookup(word.stem)[0] else self._corrected(word)
            term_id, passages, products = self._lookup(meant.stem)
            rarity = idf(passages, total=max(self.size, 1))
            terms.append(Term(meant, term_id, passages, products, rarity, place))
        if len(terms) > MAX_TERMS:
            kept = sorted(terms, key=lambda t: (t.id == 0, -t.idf))[:MAX_TERMS]
            terms = sorted(kept, key=lambda t: t.place)
        return tuple(terms)

    def _correct(self, word: Word) -> Word:
        """Return the commonest indexed word one slip of the finger away, or the word itself."""
        if len(word.stem) < MIN_CORRECTED or not word.stem.isalpha():
            return word
        stem, half = word.stem, len(word.stem) // 2
        for term in self._spelled(stem[0]):
            # One slip leaves all before it, or all after it, as it was.
            if not (term.startswith(stem[:half]) or term.endswith(stem[half + 1 :])):
                continue
            # A stem is searched for as a word, so it must be its own stem.
            if is_one_slip(stem, term) and stems(term) == [term]:
                return Word(term, term)
        return word

    def _read_spellings(self, letter: str) -> tuple[str, ...]:
        """Return the index's terms that begin with a letter, the commonest first."""
        rows = self._connect().execute(
            "SELECT term FROM terms WHERE term >= ? AND term < ? ORDER BY passages DESC, term",
            (letter, letter + "\U0010ffff"),
        )
        return tuple(str(term) for (term,) in rows)

    def _read_term(self, stem: str) -> tuple[int, int, int]:
        row = self._one("SELECT id, passages, products FROM terms WHERE term = ?", stem)
        return (0, 0, 0) if row is None else (row[0], row[1], row[2])

    def _identified(self, text: str, mask: NDArray[np.bool_]) -> Numbers:
        """Return the allowed passages of products whose identifier the text holds."""
        sure = [n for n, score in self._products.identified(text).items() if score >= PART]
        if not sure:
            return np.zeros(0, np.int64)
        skus = list(self._products.skus(sure).values())
        marks = ",".join("?" * len(skus))
        rows = self._connect().execute(
            f"SELECT number FROM passages WHERE kind = 'product' AND document IN ({marks})", skus
        )
        return np.array([n for (n,) in rows if mask[n - 1]], dtype=np.int64)

    def _pool(self, numbers: Numbers, vector: Vector | None, named: Numbers) -> Pool:
        cosine = np.zeros(len(numbers), dtype=np.float32)
        nearest = cosine
        if vector is not None:
            cosine = self._scan.cosines(vector, numbers)
            # Only the nearest passages' sentences are read; the others' would hardly be nearer.
            near = np.sort(np.argsort(-cosine, kind="stable")[:SENTENCE_POOL])
            nearest = cosine.copy()
            nearest[near] = np.maximum(
                cosine[near], self._sentence_rows.nearest(vector, numbers[near])
            )
        return Pool(
            tokens=self._tokens.of(numbers),
            cosine=cosine,
            sentence_cosine=nearest,
            document=self._scan.document[numbers - 1],
            is_product=self._scan.is_product[numbers - 1],
            is_identified=np.isin(numbers, named),
        )

    def _passages(self, numbers: Numbers, scores: NDArray[np.float32]) -> list[Passage]:
        found = zip(numbers.tolist(), scores.tolist(), strict=True)
        return [replace(self._passage(number), score=score) for number, score in found]

    def _read_passage(self, number: int) -> Passage:
        row = self._one(
            "SELECT id, document, title, text, kind, department, audience, language,"
            " effective_from, effective_to FROM passages WHERE number = ?",
            number,
        )
        if row is None:
            raise schema.damaged(self.path, f"it has no passage {number}")
        name, document, title, text, kind, department, audience, language, start, end = row
        days = schema.day(start), schema.day(end)
        return Passage(name, document, title, text, kind, department, audience, language, *days)

    def _read_number(self, passage_id: str) -> int:
        """Return the number of a passage, 0 for an unknown one."""
        row = self._one("SELECT number FROM passages WHERE id = ?", clean(passage_id))
        return 0 if row is None else int(row[0])

    def _read_sentences(self, passage_id: str) -> tuple[IndexedSentence, ...]:
        number = self._number(passage_id)
        if not number:
            return ()
        rows = self._connect().execute(
            "SELECT start, end, vector FROM sentences WHERE passage = ? ORDER BY start", (number,)
        )
        own = self._scan.row(number)
        found = []
        for start, end, blob in cast("list[tuple[int, int, bytes | None]]", rows):
            vector = schema.unpack_vectors([blob])[0] if blob else own
            found.append(IndexedSentence(passage_id, start, end, vector))
        return tuple(found)

    def _read_rarity(self, word: str) -> float:
        stem = next(iter(stems(clean(word))), "")
        return math.log((self.size + 1.0) / (self._lookup(stem)[1] + 0.5))

    def _one(self, sql: str, value: str | int) -> tuple[Any, ...] | None:
        try:
            row: tuple[Any, ...] | None = self._connect().execute(sql, (value,)).fetchone()
        except apsw.Error as error:
            raise schema.damaged(self.path, f"it cannot be read, SQLite says: {error}") from error
        return row


def _default() -> Path:
    """Return the ranker the program came with."""
    return Path(__file__).parents[1] / "demo" / "release" / "ranker" / "ranker.json"
