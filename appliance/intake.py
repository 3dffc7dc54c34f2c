"""A question that comes in -> the record every stage reads; its thread becomes the asker's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from appliance.config import Settings
from appliance.errors import BadInput, NoSuchThread
from appliance.ports import Clock
from appliance.recall import Recall
from appliance.records import Ask, Principal
from appliance.store.threads import SqliteThreads, name_fault


@dataclass(frozen=True, slots=True)
class Intake:
    """Text of an asker -> Ask."""

    settings: Settings
    clock: Clock
    threads: SqliteThreads
    recall: Recall
    new_id: Callable[[], str]

    def __call__(
        self,
        text: str,
        asker: Principal,
        *,
        thread: str = "",
        earlier: Sequence[tuple[str, str]] = (),
        deadline_s: float | None = None,
    ) -> Ask:
        """Return the record of an ask that came in now.

        Args:
            text: The question.
            asker: Who asks, on which device.
            thread: The conversation it belongs to; '' for none.
            earlier: Without a thread, what was said before: (question, answer), oldest first.
            deadline_s: After which a quicker lane answers; None for the settings' own.

        Raises:
            BadInput: The text is empty or too long, or the thread is no thread's name.
            NoSuchThread: The thread is another device's or another associate's.
            StoreError: Whose the thread is could not be written.
        """
        self._refuse_unreadable(text, thread)
        now = self.clock.now()
        if thread and not self.threads.claim(thread, asker, at=now):
            raise NoSuchThread(
                "There is no such conversation.", hint="Leave the thread out to start one."
            )
        return Ask(
            id=self.new_id(),
            text=text.encode("utf-8", "replace").decode("utf-8"),
            asked_at=now,
            role=asker.role,
            store=self.settings.store,
            associate=asker.badge,
            device=asker.device,
            thread=thread,
            turns=self.threads.turns(thread) if thread else self.recall(earlier, at=now),
            deadline_s=deadline_s or self.settings.ask_deadline_s,
        )

    def _refuse_unreadable(self, text: str, thread: str) -> None:
        most = self.settings.max_ask_chars
        if not text.strip():
            raise BadInput("The ask is empty.", hint="Type a question.")
        if len(text) > most:
            raise BadInput(
                f"The ask has {len(text):,} characters; at most {most:,} are read.",
                hint="Ask in one or two sentences.",
            )
        if thread and (fault := name_fault(thread)):
            raise BadInput(fault, hint="Leave the thread out to start one.")
