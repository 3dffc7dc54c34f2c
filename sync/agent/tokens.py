"""The device's token: asked for with a signature, kept as long as it lives, never used in doubt."""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from appliance.errors import BackroomError, BadInput, LineDown
from sync.agent.errors import HubFailed, HubRefused, TurnedAway
from sync.agent.folder import AgentFolder, write_secret
from sync.agent.identity import DeviceKey, Identity
from sync.agent.line import Line
from sync.agent.memory import Chain, HubClock
from sync.wire import TOKEN, TokenGrant, TokenRequest, token_text

T = TypeVar("T")
log = logging.getLogger(__name__)

SPARE_S = 60.0  # a token with less life left is not used any more
RENEW_S = 240.0  # with less, the job asks for the next one
SPENT = frozenset({"bad_token", "no_token"})
SKEW = "clock_skew"
# Asked again so rarely while the hub turns this device away: somebody has to enrol it anew.
TURNED_AWAY_S = 300.0
TRIES = 3  # of one request: a skewed clock, a nonce that was used


@dataclass(frozen=True, slots=True)
class Held:
    """A token and until when it may be used, by the clock that never goes back."""

    token: str
    until_s: float


class Tokens:
    """The token of this device; any thread may ask for it."""

    def __init__(
        self,
        line: Line,
        identity: Identity,
        key: DeviceKey | None,
        *,
        folder: AgentFolder,
        clock: HubClock,
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        """Hold none yet.

        Args:
            line: To the hub.
            identity: What this device is.
            key: Its own; None where another process is the agent, whose token is then used.
            folder: Where the chain and the token are.
            clock: By the hub's time.
            nonce: Draws one.
        """
        self._line = line
        self._identity = identity
        self._key = key
        self._folder = folder
        self._clock = clock
        self._nonce = nonce
        self._chain = Chain(folder)
        self._lock = threading.Lock()
        self._held = self._read()
        self._turned_away: tuple[float, str] | None = None

    @property
    def is_due(self) -> bool:
        """Whether the next one should be asked for now, before this one ends."""
        return self._left_s() < RENEW_S

    def become(self, key: DeviceKey) -> None:
        """Ask for tokens from now on: this process is the agent."""
        with self._lock:
            self._key = key

    def current(self) -> str:
        """Return a token that holds for a while, asked for if need be.

        Raises:
            LineDown: There is none to be had: no line, or the hub turns this device away.
        """
        if self._left_s() > SPARE_S and self._held is not None:
            return self._held.token
        with self._lock:  # one asks, the others wait for what it gets
            if self._left_s() > SPARE_S and self._held is not None:
                return self._held.token
            self._held = self._next()
            return self._held.token

    def renew(self) -> None:
        """Ask for the next token while this one still holds.

        Raises:
            LineDown: There is none to be had.
        """
        with self._lock:
            self._held = self._next()

    def spent(self, token: str) -> None:
        """Forget a token that the hub does not take any more."""
        with self._lock:
            if self._held is not None and self._held.token == token:
                self._held = None

    def used(self, work: Callable[[str], T]) -> T:
        """Return what `work` does with a token; once more with a new one if it was spent.

        Raises:
            TurnedAway: The hub refuses this device.
            BackroomError: As `work`.
        """
        token = self.current()
        try:
            return work(token)
        except HubRefused as exc:
            if exc.reason in SPENT:
                self.spent(token)
                return self._again(work)
            raise self._judged(exc) from exc

    def _again(self, work: Callable[[str], T]) -> T:
        try:
            return work(self.current())
        except HubRefused as exc:
            raise self._judged(exc) from exc

    def _judged(self, exc: HubRefused) -> BackroomError:
        """Return what a refusal is: of this device, or of one request alone."""
        if exc.status not in {401, 403} or exc.reason == SKEW:
            return exc
        why = f"The hub turns this device away: {exc.message}"
        self._turned_away = (self._clock.monotonic() + TURNED_AWAY_S, why)
        return TurnedAway(why, hint="With a new code: backroom agent leave, then enrol.")

    def _next(self) -> Held:
        if self._key is None:
            held = self._read()
            if held is None:
                raise LineDown(
                    "The agent of this home, another process, has no token.",
                    hint=f"Look at it: backroom agent status --home {self._folder.home}",
                )
            return held
        if self._turned_away and self._clock.monotonic() < self._turned_away[0]:
            raise TurnedAway(self._turned_away[1], hint="backroom agent leave, then enrol.")
        grant = self._granted(self._key)
        self._turned_away = None
        # Kept before the token is used: what the hub sees next is what it gave last.
        self._keep(grant)
        lives_s = (grant.expires_at - grant.now).total_seconds()
        return Held(grant.token, self._clock.monotonic() + lives_s)

    def _granted(self, key: DeviceKey) -> TokenGrant:
        for _ in range(TRIES):
            asked = self._request(key)
            try:
                grant = self._line.call("POST", TOKEN, TokenGrant, record=asked)
            except HubRefused as exc:
                if exc.reason == SKEW and self._corrected(exc):
                    continue
                if exc.reason == "nonce_replayed":
                    continue
                raise self._judged(exc) from exc
            self._clock.heard(grant.now)
            return grant
        raise HubFailed(f"The hub gave no token in {TRIES} tries.")

    def _request(self, key: DeviceKey) -> TokenRequest:
        device, nonce = self._identity.device, self._nonce()
        at, chain = self._clock.now(), self._chain.read()
        signature = key.sign(token_text(device, nonce, at, chain))
        return TokenRequest(device, nonce, at, chain, signature)

    def _corrected(self, exc: HubRefused) -> bool:
        try:
            now = datetime.fromisoformat(str(exc.problem.get("now", "")))
        except ValueError:
            return False
        if now.tzinfo is None:
            return False
        self._clock.heard(now)
        log.warning("agent: this machine's clock is off; the hub's time is used for the line")
        return True

    def _keep(self, grant: TokenGrant) -> None:
        try:
            self._chain.write(grant.chain)
        except BadInput as exc:
            raise LineDown(
                f"A token was given and is not used: its chain could not be kept. {exc.message}",
                hint=exc.hint,
            ) from exc
        plain = {"token": grant.token, "expires_at": grant.expires_at.isoformat()}
        try:
            write_secret(self._folder.token, json.dumps(plain) + "\n")
        except BadInput as exc:  # of use only to another process and the next start
            log.warning("agent: %s", exc)

    def _read(self) -> Held | None:
        """Return the token on disk, if it still lives."""
        try:
            plain = json.loads(self._folder.token.read_text(encoding="utf-8"))
            ends_at = datetime.fromisoformat(plain["expires_at"])
            left_s = (ends_at - self._clock.now()) / timedelta(seconds=1)
            token = str(plain["token"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return Held(token, self._clock.monotonic() + left_s) if left_s > SPARE_S else None

    def _left_s(self) -> float:
        held = self._held
        return held.until_s - self._clock.monotonic() if held is not None else 0.0
