"""A release on this disk that turned out damaged, fetched again in the place of the old one."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path

from appliance.config import Settings
from appliance.errors import BadInput
from appliance.files import sync_folder
from appliance.live import Slot
from sync.agent.ends import open_ends
from sync.agent.errors import AgentRuns
from sync.agent.releases import client_of
from sync.errors import CannotWrite
from sync.fetch.filling import Fetched
from sync.fetch.verified import RECORD
from sync.switch.slots import GONE, Slots


def refetch(settings: Settings, name: str) -> Fetched:
    """Fetch a release again; what of it is sound is kept, and not fetched.

    The old folder stands until the new one is whole. Between two renames it has no name: a store
    that starts in that moment stands on the release before, and on this one at its next start.

    Raises:
        BadInput: No such release is in this home.
        LineDown, Untrusted, CannotWrite: The old folder is as it was.
    """
    ends, slots = open_ends(settings), Slots(settings.home)
    with ExitStack() as opened:
        opened.callback(ends.close)
        with suppress(AgentRuns):  # then its token is used
            opened.enter_context(ends.folder.locked())
            ends.become_agent()
        client = client_of(ends)
        opened.callback(client.close)
        client.refresh()
        offered = client.release(name)
        slot = Slot(name, offered.manifest.counter)
        whole, incoming = slots.whole(slot), slots.incoming(slot)
        if not whole.is_dir():
            raise BadInput(
                f"Release {name} does not lie in {slots.folder}.",
                hint="The one that came with the program is mended by installing that again.",
            )
        (whole / RECORD).unlink(missing_ok=True)  # every part is looked at, none believed
        came = client.fetch(offered, incoming, have=[whole])
        _swap(whole, incoming)
        slots.check(slot)
    return came


def _swap(whole: Path, incoming: Path) -> None:
    gone = whole.with_name(f".{whole.name}{GONE}")
    try:
        whole.rename(gone)
        incoming.rename(whole)
        sync_folder(whole.parent)
    except OSError as exc:
        raise CannotWrite(f"{whole} cannot be replaced: {exc.strerror or exc}.") from exc
