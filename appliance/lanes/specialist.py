"""The local model: cites a source first, then says it; values come back from the source.

Where it cites two, both are said in their own words, and which value is more code works out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from appliance.comparison import compared
from appliance.lanes.api import nothing
from appliance.lanes.prompt import (
    ANSWER_TOKENS,
    END,
    SlottedSource,
    Written,
    build_prompt,
    read_answer,
    sources_of,
)
from appliance.logistic import Logistic
from appliance.ports import Generation, LanguageModel, Prompt, Token
from appliance.records import Draft, LaneName, Sentence, Source, Stitched, Tokens
from appliance.values import restore

BEST_CASE = {"is_copy": 1.0}
DONE = frozenset({"stop", "length"})


@dataclass(frozen=True, slots=True)
class SpecialistLane:
    """Reads the evidence as slotted sentences and writes one of them, or that none answers."""

    model: LanguageModel
    confidence: Logistic  # signals of a draft -> calibrated p that it is right
    accept_at: float = 0.0  # a draft that cannot reach this p any more is not written out
    name: LaneName = LaneName.SPECIALIST
    is_model: bool = True

    def draft(self, stitched: Stitched, *, remaining_s: float) -> Draft:
        """Return the model's sentence with its source.

        Raises:
            EngineBusy: Too many asks wait for the model.
            EngineError: The model failed, or wrote a slot that names no value.
        """
        sources = sources_of(stitched.evidence)
        if not sources:
            return nothing(self.name, "no sentence to read")
        prompt = build_prompt(self.model, ask=stitched.query.standalone, sources=sources)
        end = self.model.token_id(END)
        generation = self.model.submit(
            prompt, max_tokens=ANSWER_TOKENS, deadline_s=remaining_s, stop=frozenset({end})
        )
        tokens, p = self._heard(stitched, sources, generation)
        read = _tokens(prompt, generation, tokens)
        if p < self.accept_at:
            why = f"p {p:.2f} at best is under {self.accept_at:.2f}"
            return nothing(self.name, why, tokens=read)
        if generation.finish not in DONE:
            why, is_late = f"stopped by {generation.finish}", generation.finish == "deadline"
            return nothing(self.name, why, is_late=is_late, tokens=read)
        written = read_answer(self.model, [t.id for t in tokens], sources=sources)
        if written.source is None:
            why = "the model found no answer in the evidence"
            return nothing(self.name, why, tokens=read)
        # What answered, not what would answer now: adapters may have been switched meanwhile.
        model = generation.model or self.model.name
        return replace(self._drafted(stitched, sources, written, tokens), tokens=read, model=model)

    def _heard(
        self, stitched: Stitched, sources: Sequence[SlottedSource], generation: Generation
    ) -> tuple[list[Token], float]:
        """Return the tokens, and the highest p they leave possible.

        The citation comes first and tells most: a draft that would not be accepted even if every
        later token were certain is cancelled, and its place in the batch is free for another ask.
        """
        tokens: list[Token] = []
        p = 1.0
        for token in generation:
            tokens.append(token)
            if len(tokens) == 1:
                cited = read_answer(self.model, [token.id], sources=sources).source
                if cited is not None:
                    hoped = _signals(stitched, sources[cited], cited, tokens)
                    p = self.confidence.p({**hoped, **BEST_CASE})
                if p < self.accept_at:
                    generation.cancel()
                    break
        return tokens, p

    def _drafted(
        self,
        stitched: Stitched,
        sources: Sequence[SlottedSource],
        written: Written,
        tokens: Sequence[Token],
    ) -> Draft:
        place = written.source or 0
        # The source's own words, also where the model's wandered from them: what it chose is worth
        # saying, how a model this small would word it is not. `is_copy` stays a signal.
        signals = {
            **_signals(stitched, sources[place], place, tokens),
            "is_copy": float(written.is_copy),
        }
        cited = [sources[p] for p in (place, written.also) if p is not None]
        return Draft(
            self.name,
            (*map(_said, cited), *_compared(stitched, cited)),
            p=self.confidence.p(signals),
            model=self.model.name,
            signals=tuple(signals.items()),
        )


def _said(source: SlottedSource) -> Sentence:
    text = restore(source.text, source.values)
    return Sentence(text[:1].upper() + text[1:], (_source(source),))


def _source(source: SlottedSource) -> Source:
    return Source(source.id, source.title, source.start, source.end)


def _compared(stitched: Stitched, cited: Sequence[SlottedSource]) -> tuple[Sentence, ...]:
    """Return how the values of two sources stand to each other, where that was asked."""
    if len(cited) != 2:
        return ()
    families = {f.id: f.family for f in stitched.evidence.facts}
    first, second = cited
    text = compared(
        first.values,
        second.values,
        ask=stitched.query.standalone,
        language=stitched.query.language,
        are_alike=families.get(first.id) == families.get(second.id),
    )
    return (Sentence(text, (_source(first), _source(second))),) if text else ()


def _tokens(prompt: Prompt, generation: Generation, said: Sequence[Token]) -> Tokens:
    return Tokens(len(prompt.tokens), generation.timings.reused_tokens, len(said))


def _signals(
    stitched: Stitched, source: SlottedSource, place: int, tokens: Sequence[Token]
) -> dict[str, float]:
    """Return what tells a right draft from a wrong one, as far as the tokens go."""
    excerpt = next(
        (
            e.p
            for e in stitched.evidence.excerpts
            if e.passage == source.id and e.start == source.start
        ),
        1.0,  # a live fact was asked for by the route
    )
    return {
        "cite_logprob": tokens[0].logprob,
        "cite_margin": tokens[0].margin,
        "least_logprob": min(t.logprob for t in tokens),
        "mean_logprob": math.fsum(t.logprob for t in tokens) / len(tokens),
        "excerpt": excerpt,
        "answered": stitched.evidence.answered,
        "is_first": float(place == 0),
    }
