"""The layout of an index file, and how one is opened; shared by the builder and the reader.

One SQLite file: passages (FTS5 for words, sqlite-vec for vectors, term ids for the ranker),
products with their identifiers, and `meta`. Written once, never changed: readers open it immutable.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import apsw
import numpy as np
import sqlite_vec

from appliance.errors import DamagedIndex
from appliance.ports import Vector, Vectors

SCHEMA = "1"  # readers refuse any other
TOKENIZER = ("porter", ["unicode61", "remove_diacritics", "2"])
TOKENIZE = "porter unicode61 remove_diacritics 2"
FAR_PAST, FAR_FUTURE = 0, 9_999_999  # days; stand for "no beginning" and "no end"
PRODUCT = "product"
PRODUCT_WORDS = "product_words"

# chunk_size: a vec0 partition takes whole chunks, so small ones keep a small chain's file small.
DDL = f"""
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE passages(
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, document TEXT NOT NULL, title TEXT NOT NULL,
  text TEXT NOT NULL, identifiers TEXT NOT NULL, kind TEXT NOT NULL, department TEXT NOT NULL,
  audience TEXT NOT NULL, language TEXT NOT NULL, effective_from INTEGER NOT NULL,
  effective_to INTEGER NOT NULL, terms BLOB NOT NULL);
CREATE INDEX passages_by_document ON passages(document);
CREATE VIRTUAL TABLE passages_fts USING fts5(
  title, text, identifiers, content='passages', content_rowid='number', tokenize='{TOKENIZE}');
CREATE TABLE sentences(passage INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,
  vector BLOB, PRIMARY KEY(passage, start)) WITHOUT ROWID;
CREATE TABLE terms(term TEXT PRIMARY KEY, id INTEGER NOT NULL, passages INTEGER NOT NULL,
  products INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE products(number INTEGER PRIMARY KEY, sku TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  columns TEXT NOT NULL);
CREATE VIRTUAL TABLE products_fts USING fts5(
  name, brand, attributes, content='', columnsize=1, tokenize='{TOKENIZE}');
CREATE TABLE identifiers(key TEXT NOT NULL, is_whole INTEGER NOT NULL, number INTEGER NOT NULL,
  PRIMARY KEY(key, is_whole, number)) WITHOUT ROWID;
"""
VECTORS_DDL = """
CREATE VIRTUAL TABLE vectors USING vec0(
  number INTEGER PRIMARY KEY, audience TEXT PARTITION KEY, language TEXT PARTITION KEY,
  department TEXT, kind TEXT, effective_from INTEGER, effective_to INTEGER,
  embedding FLOAT[{dim}] DISTANCE_METRIC=cosine, CHUNK_SIZE=128);
"""
_REBUILD = "Build it again with: backroom index build --docs DIR --catalog FILE --out {name}"


def pack_vector(vector: Vector) -> bytes:
    """Return a unit vector as int8 and one float32 scale: 388 bytes for 384 dimensions.

    A scale per vector keeps cosines within 0.001; one for all rows would lose recall.
    """
    scale = max(float(np.abs(vector).max()), 1e-12) / 127.0
    return np.float32(scale).tobytes() + np.round(vector / scale).astype(np.int8).tobytes()


def unpack_vectors(blobs: Sequence[bytes]) -> Vectors:
    """Return the vectors of `pack_vector`, shape (len(blobs), dim)."""
    table = np.frombuffer(b"".join(blobs), dtype=np.uint8).reshape(len(blobs), -1)
    scales = np.ascontiguousarray(table[:, :4]).view("<f4")
    rows: Vectors = np.ascontiguousarray(table[:, 4:]).view(np.int8).astype(np.float32) * scales
    return rows


def days(day: date | None, *, default: int) -> int:
    """Return a date as days since 0001-01-01, or `default` for None."""
    return default if day is None else day.toordinal()


def day(number: int) -> date | None:
    """Return the date of a day number, None for an open end."""
    return None if number in {FAR_PAST, FAR_FUTURE} else date.fromordinal(number)


def load_vectors_extension(connection: apsw.Connection) -> None:
    """Make vec0 tables usable on this connection."""
    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    connection.enable_load_extension(False)


def open_reader(path: Path) -> apsw.Connection:
    """Open a finished index file, read-only and immutable.

    Raises:
        DamagedIndex: SQLite cannot open it.
    """
    name = str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_NOMUTEX
    try:
        connection = apsw.Connection(f"file:{name}?immutable=1&mode=ro", flags=flags)
        connection.execute(
            # Words of the products one by one: a table of this connection's own, not of the file.
            f"CREATE VIRTUAL TABLE temp.{PRODUCT_WORDS}"
            " USING fts5vocab(main, products_fts, instance);"
            " PRAGMA query_only=1; PRAGMA mmap_size=268435456; PRAGMA cache_size=-4096"
        )
    except apsw.Error as error:
        raise damaged(path, f"SQLite cannot open it and says: {error}") from error
    return connection


def check_file(path: Path) -> None:
    """Check length and header against each other.

    Raises:
        DamagedIndex: The file is missing, empty, cut short or not SQLite.
    """
    if not path.is_file():
        raise damaged(path, "there is no such file")
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(100)
    if len(header) < 100 or not header.startswith(b"SQLite format 3\x00"):
        raise damaged(path, f"its {size:,} bytes are not an SQLite database")
    page_size = struct.unpack(">H", header[16:18])[0]
    page_size = 65_536 if page_size == 1 else page_size
    stated = page_size * struct.unpack(">I", header[28:32])[0]
    if size != stated:
        raise damaged(path, f"it is {size:,} bytes, its header says {stated:,}: it was cut short")


def read_meta(connection: apsw.Connection, path: Path) -> dict[str, str]:
    """Return the `meta` table.

    Raises:
        DamagedIndex: There is none, or it was written for another version.
    """
    try:
        meta = dict(connection.execute("SELECT key, value FROM meta"))
    except apsw.Error as error:
        why = f"it is not a Backroom index: expected a table 'meta', SQLite says: {error}"
        raise damaged(path, why) from error
    if meta.get("schema") != SCHEMA:
        raise damaged(path, f"its schema is {meta.get('schema')!r}, this program reads {SCHEMA!r}")
    if not str(meta.get("dim")).isdecimal():
        raise damaged(path, f"expected a number 'dim' in 'meta', found {meta.get('dim')!r}")
    return meta


def damaged(path: Path, why: str) -> DamagedIndex:
    """Return the error for an index file that cannot be used."""
    return DamagedIndex(f"Index {path}: {why}.", hint=_REBUILD.format(name=path.name))
