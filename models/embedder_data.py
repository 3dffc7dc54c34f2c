"""What the embedder is tuned on: the index's own texts, and asks as serving prepares them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.errors import BadInput
from appliance.index_build.chunks import document_chunks, spans
from appliance.index_build.documents import read_documents
from appliance.index_build.pieces import Notes
from appliance.lexicon_file import load_lexicon
from appliance.stages.lexicon import Lexicon
from appliance.stages.text import fold
from models.wording import Wording

VARIED = 0.6  # share of training asks typed another way


@dataclass(frozen=True, slots=True)
class Row:
    """A text the index embeds: a sentence, or the passage it stands in (`sentence` is empty)."""

    text: str
    sentence: str
    document: str
    passage: int
    language: str
    start: date
    end: date


@dataclass(frozen=True, slots=True)
class Pair:
    """An ask as typed, and the rows of the sentence and of the passage that answer it."""

    ask: str
    sentence: int
    passage: int


@dataclass(frozen=True)
class Shelf:
    """Every row of the handbook, and which of them compete for an ask."""

    rows: Sequence[Row]
    lexicon: Lexicon
    wording: Wording

    @classmethod
    def read(cls, handbook: Path, lexicon: Path) -> Shelf:
        """Return the handbook's rows, as an index build would embed them.

        Raises:
            BadInput: There is no document that can be read.
        """
        rows: list[Row] = []
        passage = 0
        for document in read_documents(handbook, notes=Notes()):
            start = document.effective_from or date.min
            end = document.effective_to or date.max
            where = (document.id, passage, document.language, start, end)
            for chunk in document_chunks(document):
                where = (document.id, passage, document.language, start, end)
                for a, b in spans(chunk.text):
                    said = chunk.text[a:b]
                    rows.append(Row(f"{chunk.title}: {said}", plain(said), *where))
                rows.append(Row(chunk.embedded, "", *where))
                passage += 1
        return cls(rows, load_lexicon(lexicon), Wording.read(lexicon))

    def pairs(self, asks: Path, *, field: str) -> list[Pair]:
        """Return the labelled asks of a field (asks | held_out) whose answer is a row.

        Raises:
            BadInput: Not one ask has a row.
        """
        found: list[Pair] = []
        for path in sorted(asks.glob("*.jsonl")):
            for line in path.read_text(encoding="utf-8").splitlines():
                labelled = json.loads(line)
                at = self._row_of(labelled["doc"], plain(labelled["answer"]))
                if at is not None:
                    found += [Pair(text, at, self._passage_of(at)) for text in labelled[field]]
        if not found:
            raise BadInput(f"{asks} holds no {field} whose answer stands in the handbook.")
        return found

    def prepared(self, text: str) -> str:
        """Return an ask as the store embeds it."""
        return self.lexicon.expand(fold(text))

    def typed(self, rng: random.Random, text: str) -> str:
        """Return a training ask, often as someone else would have typed it, prepared."""
        return self.prepared(self.wording.vary(rng, text) if rng.random() < VARIED else text)

    def in_force(self, on: date) -> NDArray[np.bool_]:
        """Return, (rows,), which sentences are in force on a day; passages are not."""
        return np.array([bool(r.sentence) and r.start <= on <= r.end for r in self.rows])

    def rivals(self, row: int) -> NDArray[np.bool_]:
        """Return, (rows,), which rows are wrong for an ask that `row` answers.

        Not wrong: the passage of the answer, the same words elsewhere, the answer's neighbours when
        the answer is a passage, and documents that are never in force on the same day.
        """
        own = self.rows[row]
        right = {own.sentence} if own.sentence else set()
        wrong = [
            r.start <= own.end
            and r.end >= own.start
            and not (r.sentence and r.sentence in right)
            and not (r.passage == own.passage and not (r.sentence and own.sentence))
            for r in self.rows
        ]
        return np.array(wrong)

    def same(self, row: int) -> NDArray[np.bool_]:
        """Return, (rows,), which sentences say word for word what `row` says."""
        return np.array([r.sentence == self.rows[row].sentence for r in self.rows])

    def _row_of(self, document: str, answer: str) -> int | None:
        mine = [i for i, r in enumerate(self.rows) if r.document == document and r.sentence]
        exact = [i for i in mine if self.rows[i].sentence == answer]
        part = [i for i in mine if self.rows[i].sentence in answer]
        whole = [i for i in mine if answer in self.rows[i].sentence]
        return next(iter([*exact, *part, *whole]), None)

    def _passage_of(self, row: int) -> int:
        passage = self.rows[row].passage
        return next(i for i, r in enumerate(self.rows) if r.passage == passage and not r.sentence)


def plain(sentence: str) -> str:
    """Return a sentence without list marks, for comparing."""
    return " ".join(sentence.lstrip("-•* ").split())
