"""The handbook as statements: every sentence, where it stands, and the asks it answers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml

from appliance.errors import BadInput
from appliance.stages.text import sentence_spans


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of a document and how people ask for it."""

    document: str
    title: str  # "Returning opened electronics › Return window"
    text: str
    language: str = "en"
    asks: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()  # never trained on
    spanish: tuple[str, ...] = ()  # Spanish asks of an English sentence
    spanish_held_out: tuple[str, ...] = ()


def read_handbook(documents: Path, asks: Path) -> list[Statement]:
    """Return every sentence of the documents, in order of file name, with its asks.

    Raises:
        BadInput: A file cannot be read, or an ask's answer is no sentence of its document.
    """
    found: list[Statement] = []
    for path in sorted(documents.glob("*.md")):
        wanted = _asks(asks / f"{path.stem}.jsonl")
        found += [_with_asks(s, wanted) for s in _statements(path)]
    if not found:
        raise BadInput(f"No documents in {documents}.")
    return found


def documents_in_force(folder: Path, on: date) -> frozenset[str]:
    """Return the ids of handbook documents in force on a day.

    Raises:
        BadInput: A document's front matter does not parse.
    """
    found = set()
    for path in folder.glob("*.md"):
        try:
            fields = yaml.safe_load(path.read_text(encoding="utf-8").split("---")[1])
            ends = fields.get("effective_to")
            if fields["effective_from"] <= on and (ends is None or on <= ends):
                found.add(str(fields["id"]))
        except (IndexError, KeyError, TypeError, yaml.YAMLError) as exc:
            raise BadInput(f"{path}: its front matter does not parse: {exc}.") from exc
    return frozenset(found)


def _statements(path: Path) -> list[Statement]:
    match = re.match(r"---\n(.*?)\n---\n(.*)", path.read_text(encoding="utf-8"), re.DOTALL)
    if match is None:
        raise BadInput(f"{path} has no front matter between two lines of ---.")
    pairs = (line.split("#")[0].partition(":") for line in match[1].splitlines())
    front = {key.strip(): value.strip() for key, _, value in pairs}
    title, language = front["title"], front.get("language", "en")
    made, section = [], ""
    for line in match[2].splitlines():
        if line.startswith("## "):
            section = f" › {line[3:].strip()}"
        elif line.strip() and not line.startswith("#"):
            for start, end in sentence_spans(line):
                text = line[start:end].strip().removeprefix("- ")
                made.append(Statement(front["id"], title + section, text, language))
    return made


def _asks(path: Path) -> list[dict[str, list[str] | str]]:
    if not path.exists():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}: {error}") from error


def _with_asks(statement: Statement, rows: list[dict[str, list[str] | str]]) -> Statement:
    """Give a statement the asks whose answer it is (or is part of)."""
    mine = [r for r in rows if statement.text == r["answer"] or statement.text in r["answer"]]
    mine = [r for r in mine if statement.text == r["answer"]] or mine[:1]
    return Statement(
        statement.document,
        statement.title,
        statement.text,
        statement.language,
        tuple(a for r in mine for a in r["asks"]),
        tuple(a for r in mine for a in r["held_out"]),
    )
