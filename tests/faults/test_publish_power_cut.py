"""The power goes at headquarters or in the store: the repository and what was seen both stand."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.release import MANIFEST, check_parts
from sync.fetch.client import ReleaseClient
from sync.fetch.trusted import read_expiries
from sync.publish.repository import Repository
from tests.builders.power.cut import Step, after_cut, read_steps, recording
from tests.builders.repositories import PARTS, key_folder, release
from tests.fakes.clock import FakeClock

ROOT = Path(__file__).parents[2]
CUTS = 25
INDEX = PARTS["index.db"][:-600] + b"fresh " * 100

# Publishes and promotes, and notes each pointer once a store may have seen it.
PUBLISHER = """
import sys
from pathlib import Path
from sync.trust.ring import RingPointer
from tests.builders.power.cut import say
from tests.builders.repositories import repository
from tests.fakes.clock import FakeClock

home, log, releases = (Path(arg) for arg in sys.argv[1:])
repo = repository(home, FakeClock())
say(log, "root")
for name, counter in (("rel-a", 1), ("rel-b", 2)):
    repo.sign(releases / name, previous=[releases / "rel-a"] if counter > 1 else [])
    repo.publish()
    for percent in (10, 50, 100):
        repo.promote(RingPointer("pilot", name, counter, percent=percent))
        say(log, f"{counter} {percent}")
"""
# Looks and fetches as a store does, and notes what it has seen and what is whole.
STORE = """
import sys
from pathlib import Path
from sync.fetch.client import ReleaseClient
from tests.builders.power.cut import say
from tests.builders.repositories import key_folder
from sync.publish.repository import Repository
from sync.trust.ring import RingPointer
from tests.fakes.clock import FakeClock

home, log, hq = (Path(arg) for arg in sys.argv[1:])
repo = Repository(hq / "repo", keys=key_folder(hq / "keys"), clock=FakeClock())
client = ReleaseClient(home / "tuf", repo.folder, repo.root(), clock=FakeClock())
for n, name in enumerate(("rel-a", "rel-b"), start=1):
    repo.promote(RingPointer("pilot", "rel-b", 2, percent=n))
    client.look("pilot")
    say(log, f"seen {repo.view().timestamp.signed.version}")
    client.fetch(client.release(name), home / name, have=[home / "rel-a"] if n > 1 else [])
    say(log, f"whole {name}")
"""


def recorded(program: str, home: Path, log: Path, last: Path) -> list[Step]:
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", program, str(home), str(log), str(last)],
        cwd=ROOT, env=recording(home, log), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return read_steps(log)


@pytest.fixture(scope="module")
def hq(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Step]]:
    folder = tmp_path_factory.mktemp("hq")
    release(folder / "releases/rel-a", "rel-a", 1)
    release(folder / "releases/rel-b", "rel-b", 2, {**PARTS, "index.db": INDEX})
    home = folder / "home"
    return home, recorded(PUBLISHER, home, folder / "log", folder / "releases")


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_pointer_that_was_signed_is_there_after_the_cut_and_every_file_it_needs(
    hq: tuple[Path, list[Step]], tmp_path: Path, share: float
) -> None:
    home, steps = hq
    promised = 0
    for seed in range(CUTS):
        rng = random.Random(seed)
        upto = rng.randint(0, len(steps))
        into = tmp_path / f"{seed}"
        heard = after_cut(steps[:upto], home, into / "home", rng=rng, share=share)
        if not heard:
            continue
        for key in (into / "home/keys").rglob("*.key"):
            assert key.stat().st_size  # a key that signed what stores trust is not lost
        repo = Repository(
            into / "home/repo", keys=key_folder(into / "home/keys"), clock=FakeClock()
        )
        client = ReleaseClient(into / "tuf", repo.folder, repo.root(), clock=FakeClock())
        client.refresh()
        repo.refresh(force=True)
        told = [tuple(map(int, words.split())) for words in heard if words != "root"]
        if told:
            pointer = client.look("pilot")
            assert (pointer.counter, pointer.percent) >= told[-1], f"cut {seed}"
            client.fetch(client.release(pointer.release), into / "got")
            assert check_parts(into / "got").counter == pointer.counter
            promised += 1
    assert promised > CUTS // 4, "the cuts came before anything was promised"


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_release_with_a_manifest_is_whole_and_what_was_seen_is_not_forgotten(
    hq: tuple[Path, list[Step]],
    stores: tuple[Path, list[Step]],
    tmp_path: Path,
    share: float,
) -> None:
    home, steps = stores
    seen = 0
    for seed in range(CUTS):
        rng = random.Random(seed)
        upto = rng.randint(0, len(steps))
        into = tmp_path / f"{seed}"
        heard = after_cut(steps[:upto], home, into / "home", rng=rng, share=share)
        for name in ("rel-a", "rel-b"):
            is_whole = (into / "home" / name / MANIFEST).exists()
            assert is_whole or f"whole {name}" not in heard, f"cut {seed}"
            if is_whole:
                assert check_parts(into / "home" / name).id == name
        versions = {e.role: e.version for e in read_expiries(into / "home/tuf")}
        told = [int(words.split()[1]) for words in heard if words.startswith("seen")]
        if told:
            assert versions["timestamp"] >= told[-1], f"cut {seed}"
            json.loads((into / "home/tuf/snapshot.json").read_bytes())
            seen += 1
    assert seen > CUTS // 4, "the cuts came before anything was seen"


@pytest.fixture(scope="module")
def stores(
    hq: tuple[Path, list[Step]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Step]]:
    folder = tmp_path_factory.mktemp("store")
    home = folder / "home"
    return home, recorded(STORE, home, folder / "log", hq[0])


def test_without_our_fsync_a_cut_makes_a_store_forget_what_it_saw(
    hq: tuple[Path, list[Step]], tmp_path: Path
) -> None:
    # The test above, shown a culprit: python-tuf's own way of keeping metadata, a rename alone.
    hasty = STORE.replace(
        "\nhome, log, hq",
        "\nfrom sync.fetch.fetcher import DurableUpdater\nfrom tuf.ngclient import Updater\n"
        "DurableUpdater._persist_file = Updater._persist_file\nhome, log, hq",
    )
    home = tmp_path / "home"
    steps = recorded(hasty, home, tmp_path / "log", hq[0])
    lost = 0
    for seed in range(CUTS):
        rng = random.Random(seed)
        upto = rng.randint(0, len(steps))
        copy = tmp_path / f"{seed}"
        heard = after_cut(steps[:upto], home, copy, rng=rng, share=0.0)
        told = [int(words.split()[1]) for words in heard if words.startswith("seen")]
        versions = {e.role: e.version for e in read_expiries(copy / "tuf")}
        lost += bool(told) and versions.get("timestamp", 0) < told[-1]
    assert lost
