"""Files to headed paragraphs: Markdown, HTML, PDF, DOCX and plain text.

Each converter returns a `Converted`; what a format cannot say (a PDF's headings) is left out, never
guessed.
"""

from __future__ import annotations

import io
import logging
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import docx
import yaml
from bs4 import BeautifulSoup, Tag
from docx.opc.exceptions import PackageNotFoundError
from docx.table import Table
from docx.text.paragraph import Paragraph
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pypdf import PdfReader
from pypdf.errors import PyPdfError

from appliance.errors import BadInput

_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_HTML_NOISE = [
    "script",
    "style",
    "nav",
    "header",
    "footer",
    "aside",
    "noscript",
    "template",
    "form",
]
_HTML_BLOCKS = ["p", "li", "tr", "pre", "blockquote", "dt", "dd", "figcaption", "caption"]
_HEADINGS = ["h1", "h2", "h3", "h4", "h5", "h6"]


@dataclass(slots=True)
class Converted:
    """Paragraphs under headings, in order; a heading path is without the document's title."""

    sections: list[tuple[tuple[str, ...], list[str]]] = field(default_factory=list)
    title: str = ""
    meta: dict[str, Any] = field(default_factory=dict)
    _levels: list[tuple[int, str]] = field(default_factory=list)

    def heading(self, level: int, text: str) -> None:
        """Open a section; the first top-level heading before any text is the title."""
        text = squeeze(text)
        if not text:
            return
        if level == 1 and not self.title and not self.sections:
            self.title = text
            return
        self._levels = [(at, name) for at, name in self._levels if at < level]
        # The title repeated as a heading says nothing new.
        if not (level == 1 and text == self.title):
            self._levels.append((level, text))
        self.sections.append((tuple(name for _, name in self._levels), []))

    def paragraph(self, text: str) -> None:
        """Add text under the current heading."""
        text = squeeze(text)
        if not text:
            return
        if not self.sections:
            self.sections.append(((), []))
        self.sections[-1][1].append(text)


def squeeze(text: str) -> str:
    """Return text with runs of white space made single spaces, control characters removed."""
    visible = "".join(c if c.isprintable() or c.isspace() else " " for c in text)
    return " ".join(visible.replace("\u00ad", "").split())


def markdown(data: bytes) -> Converted:
    """Convert Markdown with optional YAML front matter.

    Raises:
        BadInput: The front matter is not a YAML mapping.
    """
    text = decode(data)
    result = Converted()
    if match := _FRONT_MATTER.match(text):
        result.meta = _front_matter(match.group(1))
        text = text[match.end() :]
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    _walk_markdown(tokens, result)
    return result


def _front_matter(text: str) -> dict[str, Any]:
    try:
        meta = yaml.safe_load(text)
    except yaml.YAMLError as error:
        if (plain_lines := _key_lines(text)) is not None:
            return plain_lines
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 2}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise BadInput(f"The front matter cannot be read{line}: {problem}.") from error
    if meta is None:
        return {}
    if not isinstance(meta, dict):
        raise BadInput(
            f"The front matter is a {type(meta).__name__}; key: value lines are expected."
        )
    return {str(key): value for key, value in meta.items()}


def _key_lines(text: str) -> dict[str, Any] | None:
    """Read ``title: Shoplifting: what to do`` line by line: people write it, YAML forbids it."""
    found: dict[str, Any] = {}
    for line in text.splitlines():
        match = re.fullmatch(r"([A-Za-z_][\w-]*):(?:\s+(.*?))?\s*", line)
        if match is None or (match.group(2) or "")[:1] in {"[", "{", "|", ">", "&", "*", "!"}:
            return None
        found[match.group(1)] = (match.group(2) or "").strip("\"'")
    return found


def _walk_markdown(tokens: list[Token], result: Converted) -> None:
    header: list[str] = []
    row: list[str] = []
    for i, token in enumerate(tokens):
        if token.type == "heading_open":
            result.heading(int(token.tag[1]), _inline(tokens[i + 1]))
        elif token.type in {"fence", "code_block"}:
            result.paragraph(token.content)
        elif token.type == "html_block":
            result.paragraph(BeautifulSoup(token.content, "html.parser").get_text(" "))
        elif token.type == "tr_open":
            row = []
        elif token.type in {"th_open", "td_open"}:
            row.append(_inline(tokens[i + 1]))
        elif token.type == "tr_close":
            if tokens[i - 1].type == "th_close":
                header = row
            else:
                result.paragraph(table_row(header, row))
        elif token.type == "paragraph_open":
            result.paragraph(_inline(tokens[i + 1]))


def _inline(token: Token) -> str:
    parts = []
    for child in token.children or []:
        if child.type in {"text", "code_inline"}:
            parts.append(child.content)
        elif child.type in {"softbreak", "hardbreak"}:
            parts.append(" ")
        elif child.type == "image":
            parts.append(child.content)
    return "".join(parts)


def table_row(header: list[str], row: list[str]) -> str:
    """Return a table row as a sentence: "Item: Vape; Age: 21."."""
    named = [
        f"{name}: {cell}" if (name := header[i] if i < len(header) else "") else cell
        for i, cell in enumerate(squeeze(cell) for cell in row)
        if cell
    ]
    return "; ".join(named) + ("." if named and not named[-1].endswith((".", "!", "?")) else "")


def html(data: bytes) -> Converted:
    """Convert a web page: what is inside <main> or <article> where there is one, else <body>."""
    soup = BeautifulSoup(data, "html.parser")
    result = Converted()
    if soup.title is not None:
        result.meta["title"] = squeeze(soup.title.get_text())
    for tag in soup.find_all("meta"):
        if tag.get("name") and tag.get("content"):
            result.meta.setdefault(str(tag["name"]).lower(), str(tag["content"]))
    if isinstance(soup.html, Tag) and soup.html.get("lang"):
        result.meta.setdefault("language", str(soup.html["lang"])[:2].lower())
    root = soup.find("main") or soup.find("article") or soup.body or soup
    for noise in root.find_all(_HTML_NOISE):
        noise.decompose()
    _walk_html(root, result)
    return result


def _walk_html(root: Tag, result: Converted) -> None:
    headers: dict[int, list[str]] = {}  # a table's header cells, by the table's identity
    for tag in root.find_all(_HEADINGS + _HTML_BLOCKS + ["div", "section", "td", "body"]):
        if tag.name in _HEADINGS:
            result.heading(int(tag.name[1]), tag.get_text(" "))
        elif tag.name == "tr":
            table = tag.find_parent("table")
            cells = [squeeze(c.get_text(" ")) for c in tag.find_all(["td", "th"])]
            if tag.find("td") is None:
                headers[id(table)] = cells
            else:
                result.paragraph(table_row(headers.get(id(table), []), cells))
        elif tag.find_parent(["tr", "p", "li", "pre"]) is None:
            result.paragraph(_own_text(tag))
    if not any(paragraphs for _, paragraphs in result.sections):
        result.paragraph(root.get_text(" "))


def _own_text(tag: Tag) -> str:
    """Return a block's text without that of the blocks inside it, which come by themselves."""
    inner = set(_HEADINGS) | set(_HTML_BLOCKS) | {"div", "section", "table"}
    if tag.name in {"p", "li", "pre", "dt", "dd"} and tag.find(["table"]) is None:
        return str(tag.get_text(" " if tag.name == "li" else ""))
    parts = []
    for child in tag.children:
        if isinstance(child, Tag):
            if child.name in inner or child.find(list(inner)) is not None:
                continue
            parts.append(child.get_text(""))
        else:
            parts.append(str(child))
    return "".join(parts)


def pdf(data: bytes) -> Converted:
    """Convert a PDF's text, a section per page; a page without text has none (no OCR).

    Raises:
        BadInput: It is not a PDF, is locked by a password, or holds no text at all.
    """
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    result = Converted()
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise BadInput("It is locked by a password.", hint="Save it without one.")
        pages = [page.extract_text() or "" for page in reader.pages]
        if reader.metadata is not None and reader.metadata.title:
            result.meta["title"] = squeeze(str(reader.metadata.title))
    except (
        PyPdfError,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        AttributeError,
        OSError,
    ) as error:
        raise BadInput(f"It is not a readable PDF: {error}.") from error
    for number, page in enumerate(pages, start=1):
        if not page.strip():
            continue
        result.sections.append(((f"page {number}",) if len(pages) > 1 else (), []))
        joined = re.sub(r"(\w)-\n(\w)", r"\1\2", page)
        for block in re.split(r"\n\s*\n", joined):
            result.paragraph(block)
    if not result.sections:
        raise BadInput(
            "It holds no text, perhaps only scanned images.", hint="Run OCR on it first."
        )
    return result


def word(data: bytes) -> Converted:
    """Convert a DOCX: heading styles make the path, tables become sentences.

    Raises:
        BadInput: It is not a DOCX.
    """
    result = Converted()
    try:
        document = docx.Document(io.BytesIO(data))
        blocks = list(document.iter_inner_content())
    except (PackageNotFoundError, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise BadInput(f"It is not a readable DOCX: {error}.") from error
    if document.core_properties.title:
        result.meta["title"] = squeeze(document.core_properties.title)
    for block in blocks:
        if isinstance(block, Paragraph):
            style = (block.style.name or "") if block.style is not None else ""
            match = re.fullmatch(r"Heading (\d)", style)
            if match or style == "Title":
                result.heading(int(match.group(1)) if match else 1, block.text)
            else:
                result.paragraph(block.text)
        elif isinstance(block, Table):
            rows = [[cell.text for cell in row.cells] for row in block.rows]
            for row in rows[1:] or rows:
                result.paragraph(table_row([squeeze(c) for c in rows[0]] if rows[1:] else [], row))
    return result


def plain(data: bytes) -> Converted:
    """Convert plain text: blank lines part paragraphs."""
    result = Converted()
    for block in re.split(r"\n\s*\n", decode(data).replace("\r\n", "\n")):
        result.paragraph(block)
    return result


def decode(data: bytes) -> str:
    """Return text of UTF-8, or of Windows-1252 where it is not that.

    Raises:
        BadInput: It holds NUL bytes, so it is no text.
    """
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return data.decode("utf-16", "replace")
    if b"\x00" in data:
        raise BadInput("It holds NUL bytes, so it is not text.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


CONVERTERS: dict[str, Callable[[bytes], Converted]] = {
    ".md": markdown,
    ".markdown": markdown,
    ".html": html,
    ".htm": html,
    ".pdf": pdf,
    ".docx": word,
    ".txt": plain,
}
