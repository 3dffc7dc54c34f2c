"""The cloud generalist, through the agent's line; says honestly when there is none.

What leaves is masked here: the question, the passages and the facts carry numbered tokens in the
place of personal data, which are put back in what returns before anything of it is governed.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from appliance.errors import EngineError, LineDown, LineResting
from appliance.lanes.api import nothing
from appliance.ports import Generalist
from appliance.records import Draft, Fact, LaneName, Passage, Sentence, Source, Stitched
from appliance.stages.masking import Masking, masked_together
from appliance.stages.text import sentence_spans

_CITED = re.compile(r"\s*\[(\d{1,2})\]")
# "30 days. [1]" cites as "30 days [1]." does; left behind its stop, a citation would go to the
# next sentence.
_BEHIND_STOP = re.compile(r"([.!?…])((?:\s*\[\d{1,2}\])+)")
# Another sentence has begun: not a citation of the one before it, nor half of one.
_BEGUN = re.compile(r"[^\w\[]*(?:\w|\[[A-Za-z])")
_NO_ANSWER = re.compile(r"\W*no answer\W*", re.IGNORECASE)
MODEL = "generalist"
MOST_CHARS = 4_000  # of an answer; two short sentences were asked for


@dataclass(frozen=True, slots=True)
class NoLine:
    """`ports.Generalist` of a store without a line."""

    is_configured: bool = False

    def resting(self) -> str:
        """Return '': to ask it is told as what it is."""
        return ""

    def stream(self, messages: object, *, deadline_s: float) -> NoReturn:  # noqa: ARG002
        """Raise: there is nobody to ask.

        Raises:
            LineDown: Always.
        """
        raise LineDown(
            "No line to a generalist is configured.",
            hint="The store answers with what it has; the hand-over keeps the ask.",
        )


@dataclass(frozen=True, slots=True)
class Numbered:
    """A passage or fact as the generalist is shown it: "[2] Title: text"."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class GeneralistLane:
    """Sends the masked ask and the evidence; every sentence must cite a piece of it."""

    line: Generalist
    instruction: str  # prompts.toml of the release
    name: LaneName = LaneName.GENERALIST
    is_model: bool = True

    def draft(self, stitched: Stitched, *, remaining_s: float) -> Draft:
        """Return the generalist's sentences with the sources it cites.

        Raises:
            LineDown: No line, or no answer in time.
            EngineError: It wrote a name or number that it was never given.
        """
        draft = nothing(self.name, "the generalist said nothing")
        for draft in self.drafts(stitched, remaining_s=remaining_s):  # noqa: B007 - the last
            pass
        return draft

    def drafts(self, stitched: Stitched, *, remaining_s: float) -> Generator[Draft]:
        """Yield the draft each time another sentence is complete, and the whole one last.

        Raises:
            LineResting: The line is known to be down, or full; it was not tried.
            LineDown: No line, it broke off, or the deadline passed.
            EngineError: It wrote a name or number that it was never given.
        """
        sources = numbered(stitched)
        if not sources:
            yield nothing(self.name, "no passage to ground an answer on")
            return
        if why := self.line.resting():  # before the work of masking, which would be for nothing
            raise LineResting(why)
        masking = masked_together(_texts(stitched, sources))
        pieces = self.line.stream(_messages(self.instruction, masking), deadline_s=remaining_s)
        try:
            yield from self._read(pieces, stitched, sources, masking)
        finally:
            pieces.close()

    def _read(
        self,
        pieces: Generator[str],
        stitched: Stitched,
        sources: Sequence[Numbered],
        masking: Masking,
    ) -> Generator[Draft]:
        text, yielded = "", 0
        for piece in pieces:
            text += piece
            whole = _whole_sentences(text, sources)
            if len(whole) > yielded and not _NO_ANSWER.fullmatch(whole[0].text):
                yielded = len(whole)
                yield replace(self._drafted(whole, stitched, masking), is_partial=True)
            if len(text) > MOST_CHARS:
                break
        sentences = read_answer(text, sources)
        if not sentences or _NO_ANSWER.fullmatch(" ".join(s.text for s in sentences)):
            why = "the generalist found no answer" if sentences else "the generalist said nothing"
            yield nothing(self.name, why)
            return
        yield self._drafted(sentences, stitched, masking)

    def _drafted(
        self, sentences: Sequence[Sentence], stitched: Stitched, masking: Masking
    ) -> Draft:
        for sentence in sentences:
            if strangers := masking.strangers(sentence.text):
                raise EngineError(
                    f"The generalist wrote {', '.join(strangers)}, which it was never given."
                )
        p = next((o.p for o in stitched.lanes if o.lane is self.name), 0.0)
        said = tuple(Sentence(masking.restored(s.text), s.sources) for s in sentences)
        return Draft(self.name, said, p=p, model=MODEL)


def numbered(stitched: Stitched) -> tuple[Numbered, ...]:
    """Return what the generalist is shown: the passages, then what is known of the products.

    Facts about orders and people stay in the store; whatever is said of them is the lookup's.
    """
    passages = [_of_passage(p) for p in stitched.evidence.passages]
    if not passages:
        return ()
    facts = (f for f in stitched.evidence.facts if f.subject in stitched.subject and not f.is_stale)
    return (*passages, *map(_of_fact, facts))


def read_answer(answer: str, sources: Sequence[Numbered | Passage]) -> tuple[Sentence, ...]:
    """Return the sentences of `answer`, each with the sources its [n] name; no empty ones."""
    answer = _BEHIND_STOP.sub(r"\2\1", answer)
    found = (_cited(answer[start:end], sources) for start, end in sentence_spans(answer))
    return tuple(sentence for sentence in found if sentence.text)


def _whole_sentences(text: str, sources: Sequence[Numbered]) -> tuple[Sentence, ...]:
    """Return the sentences after which another has surely begun."""
    moved = _BEHIND_STOP.sub(r"\2\1", text)
    spans = sentence_spans(moved)
    if len(spans) < 2 or not _BEGUN.match(moved[spans[-1][0] :]):
        return ()
    return read_answer(moved[: spans[-1][0]], sources)


def _texts(stitched: Stitched, sources: Sequence[Numbered]) -> list[str]:
    query, asked = stitched.query, [stitched.ask.text]
    # The ask as given comes first: it has the cues by which its names are found.
    asked.append(query.standalone if query.is_follow_up else "")
    return [*asked, *(f"{s.title}: {s.text}" for s in sources)]


def _messages(instruction: str, masking: Masking) -> list[dict[str, str]]:
    asked, standalone, *sources = masking.texts
    shown = "\n".join(f"[{n}] {text}" for n, text in enumerate(sources, 1))
    question = f"{asked} ({standalone})" if standalone else asked
    return [
        {"role": "system", "content": instruction},
        {"role": "user", "content": f"{shown}\n\nQuestion: {question}"},
    ]


def _of_passage(passage: Passage) -> Numbered:
    return Numbered(passage.id, passage.title, passage.text)


def _of_fact(fact: Fact) -> Numbered:
    return Numbered(fact.id, fact.family, fact.text)


def _cited(text: str, sources: Sequence[Numbered | Passage]) -> Sentence:
    numbers = [int(n) for n in _CITED.findall(text)]
    cited = [sources[n - 1] for n in numbers if 0 < n <= len(sources)]
    found = tuple(Source(s.id, s.title, 0, len(s.text)) for s in cited)
    return Sentence(_CITED.sub("", text).strip(), found)
