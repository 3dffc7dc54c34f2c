"""Real small releases, a signed repository of them, and a store's switch over it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from appliance.config import DEMO_RELEASE, Settings
from appliance.live import Slot, Standing, read_live, write_standing
from appliance.ports import Clock
from appliance.release import MANIFEST
from sync.fetch.client import ReleaseClient
from sync.publish.repository import Repository
from sync.switch.fit import Machine
from sync.switch.rehearsal import Rehearsal
from sync.switch.switcher import Switcher, SwitchLimits
from sync.switch.trial import TrialLimits
from sync.trust.ring import RingPointer
from tests.builders.repositories import published, release, repository

RING = "stable"
GIB = 2**30
PROBE = {"text": "what time do we close on sunday", "holds": [], "lanes": []}
ROOMY = Machine(disk_free_bytes=50 * GIB, memory_available_bytes=8 * GIB, agent="99.0.0")
QUICK = SwitchLimits(quiet_s=0.0, again_s=0.0, trial=TrialLimits(probation_s=3600.0))


def demo_release(
    folder: Path,
    release_id: str,
    counter: int,
    *,
    probes: Sequence[Mapping[str, Any]] = (PROBE,),
    parts: Mapping[str, bytes] | None = None,
    **manifest: Any,
) -> Path:
    """Return a release made of the demo's: links to its parts, and one part of its own.

    `parts` are put in the place of the demo's and sealed; `manifest` overrides its members.
    """
    shutil.copytree(DEMO_RELEASE, folder, copy_function=os.link)
    plain = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    own = {"prompts.toml": (folder / "prompts.toml").read_bytes() + f"# {release_id}\n".encode()}
    for name, content in {**own, **(parts or {})}.items():
        (folder / name).unlink()
        (folder / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        plain["parts"][name] = {"sha256": digest, "bytes": len(content)}
    plain |= {"id": release_id, "counter": counter, "probes": list(probes), **manifest}
    (folder / MANIFEST).unlink()
    (folder / MANIFEST).write_text(json.dumps(plain), encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Chain:
    """A repository with releases v1 … and a store that was installed with v1."""

    folder: Path
    repo: Repository
    root: bytes
    clock: Clock

    @classmethod
    def at(cls, folder: Path, clock: Clock, *releases: Path) -> Chain:
        repo = repository(folder, clock)
        root = repo.root()
        for made in releases:
            published(repo, made)
        return cls(folder, repo, root, clock)

    def promote(self, release: str, **fields: Any) -> RingPointer:
        counter = self.repo.manifest(release).counter
        return self.repo.promote(RingPointer(RING, release, counter, **fields))

    def client(self, home: Path, **options: Any) -> ReleaseClient:
        return ReleaseClient(
            home / "agent" / "tuf",
            self.folder / "repo",
            self.root,
            clock=self.clock,
            **options,
        )


def rehearsed(_: Path) -> Rehearsal:
    """Rehearse nothing, well: for tests of something else."""
    return Rehearsal(probes=1, slowest_s=0.01)


def switcher(home: Path, installed: Path, clock: Clock, **options: Any) -> Switcher:
    """Return the switch of a store on a roomy machine that waits for nothing."""
    home.mkdir(parents=True, exist_ok=True)
    known = {
        "ring": RING,
        "limits": QUICK,
        "rehearse": rehearsed,
        "machine_of": lambda _: ROOMY,
    }
    return Switcher(Settings(home=home, release=installed), clock, **{**known, **options})


def limits(**trial: Any) -> SwitchLimits:
    """Return quick limits with another trial."""
    return replace(QUICK, trial=replace(QUICK.trial, **trial))


def tiny_release(
    folder: Path, release_id: str, counter: int, *, parts: Mapping[str, bytes] | None = None
) -> Path:
    """Return a release of a few kilobytes that fits; no store can open it."""
    known = {
        "specialist/specialist.gguf": b"GGUF" + bytes(range(256)) * 64,
        "embedder/tokenizer.json": b"{}",
        "index.db": f"{release_id} ".encode() * 400,
        "prompts.toml": f"# {release_id}\n".encode(),
        **(parts or {}),
    }
    release(folder, release_id, counter, known)
    path = folder / MANIFEST
    plain = json.loads(path.read_text(encoding="utf-8"))
    plain["compatibility"] = {
        "embedding_dim": 384,
        "tokenizer_sha256": plain["parts"]["embedder/tokenizer.json"]["sha256"],
        "index_schema": "1",
        "values": "slots",
    }
    path.write_text(json.dumps(plain), encoding="utf-8")
    return folder


def stands(home: Path, *, healthy: bool = True, left: str = "", on: Slot | None = None) -> None:
    """Say what a running store would say: it stands where `switch.json` wants it, or on `on`."""
    live = read_live(home)
    said = Standing(on or live.live, True, live.turn, "boot", 0, healthy, left)
    write_standing(home, said)
