"""What the converters leave for the builder: documents, products, and what was skipped."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a document under one heading; `path` starts with the document's title."""

    path: tuple[str, ...]
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A document, converted to plain text."""

    id: str
    title: str
    sections: tuple[Section, ...]
    source: str  # path as given, for the report
    department: str = "all"
    audience: str = "associate"
    language: str = "en"
    effective_from: date | None = None
    effective_to: date | None = None
    supersedes: str = ""
    kind: str = "handbook"


@dataclass(frozen=True, slots=True)
class Product:
    """A catalogue row: its columns as printed, and what they were understood to be."""

    sku: str
    name: str
    columns: dict[str, str]  # as in the file, confidential ones left out
    identifiers: tuple[str, ...]  # as printed: SKU, EAN, model number …
    brand: str
    department: str
    sentences: tuple[str, ...]  # for any associate
    confidential: tuple[str, ...]  # for managers: cost, margin …


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage before it has a number and a vector."""

    id: str
    document: str
    title: str
    text: str
    identifiers: str
    kind: str
    department: str
    audience: str
    language: str
    effective_from: date | None = None
    effective_to: date | None = None

    @property
    def embedded(self) -> str:
        """The text whose vector stands for the passage."""
        return f"{self.title}: {self.text}"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or row that is not in the index, and why."""

    source: str
    why: str


@dataclass(slots=True)
class Notes:
    """What a build has to say about its input, gathered as it reads."""

    skipped: list[Skipped] = field(default_factory=list)
    remarks: list[Skipped] = field(default_factory=list)  # used, but with a change worth knowing

    def skip(self, source: str, why: str) -> None:
        """Record something left out."""
        self.skipped.append(Skipped(source, why))

    def remark(self, source: str, why: str) -> None:
        """Record something used differently than given."""
        self.remarks.append(Skipped(source, why))
