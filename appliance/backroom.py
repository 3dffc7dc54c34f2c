"""The store as one object: ask it, replay it, look at its health. Made by `wiring.open_store`."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Lock
from types import TracebackType
from typing import Any, Self

from appliance.codec import from_plain
from appliance.config import Settings
from appliance.edge_cases import KIND, UNSURE, edge_case, is_unsure
from appliance.errors import BadInput, DamagedRelease, NoSuchThread, StoreError
from appliance.health import Readiness
from appliance.monitoring.monitor import Monitoring
from appliance.pipeline import Listener, Pipeline
from appliance.policy.rules import PolicyHolder
from appliance.ports import Clock, Index, LanguageModel
from appliance.ratings import Ratings
from appliance.recall import Recall
from appliance.records import (
    LOCAL,
    Ask,
    Exchange,
    Feedback,
    LaneName,
    Principal,
    ProductCard,
    Reply,
    Role,
    Thumb,
)
from appliance.release import Release, check_parts
from appliance.replay import rehearsal
from appliance.stages.intent import OUT_OF_SCOPE
from appliance.store.associates import SqliteAssociates
from appliance.store.cards import Cards
from appliance.store.db import Database
from appliance.store.devices import SqliteDevices
from appliance.store.feedback import SqliteFeedback
from appliance.store.journal import SqliteJournal
from appliance.store.sessions import SqliteSessions
from appliance.store.spool import SqliteSpool
from appliance.store.threads import SqliteThreads, name_fault

EXAMPLES = 3
RULES = "rules"  # the release's folder of Cedar rules
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
    devices: SqliteDevices
    associates: SqliteAssociates
    sessions: SqliteSessions
    clock: Clock
    model: LanguageModel
    database: Database
    monitoring: Monitoring
    readiness: Readiness
    resources: ExitStack  # what `close` gives back
    rating: Lock = field(default_factory=Lock)
    rules: PolicyHolder | None = None  # None: rules that cannot be replaced

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
        device: str = LOCAL,
        earlier: Sequence[tuple[str, str]] = (),
        deadline_s: float | None = None,
        listener: Listener | None = None,
        reply_id: str = "",
    ) -> Reply:
        """Return the reply, written down before anyone hears it.

        Args:
            text: The question.
            role: Of who asks.
            thread: The conversation it belongs to; '' for none.
            associate: Badge of who asks.
            device: It is asked from.
            earlier: Without a thread, what was said before: (question, answer), oldest first.
            deadline_s: After which a quicker lane answers; None for the settings' own.
            listener: Hears the progress.
            reply_id: Of the reply to come; '' for a fresh one.

        Raises:
            BadInput: The ask is empty or longer than the settings allow.
            NoSuchThread: The thread is another device's or another associate's.
            StoreError: The journal could not be written; what it does not hold was not said.
        """
        ask = self.make_ask(
            text,
            role=role,
            thread=thread,
            associate=associate,
            device=device,
            earlier=earlier,
            deadline_s=deadline_s,
        )
        reply = self.pipeline(ask, reply_id=reply_id or self.new_id(), listener=listener)
        if (
            reply.lane is LaneName.HANDOFF
            and reply.intent != OUT_OF_SCOPE
            and not _is_refused(reply)
        ):
            self._keep(ask, reply)
        elif is_unsure(reply.lane, reply.confidence, under=self.settings.edge_case_under):
            self._doubt(reply)
        return reply

    def make_ask(
        self,
        text: str,
        *,
        role: Role = Role.ASSOCIATE,
        thread: str = "",
        associate: str = "",
        device: str = LOCAL,
        earlier: Sequence[tuple[str, str]] = (),
        deadline_s: float | None = None,
    ) -> Ask:
        """Return the record of an ask that came in now; its thread is from now on the asker's.

        Raises:
            BadInput: The text is empty or too long, or the thread is no thread's name.
            NoSuchThread: The thread is another device's or another associate's.
            StoreError: Whose the thread is could not be written.
        """
        if not text.strip():
            raise BadInput("The ask is empty.", hint="Type a question.")
        if len(text) > self.settings.max_ask_chars:
            raise BadInput(
                f"The ask has {len(text):,} characters; at most {self.settings.max_ask_chars:,} are"
                " read.",
                hint="Ask in one or two sentences.",
            )
        if thread and (fault := name_fault(thread)):
            raise BadInput(fault, hint="Leave the thread out to start one.")
        now = self.clock.now()
        told = Recall(self.pipeline.prepare, self.index)
        asker = Principal(device=device, badge=associate, role=role)
        if thread and not self.threads.claim(thread, asker, at=now):
            raise NoSuchThread(
                "There is no such conversation.", hint="Leave the thread out to start one."
            )
        return Ask(
            id=self.new_id(),
            text=text.encode("utf-8", "replace").decode("utf-8"),
            asked_at=now,
            role=role,
            store=self.settings.store,
            associate=associate,
            device=device,
            thread=thread,
            turns=self.threads.turns(thread) if thread else told(earlier, at=now),
            deadline_s=deadline_s or self.settings.ask_deadline_s,
        )

    def rate(
        self, reply_id: str, verdict: Thumb, *, principal: Principal, text: str = ""
    ) -> Feedback | None:
        """Keep what an associate thinks of a reply; None when it is not there or not theirs.

        Raises:
            StoreError: It could not be written whole; to send it again completes it.
        """
        # One at a time: a double tap reads what the first tap has not written yet.
        with self.rating:
            return self._ratings()(reply_id, verdict, text=text, principal=principal)

    def _ratings(self) -> Ratings:
        return Ratings(
            self.journal,
            SqliteFeedback(self.database),
            self.spool,
            self.clock,
            self.settings.edge_case_under,
        )

    def conversation(self, thread: str, *, principal: Principal) -> tuple[Exchange, ...] | None:
        """Return what was said in a thread; None when it is not there or not theirs."""
        if not self.threads.is_owner(thread, principal.owner):
            return None
        return self.threads.exchanges(thread, owner=principal.owner)

    def product(self, key: str, *, role: Role) -> ProductCard | None:
        """Return a product by SKU, EAN or UPC with the live facts a role may read, or None."""
        columns = self.index.product(key)
        if columns is None:
            return None
        now, facts = self.clock.now(), self.pipeline.stitch.facts
        families = self.pipeline.admit.families_for(role, at=now)
        reading = facts.read(families, subject=columns["sku"], at=now, role=role)
        # A price in the catalogue is the list's, not today's: what is a live fact is told as one.
        kept = {k: v for k, v in columns.items() if v and k not in facts.families()}
        return ProductCard(tuple(kept.items()), reading.facts, reading.missing)

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
        again = rehearsal(self.pipeline, row, clock=self.clock)
        return recorded, again(from_plain(row["ask"], Ask), reply_id=reply_id)

    def health(self) -> dict[str, Any]:
        """Return what is live, ready and configured; never raises for a disk that fails."""
        faults = list(self.readiness.faults())
        checks: dict[str, int] = {}
        try:
            checks = {"journal_rows": self._journal_rows(), "spooled": self.spool.count()}
        except StoreError as exc:
            faults.append(str(exc))
        return {
            "live": True,
            "ready": not faults,
            "faults": faults,
            "level": self.monitoring.guard.pressure.level.word,
            "release": self.release.manifest.id,
            "line": "configured" if self.pipeline.route.line_is_configured else "not configured",
            "specialist": self.model.name,
            "checks": checks,
        }

    def reload_rules(self) -> bool:
        """Put the Cedar rules now in the release's folder in force; bad ones change nothing.

        What is wrong is logged, also rules that are good but not those of the manifest: with them
        the release will not open again. Notices are read at the start only.
        """
        folder = self.release.folder
        if self.rules is None or not self.rules.reload(folder / RULES):
            return False
        try:
            check_parts(folder, under=f"{RULES}/")
        except DamagedRelease as exc:
            log.warning("rules: in force, but the release will not open again. %s", exc)
        return True

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

    def _doubt(self, reply: Reply) -> None:
        """Owe headquarters a reply the store was not sure of, masked."""
        try:
            row = self.journal.reply(reply.id)
            if row is not None:
                self.spool.put(KIND, edge_case(row), priority=UNSURE)
        except StoreError as exc:
            log.warning("spool: the edge case of reply %s is not kept: %s", reply.id, exc)

    def _journal_rows(self) -> int:
        return int(self.database.rows("SELECT count(*) FROM journal")[0][0])


def _is_refused(reply: Reply) -> bool:
    """Tell a refusal: nobody at headquarters is to answer it later."""
    return any(policy.effect == "forbid" for policy in reply.policies)
