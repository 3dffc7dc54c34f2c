"""A sentence of a draft -> the sentence as it may be said, and every check it went through.

Checks in order, each numbered: leakage, banned, values, citation, negation, claims, personal,
notices, marks, and of an answer's first sentence the promise. The first failure ends the walk. Not
covered: a statement that is wrong in its
source, and a promise in words that claims.py does not know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from appliance.policy.claims import find_claims
from appliance.policy.notices import Notices
from appliance.ports import Policy
from appliance.promise import Promise
from appliance.records import (
    Check,
    Draft,
    Evidence,
    LaneName,
    Outcome,
    Passage,
    Sentence,
    Source,
    Span,
    Stitched,
)
from appliance.stages.grounding import SOURCE_SHARE, SUPPORT_SHARE, flipped, stray_values, support
from appliance.stages.text import balanced

LEAKAGE = "G1 leakage"
BANNED = "G2 banned"
VALUES = "G3 values"
CITATION = "G4 citation"
NEGATION = "G5 negation"
CLAIMS = "G6 claims"
PERSONAL = "G7 personal"
NOTICES = "G8 notices"
MARKS = "G9 marks"
PROMISE = "G10 promise"

# Never said, though a document printed it; a recall line or a "Code Adam" may be.
_NEVER = frozenset({"card", "loyalty"})
_LEAK = re.compile(
    r"[⟦⟧]|<\|[^<>]{0,40}\|?>|</?(?:s|system|user|assistant|inst|im_start|im_end)>|\[/?INST\]|"
    r"###\s|"
    r"\b(?:system|developer|hidden|initial) (?:prompt|message|instructions?)\b|"
    r"\bmy (?:instructions|prompt|rules) "
    r"(?:are|say|tell)\b|\b(?:you are|eres) (?:an?|the|un|el) (?:helpful |store )?(?:assistant|"
    r"asistente)\b|"
    r"\bprompt del sistema\b|\b(?:answer|reply|respond) only (?:from|with|"
    r"using) the (?:passages?|context|sources?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Case:
    """A sentence under judgement and what it is judged by."""

    sentence: Sentence  # as mended so far
    drafted: Sentence
    draft: Draft
    stitched: Stitched
    cited: tuple[str, ...]  # title and text of each source found in the evidence
    asked: tuple[str, ...]
    is_approved: bool  # an answer card: headquarters approved it word for word


@dataclass(frozen=True, slots=True)
class Govern:
    """Sentence -> (sentence, checks): what may be said of a draft."""

    policy: Policy
    notices: Notices
    find_personal: Callable[[str], Sequence[Span]]
    promise: Promise | None = None  # the release's, of its own answers

    def __call__(
        self, sentence: Sentence, *, draft: Draft, stitched: Stitched
    ) -> tuple[Sentence, tuple[Check, ...]]:
        """Return the sentence after mends, with its checks; a FAIL among them forbids it."""
        if self._is_our_own(sentence, draft, stitched):
            why = "the store's own words, no claim on any source"
            return sentence, (Check(LEAKAGE, Outcome.PASS, why),)
        case = _Case(
            sentence=sentence,
            drafted=sentence,
            draft=draft,
            stitched=stitched,
            cited=_cited(sentence.sources, stitched.evidence),
            asked=(stitched.ask.text, stitched.query.standalone),
            is_approved=draft.lane is LaneName.CARD,
        )
        checks: list[Check] = []
        for judge in self._judges():
            check = judge(case)
            if check.name == PROMISE and not check.why:
                continue  # told once an answer, and of the store's own alone
            checks.append(check)
            if check.outcome is Outcome.FAIL:
                break
            if check.outcome is Outcome.MEND:
                case = replace(case, sentence=replace(case.sentence, text=check.mended))
        return case.sentence, tuple(checks)

    def _judges(self) -> tuple[Callable[[_Case], Check], ...]:
        # What a mend takes out goes first, what it puts in last: a masked name or an added notice
        # is ours, and must not be looked for in the sources.
        return (
            _leakage, self._banned, _values, _citation,
            _negation, self._claims, self._personal, self._due, _marks, *self._promised(),
        )  # fmt: skip

    def _promised(self) -> tuple[Callable[[_Case], Check], ...]:
        """Return the judge of what may be promised of an answer: it marks, and forbids nothing.

        An unsure answer of a document's own words is better heard, and said to be unsure, than
        not; what a model says by its own choice is held to the promise by `Answer.accept_at`.
        """
        promise = self.promise
        if promise is None:
            return ()

        def judge(case: _Case) -> Check:
            is_first = case.drafted == case.draft.sentences[0]
            why = promise.said_of(case.draft.lane, case.draft.p) if is_first else ""
            return Check(PROMISE, Outcome.PASS, why)

        return (judge,)

    def _is_our_own(self, sentence: Sentence, draft: Draft, stitched: Stitched) -> bool:
        """Tell a hand-over or a missing feed's sentence: they state no rule of the store's."""
        if draft.lane is LaneName.HANDOFF:
            return True
        missing = {_plain(m) for m in stitched.evidence.missing}
        return not sentence.sources and _plain(sentence.text) in missing

    def _claims(self, case: _Case) -> Check:
        """Decide every claim; one refusal fails the sentence."""
        ask = case.stitched.ask
        about = " ".join(
            [case.stitched.query.standalone, *(s.title for s in case.sentence.sources)]
        )
        claims = find_claims(case.sentence.text, role=ask.role.value, about=about)
        for claim in claims:
            decision = self.policy.decide(claim, at=ask.asked_at)
            if not decision.allowed:
                why = f"{claim.action} {dict(claim.context)} by {claim.role}: {decision.message}"
                return Check(CLAIMS, Outcome.FAIL, why, rule=decision.rule)
        why = f"{len(claims)} claims allowed" if claims else "commits the store to nothing"
        return Check(CLAIMS, Outcome.PASS, why)

    def _personal(self, case: _Case) -> Check:
        """Mask what is personal and neither the asker's own words nor read under the grant."""
        text = case.sentence.text
        spans = self.find_personal(text)
        if not spans:
            return Check(PERSONAL, Outcome.PASS, "no other person's data")
        allowed = " ".join([case.stitched.ask.text, *_granted_facts(case.stitched)])
        printed = " ".join(p.text for p in _passages(case))
        foreign = [
            span
            for span in spans
            if text[span.start : span.end] not in allowed
            and not (span.kind not in _NEVER and text[span.start : span.end] in printed)
        ]
        if not foreign:
            return Check(PERSONAL, Outcome.PASS, "no other person's data")
        kinds = ", ".join(sorted({s.kind for s in foreign}))
        if any(s.kind == "card" for s in foreign):
            return Check(PERSONAL, Outcome.FAIL, "a payment card number")
        for span in sorted(foreign, key=lambda s: s.start, reverse=True):
            text = f"{text[: span.start]}[{span.kind.upper()}]{text[span.end :]}"
        return Check(PERSONAL, Outcome.MEND, f"masked: {kinds}", mended=text)

    def _banned(self, case: _Case) -> Check:
        """Replace or refuse banned phrases."""
        text, used = case.sentence.text, []
        for banned in self.notices.banned:
            if not banned.pattern.search(text):
                continue
            if banned.unless_cited and any(banned.pattern.search(c) for c in case.cited):
                continue
            if banned.replace is None:
                return Check(BANNED, Outcome.FAIL, banned.why, rule=banned.id)
            text = _tidy(banned.pattern.sub(banned.replace, text))
            used.append(banned.id)
        if used:
            return Check(BANNED, Outcome.MEND, f"replaced: {', '.join(used)}", text, used[0])
        return Check(BANNED, Outcome.PASS, "no banned phrase")

    def _due(self, case: _Case) -> Check:
        """Add the notices that the draft owes, to its last sentence."""
        sentences = case.draft.sentences
        if sentences and case.drafted != sentences[-1]:
            return Check(NOTICES, Outcome.PASS, "notices go with the last sentence")
        said = " ".join([*(s.text for s in sentences), case.sentence.text])
        subject = f"{case.stitched.query.standalone} {said}"
        language = "es" if case.stitched.query.language == "es" else "en"
        due = [n for n in self.notices.notices if n.is_due(subject) and not n.said.search(said)]
        if not due:
            return Check(NOTICES, Outcome.PASS, "no notice due")
        text = " ".join([case.sentence.text, *(n.texts[language] for n in due)])
        return Check(NOTICES, Outcome.MEND, "; ".join(n.why for n in due), text, due[0].id)


def _leakage(case: _Case) -> Check:
    found = _LEAK.search(case.sentence.text)
    if found:
        return Check(LEAKAGE, Outcome.FAIL, f"control or instruction text {found[0][:40]!r}")
    return Check(LEAKAGE, Outcome.PASS, "no control or instruction text")


def _values(case: _Case) -> Check:
    """Fail when a value is neither in a cited source nor the ask's own."""
    if case.is_approved:
        return Check(VALUES, Outcome.PASS, "approved word for word")
    stray = stray_values(case.sentence.text, cited=case.cited, asked=case.asked)
    if stray:
        return Check(VALUES, Outcome.FAIL, f"no cited source has {', '.join(stray)}")
    return Check(VALUES, Outcome.PASS, "every value equals a cited one")


def _citation(case: _Case) -> Check:
    if case.is_approved:
        return Check(CITATION, Outcome.PASS, "approved word for word")
    if not case.cited:
        return Check(CITATION, Outcome.FAIL, "cites no source of the evidence")
    hidden = _hidden(case)
    if hidden:
        return Check(CITATION, Outcome.FAIL, f"cites {hidden}, which this role may not read")
    known, sourced = support(case.sentence.text, case.cited, case.asked)
    why = f"{known:.0%} of its words are known, {sourced:.0%} from what it cites"
    enough = known >= SUPPORT_SHARE and sourced >= SOURCE_SHARE
    return Check(CITATION, Outcome.PASS if enough else Outcome.FAIL, why)


def _negation(case: _Case) -> Check:
    word = "" if case.is_approved else flipped(case.sentence.text, case.cited)
    if word:
        return Check(NEGATION, Outcome.FAIL, f"says the opposite of its source about {word!r}")
    return Check(NEGATION, Outcome.PASS, "agrees with its source")


def _marks(case: _Case) -> Check:
    """Close a quotation that runs on into another sentence: each sentence is heard alone."""
    text = balanced(case.sentence.text)
    if text == case.sentence.text:
        return Check(MARKS, Outcome.PASS, "every quote mark has its partner")
    return Check(MARKS, Outcome.MEND, "a quote mark got its partner", mended=text)


def _cited(sources: Sequence[Source], evidence: Evidence) -> tuple[str, ...]:
    """Return title and text of each source, one string each; unknown ids give none."""
    passages = {p.id: f"{p.title}.\n{p.text}" for p in evidence.passages}
    facts = {f.id: f.text for f in evidence.facts}
    found = (passages.get(s.id) or facts.get(s.id) for s in sources)
    return tuple(dict.fromkeys(text for text in found if text))


def _hidden(case: _Case) -> str:
    """Return the title of a cited passage or fact that the grant does not cover, or ''."""
    grant, ids = case.stitched.grant, {s.id for s in case.sentence.sources}
    for passage in _passages(case):
        if passage.audience not in grant.audiences:
            return passage.title
    for fact in case.stitched.evidence.facts:
        if fact.id in ids and fact.family not in grant.families:
            return fact.family
    return ""


def _passages(case: _Case) -> list[Passage]:
    """Return the passages that the sentence cites."""
    ids = {s.id for s in case.sentence.sources}
    return [p for p in case.stitched.evidence.passages if p.id in ids]


def _granted_facts(stitched: Stitched) -> list[str]:
    return [f.text for f in stitched.evidence.facts if f.family in stitched.grant.families]


def _plain(text: str) -> str:
    return text.casefold().strip().rstrip(".")


def _tidy(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip(" ,")
    return text[:1].upper() + text[1:]
