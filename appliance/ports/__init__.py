"""Roles the stages and lanes depend on; adapters live in `engines`, `store` and `policy`."""

from appliance.ports.clock import Clock
from appliance.ports.lanes import Lane, StreamingLane
from appliance.ports.models import (
    Generalist,
    Generation,
    LanguageModel,
    Load,
    Prompt,
    Timings,
    Token,
)
from appliance.ports.rules import Decision, Policy, PolicyRequest
from appliance.ports.search import (
    Answerability,
    Asked,
    Embedder,
    Filters,
    Index,
    IndexedSentence,
    Known,
    KnownAnswer,
    Vector,
    Vectors,
)
from appliance.ports.store import Facts, Journal, LateAnswers, Reading, Spool, Threads
from appliance.ports.watch import LaneGuard, Monitor

__all__ = [
    "Answerability",
    "Asked",
    "Clock",
    "Decision",
    "Embedder",
    "Facts",
    "Filters",
    "Generalist",
    "Generation",
    "Index",
    "IndexedSentence",
    "Journal",
    "Known",
    "KnownAnswer",
    "Lane",
    "LaneGuard",
    "LanguageModel",
    "LateAnswers",
    "Load",
    "Monitor",
    "Policy",
    "PolicyRequest",
    "Prompt",
    "Reading",
    "Spool",
    "StreamingLane",
    "Threads",
    "Timings",
    "Token",
    "Vector",
    "Vectors",
]
