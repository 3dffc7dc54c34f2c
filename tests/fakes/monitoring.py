"""A store's monitoring without a model: real figures, a real guard, a clock the test sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.config import Settings
from appliance.errors import EngineError
from appliance.monitoring.monitor import Monitoring
from appliance.ports import Clock, Generation, Load, Prompt, Spool


@dataclass
class IdleModel:
    """`ports.LanguageModel` that nobody asks; a test says how busy or dead it is."""

    name: str = "scripted"
    context_tokens: int = 0
    load: Load = field(default_factory=Load)
    is_alive: bool = True

    def submit(
        self, prompt: Prompt, *, max_tokens: int, deadline_s: float, stop: frozenset[int]
    ) -> Generation:
        raise EngineError("The engine is closed.")

    def tokenize(self, text: str, *, special: bool) -> tuple[int, ...]:
        return ()

    def text(self, tokens: Sequence[int]) -> str:
        return ""

    def token_id(self, name: str) -> int:
        raise EngineError(f"The model has no token {name!r}.")

    def close(self) -> None:
        self.is_alive = False


@dataclass
class EmptySpool:
    """`ports.Spool` that owes nothing."""

    def put(self, kind: str, body: Mapping[str, Any], *, priority: int) -> bool:
        return True

    def count(self) -> int:
        return 0

    def dropped(self) -> int:
        return 0


def some_monitoring(
    clock: Clock,
    *,
    settings: Settings | None = None,
    model: IdleModel | None = None,
    spool: Spool | None = None,
) -> Monitoring:
    return Monitoring.of(
        settings or Settings(home=Path("/nowhere")),
        clock=clock,
        model=model or IdleModel(),
        spool=spool or EmptySpool(),
        release="demo-7",
    )
