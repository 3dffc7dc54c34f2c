"""A folder or a JSONL of documents; what cannot be used is noted and passed over."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from appliance.errors import BadInput
from appliance.index_build.converters import (
    CONVERTERS,
    Converted,
    decode,
    plain,
    squeeze,
    table_row,
)
from appliance.index_build.pieces import Document, Notes, Section
from appliance.records import Role

MAX_FILE_BYTES = 64 * 2**20
MAX_FILES = 200_000
TABLES = (".csv", ".jsonl", ".ndjson")
_TEXT_KEYS = ("text", "body", "content", "answer")
_TITLE_KEYS = ("title", "name", "heading", "question")
_ID_KEYS = ("id", "doc_id", "document_id", "key", "slug")


def read_documents(
    source: Path, *, notes: Notes, step: Callable[[int, int], None] | None = None
) -> list[Document]:
    """Return the documents under a folder, or of one file, sorted by id.

    Args:
        source: A folder (read recursively) or one file of a known format.
        notes: Gathers what was skipped.
        step: Called with (files read, files in all).

    Raises:
        BadInput: There is no such folder, or not one usable document in it.
    """
    if not source.exists():
        raise BadInput(f"No documents at {source}.", hint="Give a folder or a file with --docs.")
    root = source if source.is_dir() else source.parent
    files = _files(source)
    found: dict[str, Document] = {}
    for number, path in enumerate(files, start=1):
        name = path.relative_to(root).as_posix()
        for document in _read(path, name, notes):
            other = found.get(document.id)
            if other is not None:
                notes.skip(document.source, f"its id {document.id!r} is that of {other.source}")
            else:
                found[document.id] = document
        if step is not None:
            step(number, len(files))
    if not found:
        why = "; ".join(f"{s.source}: {s.why}" for s in notes.skipped[:3])
        raise BadInput(
            f"{source} holds no document that can be used ({len(files)} files). {why}".strip(),
            hint=f"Known formats: {', '.join((*CONVERTERS, *TABLES))}.",
        )
    return _close_superseded([found[key] for key in sorted(found)], notes)


def _files(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source]
    files = sorted(
        path
        for path in source.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(source).parts)
    )
    if len(files) > MAX_FILES:
        raise BadInput(f"{source} holds {len(files):,} files; at most {MAX_FILES:,} are read.")
    return files


def _read(path: Path, name: str, notes: Notes) -> Iterator[Document]:
    """Yield the documents of one file; every reason not to is noted."""
    suffix = path.suffix.lower()
    if suffix not in CONVERTERS and suffix not in TABLES:
        notes.skip(name, f"no converter for {suffix or 'a file without extension'}")
        return
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise BadInput(f"It is {size:,} bytes; at most {MAX_FILE_BYTES:,} are read.")
        if size == 0:
            raise BadInput("It is empty.")
        data = path.read_bytes()
        if suffix in TABLES:
            yield from _read_table(data, name, suffix, notes)
        else:
            yield _document(CONVERTERS[suffix](data), name)
    except BadInput as error:
        notes.skip(name, str(error))
    except OSError as error:
        notes.skip(name, f"It cannot be read: {error.strerror}.")


def _read_table(data: bytes, name: str, suffix: str, notes: Notes) -> Iterator[Document]:
    """Yield a document per row where rows have a text; else one document of all rows."""
    rows = csv_rows(data) if suffix == ".csv" else json_lines(data, name, notes)
    if not rows:
        raise BadInput("It has no rows.")
    keys = {key.lower(): key for _, row in rows for key in row}
    text_key = next((keys[k] for k in _TEXT_KEYS if k in keys), None)
    if text_key is None:
        converted = Converted()
        for _, row in rows:
            filled = [(k, str(v)) for k, v in row.items() if v not in (None, "")]
            converted.paragraph(table_row([k for k, _ in filled], [v for _, v in filled]))
        yield _document(converted, name)
        return
    for line, row in rows:
        lower = {key.lower(): value for key, value in row.items()}
        source = f"{name}:{line}"
        try:
            yield _row_document(lower, lower.get(text_key.lower()), source, name)
        except BadInput as error:
            notes.skip(source, str(error))


def _row_document(row: Mapping[str, Any], text: object, source: str, name: str) -> Document:
    converted = plain(str(text or "").replace("\x00", " ").encode("utf-8", "replace"))
    converted.meta = dict(row)
    for keys, target in ((_TITLE_KEYS, "title"), (_ID_KEYS, "id")):
        value = next((row[k] for k in keys if row.get(k) not in (None, "")), None)
        if value is not None:
            converted.meta[target] = str(value)
    converted.meta.setdefault(
        "id", f"{Path(name).with_suffix('').as_posix()}-{source.rsplit(':', maxsplit=1)[-1]}"
    )
    return replace(_document(converted, name), source=source)


def csv_rows(data: bytes) -> list[tuple[int, dict[str, str]]]:
    """Return (line, row) of a CSV whose first line names the columns; , ; | or tab part them.

    Raises:
        BadInput: No header, a header with empty or repeated names, or a row that is too long.
    """
    text = decode(data)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t|", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        header = [squeeze(h) for h in next(reader)]
        if len(set(header)) != len(header) or not all(header):
            raise BadInput(f"Line 1 must name every column once; it reads {header}.")
        rows = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(header):
                raise BadInput(
                    f"Line {reader.line_num} has {len(cells)} cells, the header {len(header)}."
                )
            rows.append((reader.line_num, dict(zip(header, cells, strict=False))))
    except StopIteration:
        return []
    except csv.Error as error:
        raise BadInput(f"Line {reader.line_num} is not CSV: {error}.") from error
    return rows


def json_lines(data: bytes, name: str, notes: Notes) -> list[tuple[int, dict[str, Any]]]:
    """Return (line, object) of a JSONL; a line that is not an object is noted."""
    rows = []
    for line, text in enumerate(decode(data).split("\n"), start=1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            notes.skip(f"{name}:{line}", f"It is not JSON: {error}.")
            continue
        if not isinstance(row, dict):
            notes.skip(f"{name}:{line}", f"It is a {type(row).__name__}; an object is expected.")
            continue
        rows.append((line, row))
    return rows


def _document(converted: Converted, name: str) -> Document:
    """Return the document of a converted file.

    Raises:
        BadInput: It has no text, or its front matter cannot be honoured. A document whose audience
            is not understood is refused, for it must never be read by more people than meant.
    """
    meta = converted.meta
    title = squeeze(str(meta.get("title") or "")) or converted.title or _title_of(name)
    if converted.title and converted.title != title:
        # Both are kept: the file's own name for itself, and its first heading.
        sections = [((converted.title, *path), texts) for path, texts in converted.sections]
    else:
        sections = converted.sections
    kept = tuple(Section((title, *path), tuple(texts)) for path, texts in sections if texts)
    if not kept:
        raise BadInput("It holds no text.")
    start, end = (_date(meta.get(key), key) for key in ("effective_from", "effective_to"))
    if start is not None and end is not None and end < start:
        raise BadInput(f"It ends on {end}, before it starts on {start}.")
    return Document(
        id=_id(meta.get("id"), name),
        title=title,
        sections=kept,
        source=name,
        department=_word(meta, "department", "all"),
        audience=_choice(_word(meta, "audience", "associate"), [r.value for r in Role], "audience"),
        language=_word(meta, "language", "en")[:2],
        effective_from=start,
        effective_to=end,
        supersedes=str(meta.get("supersedes") or ""),
        kind=_choice(_word(meta, "kind", "handbook"), ["handbook", "card", "local"], "kind"),
    )


def _id(given: object, name: str) -> str:
    if given not in (None, ""):
        return squeeze(str(given))[:200]
    return re.sub(r"\.[^./]+$", "", name)


def _title_of(name: str) -> str:
    stem = re.sub(r"[-_]+", " ", Path(name).stem).strip() or name
    return stem[:1].upper() + stem[1:]


def _word(meta: Mapping[str, Any], key: str, default: str) -> str:
    value = meta.get(key)
    return default if value in (None, "") else squeeze(str(value)).lower()


def _choice(value: str, allowed: list[str], key: str) -> str:
    if value not in allowed:
        raise BadInput(f"Its {key} is {value!r}; known are {', '.join(allowed)}.")
    return value


def _date(value: object, key: str) -> date | None:
    if value in (None, ""):
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value).strip())
    except ValueError as error:
        raise BadInput(f"Its {key} is {value!r}; a date like 2026-02-01 is expected.") from error


def _close_superseded(documents: list[Document], notes: Notes) -> list[Document]:
    """End a superseded document on the day before its successor starts, where it has no end."""
    by_id = {d.id: d for d in documents}
    for newer in documents:
        older = by_id.get(newer.supersedes)
        if older is None or older.effective_to is not None or newer.effective_from is None:
            continue
        end = newer.effective_from - timedelta(days=1)
        by_id[older.id] = replace(older, effective_to=end)
        notes.remark(older.source, f"in force until {end}, when {newer.id} supersedes it")
    return [by_id[d.id] for d in documents]
