"""Whether a release fits this machine and this program, before a byte of it is fetched."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import version

import psutil

from appliance.release import Manifest
from appliance.store.index_schema import SCHEMA
from sync.fetch.offer import KEPT, Plan
from sync.switch.slots import Slots

MIB = 2**20
RESERVE_BYTES = 256 * MIB  # what the store itself needs: a day's journal, its spool
TOKENIZER = "embedder/tokenizer.json"
VALUES = ("slots", "inline")
# What a release takes in memory beside the one that answers: its files are mapped or read whole,
# and two sessions and a context come to less than this (measured: tests/flow/test_switch.py).
SESSION_BYTES = 192 * MIB
IN_MEMORY = ("specialist/", "embedder/", "adapters/", "router/", "ranker/", "known/", "cards/")


@dataclass(frozen=True, slots=True)
class Machine:
    """What a release must fit."""

    disk_free_bytes: int
    memory_available_bytes: int
    agent: str  # version of this program


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a release does not fit."""

    why: str
    is_passing: bool  # room may be made; a program that is too old stays so until it is replaced


def read_machine(slots: Slots) -> Machine:
    """Return what this machine has now."""
    return Machine(
        disk_free_bytes=slots.disk_free(),
        memory_available_bytes=int(psutil.virtual_memory().available),
        agent=version("backroom"),
    )


def misfits(manifest: Manifest, plan: Plan, machine: Machine) -> tuple[Misfit, ...]:
    """Return everything that speaks against a release; what lasts comes first."""
    lasting = [_agent(manifest, machine), *_compatibility(manifest)]
    passing = [_disk(manifest, plan, machine), _memory(manifest, machine)]
    found = [Misfit(why, False) for why in lasting if why]
    return (*found, *(Misfit(why, True) for why in passing if why))


def version_of(text: str) -> tuple[int, ...]:
    """Return a version's numbers, `0.12.3` as (0, 12, 3); what follows them is not compared."""
    return tuple(int(n) for n in re.findall(r"\d+", text.split("+", 1)[0])[:4])


def _agent(manifest: Manifest, machine: Machine) -> str:
    if version_of(machine.agent) >= version_of(manifest.min_agent):
        return ""
    return f"it wants Backroom {manifest.min_agent}, this is {machine.agent}"


def _compatibility(manifest: Manifest) -> list[str]:
    said = manifest.compatibility
    tokenizer = manifest.parts.get(TOKENIZER)
    schema, values, dim = said.get("index_schema"), said.get("values"), said.get("embedding_dim")
    sha = said.get("tokenizer_sha256")
    return [
        "" if str(schema) == SCHEMA else f"index schema {schema}, this store reads {SCHEMA}",
        "" if values in VALUES else f"values {values!r}, this store knows {' and '.join(VALUES)}",
        "" if isinstance(dim, int) and dim > 0 else f"embedding_dim is {dim!r}",
        ""
        if tokenizer is not None and tokenizer.sha256 == sha
        else f"its tokenizer is not the one its vectors were made with ({str(sha)[:12]}…)",
    ]


def _disk(manifest: Manifest, plan: Plan, machine: Machine) -> str:
    kept = sum(step.part.bytes for step in plan.steps if step.way == KEPT)
    need = max(plan.disk_bytes, manifest.disk_needed - kept) + RESERVE_BYTES
    if machine.disk_free_bytes >= need:
        return ""
    return f"it needs {need // MIB:,} MiB of disk, {machine.disk_free_bytes // MIB:,} are free"


def _memory(manifest: Manifest, machine: Machine) -> str:
    files = sum(p.bytes for name, p in manifest.parts.items() if name.startswith(IN_MEMORY))
    need = files + SESSION_BYTES
    if machine.memory_available_bytes >= need:
        return ""
    free = machine.memory_available_bytes // MIB
    return f"it needs {need // MIB:,} MiB of memory beside the live one, {free:,} are available"
