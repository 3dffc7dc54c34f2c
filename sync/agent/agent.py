"""The agent of one home: its jobs, and what the hub wishes of it."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version

from appliance.config import Settings
from appliance.store.db import Database
from appliance.store.late_answers import SqliteLateAnswers
from appliance.store.spool import SqliteSpool
from sync.agent.batches import Batches
from sync.agent.beat import Beats
from sync.agent.ends import Ends
from sync.agent.figures import Figures, JournalFigures
from sync.agent.jobs import IDLE, Job, Jobs
from sync.agent.late import LateMail
from sync.agent.releases import Looks
from sync.agent.sending import Sending
from sync.agent.wake import WakeStream
from sync.wire import HEALTH, Wish, WishKind

log = logging.getLogger(__name__)

PROBE_S = 2.0  # how often it is looked at whether a probe is due; none is while the line is well
TOKEN_S = 30.0
SEND_S = 30.0
LATE_S = 300.0
STEP_S = 5.0  # of the switch; while it has nothing to do, a look at one small file
END_S = 5.0  # the wake stream's thread is waited for so long


@dataclass(slots=True)
class Agent:
    """Works for one home while `running`; the caller holds the folder's lock."""

    settings: Settings  # the store's, as installed
    ends: Ends
    database: Database
    figures: Figures
    jobs: Jobs = field(init=False)
    looks: Looks = field(init=False)
    _is_send_wanted: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.ends.memory)
        self.looks = Looks(self.settings, self.ends, lambda: self.jobs.soon("beat"))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Work while the block runs; what is under way at its end is gone on from next time."""
        wake = WakeStream(self.ends.line, self.ends.tokens, self.ends.clock, self.heed)
        thread = threading.Thread(target=wake.run, name="agent-wake", daemon=True)
        with self.jobs.running(self._jobs()):
            thread.start()
            try:
                yield
            finally:
                self.looks.stop()
                self.ends.bucket.stop()
                wake.stop()
                thread.join(END_S)
                self.ends.close()

    def heed(self, wish: Wish) -> None:
        """Do what the hub wishes; from the wake stream or a beat's answer, and harmless twice."""
        if wish.kind is WishKind.LOOK:
            self.looks.wake()
            self.jobs.soon("look", in_s=self.jobs.draw())
        elif wish.kind is WishKind.PAUSE:
            self.looks.pause()
        elif wish.kind is WishKind.ANSWERS:
            self.jobs.soon("late")
        elif wish.kind is WishKind.SEND:
            self._is_send_wanted = True
            self.jobs.soon("send")

    def _jobs(self) -> tuple[Job, ...]:
        look = self.looks
        return (
            Job("probe", self._probe, PROBE_S, jitter=0.0),
            Job("token", self._token, TOKEN_S),
            Job("beat", self._beating(), self.ends.memory.known.beat_every_s, first_s=0.5),
            Job("look", look, STEP_S, first_s=1.0),
            Job("send", self._sending(), SEND_S, first_s=1.0),
            Job("late", self._mail(), LATE_S, first_s=2.0),
        )

    def _probe(self) -> str:
        """Find out whether a hub that was gone is back; asks nobody while the line is well."""
        if self.ends.line.breaker.is_closed:
            return IDLE
        self.ends.line.call("GET", HEALTH, dict, timeout_s=10.0)
        log.info("agent: the hub answers again")
        for name in ("beat", "send", "late", "look"):
            self.jobs.soon(name, in_s=self.jobs.draw())
        return ""

    def _token(self) -> str:
        if not self.ends.tokens.is_due:
            return IDLE
        self.ends.tokens.renew()
        return ""

    def _beating(self) -> Callable[[], None]:
        ends = self.ends
        beats = Beats(
            line=ends.line,
            tokens=ends.tokens,
            clock=ends.clock,
            memory=ends.memory,
            figures=self.figures,
            journal=JournalFigures(self.database),
            spool=SqliteSpool(self.database, ends.clock.machine),
            home=self.settings.home,
            agent=version("backroom"),
            boot=secrets.token_hex(8),
            ring=lambda: ends.ring,
            report=self.looks.switcher.report,
        )

        def beat() -> None:
            ring = ends.ring
            try:
                answer = beats()
            finally:
                tally = ends.line.breaker.tally
                self.jobs.soon("beat", in_s=ends.memory.known.beat_every_s)
                ends.memory.change(
                    breaker=tally.state.value, next_beat_at=self.jobs.next_at("beat")
                )
            if ends.ring != ring:
                self.heed(Wish(WishKind.LOOK))
            for wish in answer.wishes:
                self.heed(wish)

        return beat

    def _sending(self) -> Callable[[], None]:
        ends = self.ends
        sending = Sending(
            spool=SqliteSpool(self.database, ends.clock.machine),
            batches=Batches(ends.folder.batches, ends.identity, ends.clock),
            line=ends.line,
            tokens=ends.tokens,
            clock=ends.clock.machine,
        )

        def send() -> None:
            is_wanted, self._is_send_wanted = self._is_send_wanted, False
            try:
                sending(is_wanted=is_wanted)
            except BaseException:
                self._is_send_wanted = self._is_send_wanted or is_wanted
                raise

        return send

    def _mail(self) -> LateMail:
        ends = self.ends
        answers = SqliteLateAnswers(self.database, ends.clock.machine)
        return LateMail(ends.line, ends.tokens, ends.memory, answers)
