"""The store as one object: ask it, replay it, look at its health. Made by `wiring.open_store`."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from appliance.codec import from_plain
from appliance.config import Settings
from appliance.errors import BadInput, StoreError
from appliance.pipeline import Listener, Pipeline
from appliance.ports import Clock, Index, LanguageModel
from appliance.records import Ask, LaneName, Reply, Role
from appliance.release import Release
from appliance.replay import rehearsal
from appliance.stages.intent import OUT_OF_SCOPE
from appliance.store.cards import Cards
from appliance.store.db import Database
from appliance.store.journal import SqliteJournal
from appliance.store.spool import SqliteSpool
from appliance.store.threads import SqliteThreads

EXAMPLES = 3
log = logging.getLogger(__name__)


def new_id() -> str:
    """Return 16 random hexadecimal digits: 2^64 is plenty for one store's replies."""
    return uuid.uuid4().hex[:16]


@dataclass(frozen=True, slots=True)
class Store:
    """Everything a store answers with. Make one with `open_store`; close it when done."""

    settings: Settings
    release: Release
    pipeline: Pipeline
    index: Index
    cards: Cards
    journal: SqliteJournal
    threads: SqliteThreads
    spool: SqliteSpool
    clock: Clock
    model: LanguageModel
    database: Database
    resources: ExitStack  # what `close` gives back

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def ask(
        self,
        text: str,
        *,
        role: Role = Role.ASSOCIATE,
        thread: str = "",
        associate: str = "",
        deadline_s: float | None = None,
        listener: Listener | None = None,
        reply_id: str = "",
    ) -> Reply:
        """Return the reply, written down before anyone hears it.

        Raises:
            BadInput: The ask is empty or longer than the settings allow.
            StoreError: The journal could not be written; what it does not hold was not said.
        """
        ask = self.make_ask(
            text, role=role, thread=thread, associate=associate, deadline_s=deadline_s
        )
        reply = self.pipeline(ask, reply_id=reply_id or self.new_id(), listener=listener)
        if (
            reply.lane is LaneName.HANDOFF
            and reply.intent != OUT_OF_SCOPE
            and not _is_refused(reply)
        ):
            self._keep(ask, reply)
        return reply

    def make_ask(
        self,
        text: str,
        *,
        role: Role = Role.ASSOCIATE,
        thread: str = "",
        associate: str = "",
        deadline_s: float | None = None,
    ) -> Ask:
        """Return the record of an ask that came in now.

        Raises:
            BadInput: The text is empty or too long.
        """
        if not text.strip():
            raise BadInput("The ask is empty.", hint="Type a question.")
        if len(text) > self.settings.max_ask_chars:
            raise BadInput(
                f"The ask has {len(text):,} characters; at most {self.settings.max_ask_chars:,} are"
                " read.",
                hint="Ask in one or two sentences.",
            )
        return Ask(
            id=self.new_id(),
            text=text.encode("utf-8", "replace").decode("utf-8"),
            asked_at=self.clock.now(),
            role=role,
            store=self.settings.store,
            associate=associate,
            thread=thread,
            turns=self.threads.turns(thread),
            deadline_s=deadline_s or self.settings.ask_deadline_s,
        )

    def replay(self, reply_id: str) -> tuple[Mapping[str, Any], Reply]:
        """Return the recorded reply and one built again from the journal and the release.

        The replay reads the recorded live facts, not today's, and writes nothing.

        Raises:
            BadInput: The journal has no such reply, or another release gave it.
        """
        row = self.journal.reply(reply_id)
        if row is None:
            raise BadInput(
                f"The journal has no reply {reply_id}.", hint="List some: backroom journal tail"
            )
        recorded = row["reply"]
        if recorded["release"] != self.release.manifest.id:
            raise BadInput(
                f"Reply {reply_id} was given by release {recorded['release']}; this is"
                f" {self.release.manifest.id}.",
                hint="Point --release at the folder of that release.",
            )
        again = rehearsal(self.pipeline, row["reading"], clock=self.clock)
        return recorded, again(from_plain(row["ask"], Ask), reply_id=reply_id)

    def health(self) -> dict[str, Any]:
        """Return what is live, ready and configured."""
        return {
            "live": True,
            "ready": True,
            "release": self.release.manifest.id,
            "line": "configured" if self.pipeline.route.line_is_configured else "not configured",
            "specialist": self.model.name,
            "checks": {"journal_rows": self._journal_rows(), "spooled": self.spool.count()},
        }

    def examples(self) -> tuple[str, ...]:
        """Return three things to try, from the release's golden probes."""
        return tuple(str(p["text"]) for p in self.release.manifest.probes[:EXAMPLES])

    def new_id(self) -> str:
        """Return a fresh identifier."""
        return new_id()

    def close(self) -> None:
        """Stop the engine and close the databases; idempotent."""
        self.resources.close()

    def _keep(self, ask: Ask, reply: Reply) -> None:
        """Owe headquarters what the store could not answer, masked."""
        try:
            row = self.journal.reply(reply.id) or {}
            body = {"reply": reply.id, "masked": row.get("masked", ""), "intent": reply.intent}
            body["asked_at"] = ask.asked_at.isoformat()
            self.spool.put("deferred_ask", body, priority=5)
        except StoreError as exc:
            # The reply is in the journal and may have been heard: it is not taken back for this.
            log.warning("spool: the ask of reply %s is not kept: %s", reply.id, exc)

    def _journal_rows(self) -> int:
        return int(self.database.rows("SELECT count(*) FROM journal")[0][0])


def _is_refused(reply: Reply) -> bool:
    """Tell a refusal: nobody at headquarters is to answer it later."""
    return any(policy.effect == "forbid" for policy in reply.policies)
