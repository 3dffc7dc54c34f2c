"""The store as one object: ask it, replay it, look at its health. Made by `wiring.open_store`."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from threading import Lock
from types import TracebackType
from typing import Any, Self

from appliance.codec import from_plain
from appliance.config import Settings
from appliance.errors import BadInput, DamagedRelease, StoreError
from appliance.health import Readiness
from appliance.intake import Intake
from appliance.late import Late
from appliance.monitoring.monitor import Monitoring
from appliance.owed import Owed
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
    LateAnswer,
    Principal,
    ProductCard,
    Reply,
    Role,
    Stitched,
    Thumb,
)
from appliance.release import Release, check_parts
from appliance.replay import rehearsal
from appliance.store.associates import SqliteAssociates
from appliance.store.cards import Cards
from appliance.store.db import Database
from appliance.store.devices import SqliteDevices
from appliance.store.feedback import SqliteFeedback
from appliance.store.journal import SqliteJournal
from appliance.store.late_answers import SqliteLateAnswers
from appliance.store.sessions import SqliteSessions
from appliance.store.spool import SqliteSpool
from appliance.store.threads import SqliteThreads

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
    deciding: Lock = field(default_factory=Lock)
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
        found: list[Stitched] = []
        reply = self.pipeline(
            ask, reply_id=reply_id or self.new_id(), listener=listener, found=found.append
        )
        owed = Owed(self.journal, self.spool, self.settings.edge_case_under)
        is_kept = owed(ask, reply, stitched=found[0] if found else None)
        return replace(reply, is_kept=is_kept and self.pipeline.route.line_is_configured)

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
        recall = Recall(self.pipeline.prepare, self.index)
        take_in = Intake(self.settings, self.clock, self.threads, recall, self.new_id)
        asker = Principal(device=device, badge=associate, role=role)
        return take_in(text, asker, thread=thread, earlier=earlier, deadline_s=deadline_s)

    def rate(
        self, reply_id: str, verdict: Thumb, *, principal: Principal, text: str = ""
    ) -> Feedback | None:
        """Keep what an associate thinks of a reply; None when it is not there or not theirs.

        Raises:
            StoreError: It could not be written whole; to send it again completes it.
        """
        # One at a time: a double tap reads what the first tap has not written yet.
        with self.rating:
            return Ratings(
                self.journal,
                SqliteFeedback(self.database),
                self.spool,
                self.clock,
                self.settings.edge_case_under,
            )(reply_id, verdict, text=text, principal=principal)

    def conversation(self, thread: str, *, principal: Principal) -> tuple[Exchange, ...] | None:
        """Return what was said in a thread; None when it is not there or not theirs."""
        if not self.threads.is_owner(thread, principal.owner):
            return None
        return self.threads.exchanges(thread, owner=principal.owner)

    def late_answers(self, principal: Principal) -> tuple[LateAnswer, ...]:
        """Return what headquarters answered later to this principal's asks, the latest first.

        What has come meanwhile is governed and journalled first.

        Raises:
            StoreError: It could not be read or written; nothing is shown that was not written.
        """
        answers = SqliteLateAnswers(self.database, self.clock)
        late = Late(self.pipeline, self.index, self.journal, answers, self.clock)
        with self.deciding:  # two looks at once must not govern and journal one answer twice
            return late(principal.owner)

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

    def health(self, *, is_counted: bool = True) -> dict[str, Any]:
        """Return what is live, ready and configured; never raises for a disk that fails.

        Args:
            is_counted: Whether to count what is kept, for `checks`.
        """
        faults = list(self.readiness.faults())
        checks: dict[str, int] = {}
        try:
            if is_counted:
                checks = {"journal_rows": self.journal.count(), "spooled": self.spool.count()}
        except StoreError as exc:
            faults.append(str(exc))
        return {
            "live": True,
            "ready": not faults,
            "level": self.monitoring.guard.pressure.level.word,
            "store": self.settings.store,
            "release": self.release.manifest.id,
            "line": "configured" if self.pipeline.route.line_is_configured else "not configured",
            "specialist": self.model.name,
            "faults": faults,
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
