"""The cloud generalist, through the agent's line; says honestly when there is none."""

from __future__ import annotations

import re
from dataclasses import dataclass

from appliance.errors import LineDown
from appliance.lanes.api import nothing
from appliance.ports import Generalist
from appliance.records import Draft, LaneName, Passage, Sentence, Source, Stitched
from appliance.stages.text import sentence_spans

_CITED = re.compile(r"\s*\[(\d{1,2})\]")
# "30 days. [1]" cites as "30 days [1]." does; left behind its stop, a citation would go to the
# next sentence.
_BEHIND_STOP = re.compile(r"([.!?…])((?:\s*\[\d{1,2}\])+)")
MODEL = "generalist"


@dataclass(frozen=True, slots=True)
class NoLine:
    """`ports.Generalist` of a store without a line."""

    is_configured: bool = False

    def complete(self, messages: object, *, deadline_s: float) -> str:  # noqa: ARG002
        """Raise: there is nobody to ask.

        Raises:
            LineDown: Always.
        """
        raise LineDown(
            "No line to a generalist is configured.",
            hint="The store answers with what it has; the hand-over keeps the ask.",
        )


@dataclass(frozen=True, slots=True)
class GeneralistLane:
    """Sends the masked ask and the passages; every sentence must cite one."""

    line: Generalist
    instruction: str  # prompts.toml of the release
    name: LaneName = LaneName.GENERALIST
    is_model: bool = True

    def draft(self, stitched: Stitched, *, remaining_s: float) -> Draft:
        """Return the generalist's sentences with the sources it cites.

        Raises:
            LineDown: No line, or no answer in time.
        """
        passages = stitched.evidence.passages
        if not passages:
            return nothing(self.name, "no passage to ground an answer on")
        sources = "\n".join(f"[{n}] {p.title}: {p.text}" for n, p in enumerate(passages, 1))
        answer = self.line.complete(
            [
                {"role": "system", "content": self.instruction},
                {"role": "user", "content": f"{sources}\n\nQuestion: {stitched.masked}"},
            ],
            deadline_s=remaining_s,
        )
        sentences = read_answer(answer, passages)
        p = next((o.p for o in stitched.lanes if o.lane is self.name), 0.0)
        why = "" if sentences else "the generalist said nothing"
        return Draft(self.name, sentences, p=p, model=MODEL, is_none=not sentences, why=why)


def read_answer(answer: str, passages: tuple[Passage, ...]) -> tuple[Sentence, ...]:
    """Return the sentences of `answer`, each with the passages its [n] name; no empty ones."""
    answer = _BEHIND_STOP.sub(r"\2\1", answer)
    found = (_cited(answer[start:end], passages) for start, end in sentence_spans(answer))
    return tuple(sentence for sentence in found if sentence.text)


def _cited(text: str, passages: tuple[Passage, ...]) -> Sentence:
    numbers = [int(n) for n in _CITED.findall(text)]
    cited = [passages[n - 1] for n in numbers if 0 < n <= len(passages)]
    sources = tuple(Source(p.id, p.title, 0, len(p.text)) for p in cited)
    return Sentence(_CITED.sub("", text).strip(), sources)
