"""Whether a release on trial stays: its figures against the release before's. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HANDOFF = "handoff"


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply, as far as a trial looks at it."""

    ms: float  # whole
    lane: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What a release did in a while."""

    answers: tuple[Answer, ...] = ()  # the latest
    errors: int = 0  # asks that got none, by a fault that is the release's
    downs: int = 0  # thumbs down on these answers

    @property
    def error_share(self) -> float:
        """Of its asks."""
        return self.errors / max(1, self.errors + len(self.answers))

    @property
    def down_share(self) -> float:
        """Of its answers."""
        return self.downs / max(1, len(self.answers))

    @property
    def handed_share(self) -> float:
        """Answers that only said whom to ask."""
        return sum(a.lane == HANDOFF for a in self.answers) / max(1, len(self.answers))

    @property
    def confidence(self) -> float:
        """Mean."""
        return sum(a.confidence for a in self.answers) / max(1, len(self.answers))

    @property
    def p95_ms(self) -> float:
        """Of the whole ask."""
        return _quantile([a.ms for a in self.answers], 0.95)


@dataclass(frozen=True, slots=True)
class TrialLimits:
    """What a release may do worse than the one before, and how long it is watched."""

    probation_s: float = 24 * 3600.0  # late failures come with the next shift, not the next minute
    least_errors: int = 3
    most_error_share: float = 0.05
    least_answers: int = 30  # before speed and quality are judged
    slow_times: float = 2.0  # p95 of the release before
    slow_ms: float = 500.0  # and so much more than it
    handed_more: float = 0.15  # share, over the release before's
    confidence_less: float = 0.12  # mean, under it
    least_downs: int = 5
    down_more: float = 0.10


def judged(now: Figures, before: Figures, limits: TrialLimits) -> str:
    """Return why a release should be left; '' while nothing speaks against it."""
    if now.errors >= limits.least_errors and now.error_share > limits.most_error_share:
        return f"{now.errors} of {now.errors + len(now.answers)} asks failed"
    if now.downs >= limits.least_downs and now.down_share > before.down_share + limits.down_more:
        return f"{now.downs} thumbs down ({now.down_share:.0%}; {before.down_share:.0%} before)"
    if min(len(now.answers), len(before.answers)) < limits.least_answers:
        return ""
    return _worse(now, before, limits)


def _worse(now: Figures, before: Figures, limits: TrialLimits) -> str:
    if now.p95_ms > before.p95_ms * limits.slow_times + limits.slow_ms:
        return f"p95 {now.p95_ms:.0f} ms, {before.p95_ms:.0f} ms before"
    if now.handed_share > before.handed_share + limits.handed_more:
        return f"{now.handed_share:.0%} handed over, {before.handed_share:.0%} before"
    if now.confidence < before.confidence - limits.confidence_less:
        return f"mean confidence {now.confidence:.2f}, {before.confidence:.2f} before"
    return ""


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
