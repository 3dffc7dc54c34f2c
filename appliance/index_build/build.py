"""Documents and products to one index file: same input, same bytes; resumable; replaced whole."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import apsw
import numpy as np

from appliance.errors import BadInput
from appliance.files import sync_folder
from appliance.index_build.catalog import read_catalog
from appliance.index_build.chunks import document_chunks, product_chunks, spans
from appliance.index_build.documents import read_documents
from appliance.index_build.embeddings import EmbeddingCache, cache_path
from appliance.index_build.pieces import Chunk, Document, Notes, Product, Skipped
from appliance.index_build.places import in_place, read_places
from appliance.ports import Embedder, Vectors
from appliance.store import index_schema as schema
from appliance.store.identifiers import keys
from appliance.store.words import stems

SPARSE = 4  # places of the table of term ids, at least, for each term
Step = Callable[[str, int, int], None]  # (phase, done, in all)


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build made, and what it left out."""

    index: str
    documents: int
    products: int
    passages: int
    size_bytes: int
    content_sha256: str
    skipped: tuple[Skipped, ...]
    remarks: tuple[Skipped, ...]

    def as_json(self) -> str:
        """Return the report for a file."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=2) + "\n"


def build_index(
    *,
    docs: Sequence[Path],
    catalog: Path | None,
    out: Path,
    embedder: Embedder,
    embedder_digest: str,
    like: Path | None = None,
    step: Step | None = None,
) -> BuildReport:
    """Read everything, embed it, write `out` and report.

    The file appears under its name only when it is complete and on disk. A build that was stopped
    is run again with the same arguments: texts already embedded are not embedded again. With
    `like`, an earlier index, what did not change stays where it was there, so that the update
    travels as little; answers do not depend on it.

    Raises:
        BadInput: Nothing usable to index, or `out` cannot be written.
    """
    say = step or (lambda _phase, _done, _total: None)
    notes = Notes()
    documents = _read_all(docs, notes=notes, step=say)
    products: list[Product] = []
    if catalog is not None:
        products = read_catalog(catalog, notes=notes, step=lambda n, m: say("catalogue", n, m))
    products = _distinct(products, documents, notes)
    chunks = [c for d in documents for c in document_chunks(d)]
    chunks += [c for p in products for c in product_chunks(p)]
    if not chunks:
        raise BadInput(
            "There is nothing to index.", hint="Give --docs DIR, --catalog FILE or both."
        )
    _check_out(out)
    sha = _content_sha256(chunks, products)  # the same wherever the rows come to stand
    if like is not None:
        earlier = read_places(like)
        chunks = in_place(chunks, [c.id for c in chunks], earlier.passages)
        products = in_place(products, [p.sku for p in products], earlier.products)
    with EmbeddingCache(cache_path(out)) as cache:
        spoken = [_sentences(c) for c in chunks]
        texts = [c.embedded for c in chunks]
        texts += [text for sentences in spoken for _, _, text in sentences]
        everything = cache.vectors(
            texts,
            embedder=embedder,
            name=embedder_digest,
            step=lambda n, m: say("embedding", n, m),
        )
        vectors = everything[: len(chunks)]
        meta = {
            "schema": schema.SCHEMA,
            "content_sha256": sha,
            "vectors_sha256": hashlib.sha256(everything.astype(np.float16).tobytes()).hexdigest(),
            "dim": str(embedder.dim),
            "embedder": embedder_digest,
            "passages": str(len(chunks)),
            "documents": str(len(documents)),
            "products": str(len(products)),
            "tokenizer": schema.TOKENIZE,
        }
        say("writing", 0, 1)
        rows = iter(everything[len(chunks) :])
        sentences = [
            (number, start, end, schema.pack_vector(next(rows)))
            for number, found in enumerate(spoken, start=1)
            for start, end, _ in found
        ]
        _write(
            out, chunks=chunks, products=products, vectors=vectors, sentences=sentences, meta=meta
        )
        say("writing", 1, 1)
    return BuildReport(
        index=str(out),
        documents=len(documents),
        products=len(products),
        passages=len(chunks),
        size_bytes=out.stat().st_size,
        content_sha256=sha,
        skipped=tuple(notes.skipped),
        remarks=tuple(notes.remarks),
    )


def _sentences(chunk: Chunk) -> list[tuple[int, int, str]]:
    """Return (start, end, embedded text) of a passage's sentences.

    A product's have no vectors of their own: they are its columns over again, and ten times as many
    as all others.
    """
    if chunk.kind == schema.PRODUCT:
        return []
    return [(a, b, f"{chunk.title}: {chunk.text[a:b]}") for a, b in spans(chunk.text)]


def _read_all(docs: Sequence[Path], *, notes: Notes, step: Step) -> list[Document]:
    found: dict[str, Document] = {}
    for source in docs:
        for document in read_documents(
            source, notes=notes, step=lambda n, m: step("documents", n, m)
        ):
            if document.id in found:
                notes.skip(document.source, f"its id {document.id!r} was given before")
            else:
                found[document.id] = document
    return [found[key] for key in sorted(found)]


def _distinct(products: list[Product], documents: list[Document], notes: Notes) -> list[Product]:
    """Drop products whose SKU is a document's id: ids name one thing."""
    taken = {d.id for d in documents}
    for product in products:
        if product.sku in taken:
            notes.skip(product.sku, "its SKU is also the id of a document")
    return [p for p in products if p.sku not in taken]


def _check_out(out: Path) -> None:
    if out.is_dir():
        raise BadInput(f"{out} is a folder.", hint="Give a file name with --out, such as index.db.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"Cannot make the folder {out.parent}: {error.strerror}.") from error
    if not os.access(out.parent, os.W_OK):
        raise BadInput(f"The folder {out.parent} cannot be written to.")


def _content_sha256(chunks: Sequence[Chunk], products: Sequence[Product]) -> str:
    """Return a digest of everything but the vectors (whose last bits depend on the CPU)."""
    digest = hashlib.sha256()
    pieces: list[Chunk | Product] = [*chunks, *products]
    for piece in pieces:
        line = json.dumps(asdict(piece), ensure_ascii=False, sort_keys=True, default=str)
        digest.update(line.encode("utf-8", "replace") + b"\n")
    return digest.hexdigest()


def _write(
    out: Path,
    *,
    chunks: Sequence[Chunk],
    products: Sequence[Product],
    vectors: Vectors,
    sentences: Sequence[tuple[int, int, int, bytes]],
    meta: dict[str, str],
) -> None:
    partial = out.with_name(f".{out.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        db = apsw.Connection(str(partial))
        try:
            schema.load_vectors_extension(db)
            # The partial file is thrown away after a crash, so nothing in it needs a journal.
            db.execute("PRAGMA page_size=4096; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF")
            db.execute(schema.DDL + schema.VECTORS_DDL.format(dim=vectors.shape[1]))
            with db:
                _write_passages(db, chunks, vectors)
                db.executemany("INSERT INTO sentences VALUES(?, ?, ?, ?)", sentences)
                for number, chunk in enumerate(chunks, start=1):
                    if chunk.kind == schema.PRODUCT:
                        rows = [(number, a, b, None) for a, b in spans(chunk.text)]
                        db.executemany("INSERT INTO sentences VALUES(?, ?, ?, ?)", rows)
                _write_products(db, products)
                db.executemany("INSERT INTO meta VALUES(?, ?)", sorted(meta.items()))
            for table in ("passages_fts", "products_fts"):
                db.execute(f"INSERT INTO {table}({table}) VALUES('optimize')")
            db.execute("VACUUM")
        finally:
            db.close()
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(out)
        sync_folder(out.parent)
    except (OSError, apsw.Error) as error:
        partial.unlink(missing_ok=True)
        raise BadInput(f"Cannot write {out}: {error}.", hint="Is the disk full?") from error


def _write_passages(db: apsw.Connection, chunks: Sequence[Chunk], vectors: Vectors) -> None:
    tokens = [(stems(c.title), stems(f"{c.text} {c.identifiers}")) for c in chunks]
    everywhere: Counter[str] = Counter()
    in_products: Counter[str] = Counter()
    for chunk, (title, text) in zip(chunks, tokens, strict=True):
        distinct = set(title) | set(text)
        everywhere.update(distinct)
        if chunk.kind == schema.PRODUCT:
            in_products.update(distinct)
    ids = _term_ids(everywhere)
    db.executemany(
        "INSERT INTO terms VALUES(?, ?, ?, ?)",
        [(term, i, everywhere[term], in_products[term]) for term, i in ids.items()],
    )
    for number, (chunk, (title, text)) in enumerate(zip(chunks, tokens, strict=True), start=1):
        # 0 parts title from text; term ids start at 1.
        blob = np.array([*(ids[t] for t in title), 0, *(ids[t] for t in text)], dtype="<u4")
        start = schema.days(chunk.effective_from, default=schema.FAR_PAST)
        end = schema.days(chunk.effective_to, default=schema.FAR_FUTURE)
        db.execute(
            "INSERT INTO passages VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, chunk.id, chunk.document, chunk.title, chunk.text, chunk.identifiers,
             chunk.kind, chunk.department, chunk.audience, chunk.language, start, end,
             blob.tobytes()),
        )  # fmt: skip
        db.execute(
            "INSERT INTO passages_fts(rowid, title, text, identifiers) VALUES(?, ?, ?, ?)",
            (number, chunk.title, chunk.text, chunk.identifiers),
        )
        db.execute(
            "INSERT INTO vectors(number, audience, language, department, kind, effective_from,"
            " effective_to, embedding) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
            (number, chunk.audience, chunk.language, chunk.department, chunk.kind, start, end,
             vectors[number - 1].astype("<f4").tobytes()),
        )  # fmt: skip


def _term_ids(terms: Iterable[str]) -> dict[str, int]:
    """Return a number for each term, from 1, that a few other terms more or less do not change.

    Numbered in their order, one new word changes the numbers of all after it, and with them every
    passage of the file: an update of three rows in a hundred then travels as four hundredths of
    the index instead of two and a half (tests/bench/bench_delta.py). So each has the place of its
    hash in a table four to eight times as long; readers hold an array of that length.
    """
    distinct = sorted(terms)
    length = 1 << (SPARSE * len(distinct)).bit_length()
    ids: dict[str, int] = {}
    taken = {0}  # parts title from text
    for term in distinct:
        place = int.from_bytes(hashlib.sha256(term.encode()).digest()[:8]) % length
        while place in taken:
            place = (place + 1) % length
        taken.add(place)
        ids[term] = place
    return ids


def _write_products(db: apsw.Connection, products: Sequence[Product]) -> None:
    for number, product in enumerate(products, start=1):
        db.execute(
            "INSERT INTO products VALUES(?, ?, ?, ?)",
            (number, product.sku, product.name, json.dumps(product.columns, ensure_ascii=False)),
        )
        db.execute(
            "INSERT INTO products_fts(rowid, name, brand, attributes) VALUES(?, ?, ?, ?)",
            (number, product.name, product.brand, " ".join(product.sentences[1:])),
        )
        for identifier in product.identifiers:
            for key, is_whole in keys(identifier):
                db.execute(
                    "INSERT OR IGNORE INTO identifiers VALUES(?, ?, ?)", (key, is_whole, number)
                )
