"""Sections to passages of about 200 tokens, each with its title path."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence

from appliance.index_build.pieces import Chunk, Document, Product

TARGET_TOKENS = 200  # about; the embedder sees 256 with the title
SEPARATOR = " › "
_TOKEN = re.compile(r"\w+|[^\w\s]")
# A sentence ends at . ! ? before a space and something that starts one; "e.g. this" does not.
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+(?=[\"'“‘(\[¿¡]?[A-Z0-9À-Ý])")


def count_tokens(text: str) -> int:
    """Return the number of words and punctuation marks: a word-piece count within about 15 %."""
    return sum(1 for _ in _TOKEN.finditer(text))


def document_chunks(document: Document) -> Iterator[Chunk]:
    """Yield a document's passages in order, ids ``<document>#0`` on."""
    number = 0
    for section in document.sections:
        for text in pack(section.paragraphs):
            yield Chunk(
                id=f"{document.id}#{number}",
                document=document.id,
                title=SEPARATOR.join(section.path),
                text=text,
                identifiers="",
                kind=document.kind,
                department=document.department,
                audience=document.audience,
                language=document.language,
                effective_from=document.effective_from,
                effective_to=document.effective_to,
            )
            number += 1


def product_chunks(product: Product) -> Iterator[Chunk]:
    """Yield a product's passages: what anyone may read, then what managers may."""
    number = 0
    for audience, sentences in (
        ("associate", product.sentences),
        ("manager", product.confidential),
    ):
        for text in pack([" ".join(sentences)] if sentences else []):
            yield Chunk(
                id=f"{product.sku}#{number}",
                document=product.sku,
                title=product.name,
                text=text,
                identifiers=" ".join(product.identifiers),
                kind="product",
                department=product.department,
                audience=audience,
                language="en",
            )
            number += 1


def pack(paragraphs: Sequence[str], *, target: int = TARGET_TOKENS) -> list[str]:
    """Join paragraphs into texts of at most about `target` tokens, of even length.

    Paragraphs stay whole where they fit; longer ones are cut between sentences, and a sentence
    longer than `target` between words.
    """
    parts = [part for paragraph in paragraphs for part in _cut(paragraph, target=target)]
    total = sum(count_tokens(text) for text, _ in parts)
    if total == 0:
        return []
    # 15 % of grace, so that a little too long is not made two halves.
    limit = math.ceil(total / math.ceil(total / (target * 1.15))) if total > target else total
    texts: list[str] = []
    size = 0
    for text, glue in parts:
        tokens = count_tokens(text)
        if texts and size + tokens / 2 <= limit and size + tokens <= target * 1.15:
            texts[-1] += glue + text
            size += tokens
        else:
            texts.append(text)
            size = tokens
    return texts


def spans(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of the sentences of a passage; a line break ends one too."""
    found = []
    for line in re.finditer(r"[^\n]+", text):
        start = line.start()
        for end in _SENTENCE_END.finditer(text, line.start(), line.end()):
            cut = end.start() + len(end.group().rstrip())
            found.append((start, cut))
            start = end.end()
        found.append((start, line.end()))
    return [(start, end) for start, end in found if text[start:end].strip()]


def sentences(text: str) -> list[str]:
    """Split a paragraph at the ends of its sentences."""
    return [part for part in _SENTENCE_END.split(text) if part]


def _cut(paragraph: str, *, target: int) -> Iterable[tuple[str, str]]:
    """Yield (text, glue to the text before it), each at most about `target` tokens."""
    if count_tokens(paragraph) <= target:
        yield paragraph, "\n"
        return
    glue = "\n"
    for sentence in sentences(paragraph):
        if count_tokens(sentence) <= target:
            yield sentence, glue
        else:
            words = sentence.split()
            step = max(20, round(target * len(words) / count_tokens(sentence)))
            for start in range(0, len(words), step):
                yield " ".join(words[start : start + step])[: target * 20], glue
        glue = " "
