"""`GET` and `PUT /v1/batches/{sha256}`: what stores owe, piece by piece, until it is kept."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler, get, put
from litestar.params import FromPath

from sync.hub.bodies import answered
from sync.hub.door import Caller
from sync.hub.keep import PARTIAL, Keeper, Kept, find_kept
from sync.hub.parts import Hub
from sync.hub.problems import refused
from sync.wire import BATCH_BYTES, BATCHES, PIECE_BYTES, BatchState

SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
AT_ONCE = 2  # batches read at a time by one worker; reading one takes a core and some memory
CHANGED = "Its bytes were changed on the way; send it again."


def batch_handlers(hub: Hub) -> list[HTTPRouteHandler]:
    """Return the handlers over a hub."""
    desk = Desk(Keeper(hub.ledger, hub.pieces, hub.blobs, hub.clock))

    @get(f"{BATCHES}/{{sha256:str}}")
    async def state(request: Request[Any, Any, Any], sha256: FromPath[str]) -> Response[bytes]:
        """Tell how much of a batch is here, so that a store goes on from there."""
        caller, kept = await _look(hub, request, sha256)
        if kept is None:
            have, total = hub.pieces.held(caller.device, sha256)
            return answered(await desk.settle(caller, sha256, have=have, total=total))
        return answered(_ended(kept))

    @put(f"{BATCHES}/{{sha256:str}}", request_max_body_size=PIECE_BYTES)
    async def piece(request: Request[Any, Any, Any], sha256: FromPath[str]) -> Response[bytes]:
        """Take a piece; `kept` is said only once the whole batch is durable."""
        caller, kept = await _look(hub, request, sha256)
        if kept is not None:
            return answered(_ended(kept))
        offset, total = _number(request, "offset"), _number(request, "total")
        body = await request.body()
        if not 1 <= total <= BATCH_BYTES or offset + len(body) > total:
            detail = f"A batch has 1 to {BATCH_BYTES:,} bytes and its pieces lie inside it."
            raise refused(400, "bad_piece", detail)
        have = await asyncio.to_thread(
            hub.pieces.add, caller.device, sha256, body, offset=offset, total=total
        )
        return answered(await desk.settle(caller, sha256, have=have, total=total))

    return [state, piece]


@dataclass(slots=True)
class Desk:
    """Takes in batches that are whole, a few at a time; lives on the event loop."""

    keeper: Keeper
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _running: dict[tuple[str, str], asyncio.Task[Kept | None]] = field(default_factory=dict)

    async def settle(self, caller: Caller, sha256: str, *, have: int, total: int) -> BatchState:
        """Return how a batch stands, taken in if all of it is here.

        Raises:
            LedgerError: It could not be kept now.
        """
        if have < total or not total:
            return BatchState(have, total, PARTIAL)
        key = (caller.device, sha256)
        task = self._running.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._keep(caller, sha256, total))
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key, None))
        kept = await asyncio.shield(task)  # who hangs up may ask again
        return BatchState(0, total, PARTIAL, CHANGED) if kept is None else _ended(kept)

    async def _keep(self, caller: Caller, sha256: str, total: int) -> Kept | None:
        async with self._places:
            return await asyncio.to_thread(self.keeper, caller, sha256, total)


def _ended(kept: Kept) -> BatchState:
    return BatchState(kept.bytes, kept.bytes, kept.state, kept.why)


async def _look(
    hub: Hub, request: Request[Any, Any, Any], sha256: str
) -> tuple[Caller, Kept | None]:
    if not SHA256.fullmatch(sha256):
        raise refused(404, "not_found", "A batch is named by its sha256, 64 digits in lower case.")
    return await hub.door.reading(
        request, lambda connection, caller: (caller, find_kept(connection, caller.device, sha256))
    )


def _number(request: Request[Any, Any, Any], name: str) -> int:
    text = request.query_params.get(name, "")
    if not NUMBER.fullmatch(text):
        raise refused(400, "bad_piece", f"`{name}` is a number of bytes.", "?offset=0&total=1024")
    return int(text)
