"""Enrolment: a code from headquarters and a key made here become an identity."""

from __future__ import annotations

import json
import os
from datetime import datetime
from importlib.metadata import version
from typing import Any
from zoneinfo import ZoneInfo

import psutil

from appliance.clock import SystemClock
from appliance.codec import to_plain
from appliance.errors import BadInput
from appliance.files import sync_folder
from sync.agent.bucket import Bucket
from sync.agent.errors import HubRefused
from sync.agent.folder import AgentFolder, write_secret
from sync.agent.identity import Identity, check_url, make_key
from sync.agent.line import Line
from sync.agent.memory import HubClock, Memory
from sync.agent.settings import AgentSettings, load_agent_settings
from sync.wire import ENROL, Enrol, Enrolled, proof_text

# What of an identity goes when it is left; what is owed, sealed or not, stays.
OWN_FILES = ("identity.json", "device.key", "root.json", "chain.json", "token.json", "state.json")


def enrol(folder: AgentFolder, url: str, code: str, *, is_insecure: bool = False) -> Identity:
    """Make this home a store of a hub; may be run again with the same code after a cut line.

    The key is made here and durable before anything is sent; `identity.json` is written last.

    Raises:
        BadInput: It is enrolled already, the URL or the code is none, or the disk refuses.
        LineDown: The hub does not answer.
    """
    hub = check_url(url, is_insecure=is_insecure)
    if folder.identity.exists():
        raise BadInput(
            f"{folder.home} is enrolled already.",
            hint=f"Look: backroom agent status --home {folder.home}; or first: backroom agent"
            f" leave --home {folder.home}",
        )
    with folder.locked():
        settings = load_agent_settings(folder.settings)
        key = make_key(folder.key)
        proof = key.sign(proof_text(code.strip(), key.public))
        told = _told(folder, hub, settings, Enrol(code.strip(), key.public, proof, machine()))
        write_secret(folder.root, told.root)
        identity = Identity(hub, told.device, told.store, told.ring, told.now, is_insecure)
        write_secret(folder.identity, json.dumps(to_plain(identity), indent=1) + "\n")
    return identity


def leave(folder: AgentFolder) -> None:
    """Forget the identity of this home; what is owed stays and goes to the next hub.

    Raises:
        BadInput: A file cannot be removed.
        AgentRuns: The agent runs.
    """
    with folder.locked():
        try:
            for name in OWN_FILES:  # the identity first: without it nobody looks at the rest
                (folder.path / name).unlink(missing_ok=True)
            sync_folder(folder.path)
        except OSError as exc:
            raise BadInput(
                f"{folder.path} cannot be cleared: {exc.strerror}.", hint=f"ls -l {folder.path}"
            ) from exc


def machine() -> dict[str, Any]:
    """Return what the hub is told of this machine; no name and no address is among it."""
    return {
        "agent": version("backroom"),
        "cores": os.cpu_count() or 0,
        "memory_mib": psutil.virtual_memory().total // 2**20,
    }


def _told(folder: AgentFolder, hub: str, settings: AgentSettings, asked: Enrol) -> Enrolled:
    clock = HubClock(SystemClock(), Memory(folder.state, may_write=False))
    line = Line(
        hub,
        bucket=Bucket(settings.rate, local=lambda: datetime.now(ZoneInfo("UTC"))),
        clock=clock,
        since=clock.now(),
        proxy=settings.proxy,
        ca_file=settings.ca_file,
    )
    try:
        return line.call("POST", ENROL, Enrolled, record=asked)
    except HubRefused as exc:
        raise BadInput(f"The hub refuses: {exc.message}", hint=exc.hint) from exc
    finally:
        line.close()
