"""One hub and some stores as real processes, each store's line in a test's hands."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import apsw

from appliance.config import DEMO_RELEASE
from appliance.release import read_manifest
from tests.builders.line.place import HUB, Place
from tests.builders.line.rough import Weather

ROOT = Path(__file__).parents[3]
RING = "shops"
START_S = 180.0
HUB_PORT, LINE_PORT, STORE_PORT = 18700, 18710, 18720
# Hours in a shop; here somebody waits for the test.
AGENT = "probation_hours = 0.001\nquiet_s = 0.5\nlook_minutes = 0.2\n"
HUB_SETTINGS = "beat_s = 2\nenrols_per_address = 1000\n\n[rollouts]\nstep_s = 0.5\n"


@dataclass(slots=True)
class Program:
    """A process that can be started again, spoken to and killed."""

    command: list[str]
    env: dict[str, str]
    log: Path
    process: subprocess.Popen[str] | None = None

    def start(self, *, ready: str = "") -> Program:
        """Start it; wait for a first line that begins with `ready`, if one is named."""
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.env, text=True, stderr=log,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE if ready else log,
                start_new_session=True,
            )  # fmt: skip
        if ready:
            line = self._out.readline()
            assert line.startswith(ready), f"{self.command}: {line} {self.log.read_text()[-800:]}"
        return self

    def tell(self, words: object) -> Any:
        """Write a line of JSON to it; return the line it answers."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        return json.loads(self._out.readline())

    def kill(self) -> None:
        """Signal 9 to it and to what it started."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    @property
    def _out(self) -> IO[str]:
        assert self.process is not None
        assert self.process.stdout is not None
        return self.process.stdout


@dataclass(slots=True)
class Shop:
    """A store, its line and who asks it."""

    number: str
    home: Path
    server: Program
    line: Program
    asker: Program

    def ask(self, text: str) -> dict[str, Any]:
        """Return the reply; fails when the store does not answer."""
        status, reply = self.asker.tell(["POST", "/v1/ask", {"text": text}])
        assert status == 200, (status, reply)
        return dict(reply)

    def get(self, path: str) -> Any:
        """Return what the store answers to a look."""
        return self.asker.tell(["GET", path, None])[1]

    def weather(self, weather: Weather) -> dict[str, int]:
        """Change the line's; return what has befallen it so far."""
        return dict(self.line.tell(asdict(weather)))

    def restart(self) -> None:
        """Kill it and start it again."""
        self.server.kill()
        self.server.start()
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until it answers."""
        wait_for(
            lambda: self.asker.tell(["GET", "/health", None])[0] == 200,
            within_s=START_S, what=lambda: self.server.log.read_text()[-1500:],
        )  # fmt: skip

    def spooled(self) -> int:
        """Return how much it owes."""
        return int(rows(self.home / "store.db", "SELECT count(*) FROM spool")[0][0])


@dataclass(slots=True)
class Chain:
    """All of it."""

    folder: Path
    place: Place
    hub: Program
    env: dict[str, str]
    shops: list[Shop] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """The hub's."""
        return self.folder / "hub"

    def backroom(self, *words: str | Path) -> str:
        """Run a command where the hub lives; return what it prints."""
        return backroom(self.env, *words, within=self.place.within(HUB))

    def restart_hub(self) -> None:
        """Kill it with signal 9 and start it again."""
        self.hub.kill()
        self.hub.start(ready="Backroom hub")

    def ledger(self, sql: str) -> list[tuple[Any, ...]]:
        """Return rows of the hub's database."""
        return rows(self.home / "hub.db", sql)


def wait_for(
    is_so: Callable[[], bool], *, within_s: float, what: Callable[[], object] = lambda: ""
) -> None:
    """Wait until something is so; fails with what was seen when it is not in time."""
    until_s = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < until_s, what()
        time.sleep(0.25)


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a statement on a database that others write."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.set_busy_timeout(5_000)
        return list(connection.execute(sql))
    finally:
        connection.close()


def backroom(env: dict[str, str], *words: str | Path, within: Sequence[str] = ()) -> str:
    """Run `backroom …` to its end; return what it prints."""
    done = subprocess.run(
        [*within, sys.executable, "-m", "appliance.cli", *map(str, words)],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def standing_chain(folder: Path, place: Place, stores: Sequence[str]) -> Iterator[Chain]:
    """Give a hub and stores that run, enrolled, with a first release published."""
    home = folder / "hub"
    env = {
        **os.environ, "BACKROOM_REPOSITORY": str(home / "repository"), "COLUMNS": "200",
        "BACKROOM_KEYS": str(home / "release-keys"), "BACKROOM_PASSPHRASE": "of the test's keys",
    }  # fmt: skip
    with ExitStack() as running:
        chain = Chain(folder, place, _hub(folder, env, place), env)
        _publish_first(chain)
        chain.hub.start(ready="Backroom hub")
        running.callback(chain.hub.kill)
        for number, store in enumerate(stores):
            shop = _shop(chain, store, number)
            chain.shops.append(shop)
            shop.line.start(ready="[")
            running.callback(shop.line.kill)
            _enrol(chain, shop, number)
            shop.server.start()
            running.callback(shop.server.kill)
            shop.asker.start(ready="ready")
            running.callback(shop.asker.kill)
        for shop in chain.shops:
            shop.wait_ready()
        yield chain


def _hub(folder: Path, env: dict[str, str], place: Place) -> Program:
    home = folder / "hub"
    command = [*place.within(HUB), sys.executable, "-u", "-m", "appliance.cli", "hub", "serve",
               "--home", str(home), "--port", str(HUB_PORT)]  # fmt: skip
    return Program(command, env, folder / "hub.log")


def _publish_first(chain: Chain) -> None:
    home = chain.home
    chain.backroom("hub", "init", home)
    with (home / "hub.toml").open("a", encoding="utf-8") as settings:
        settings.write(HUB_SETTINGS)
    chain.backroom("release", "init", home / "repository")
    passphrase = home / "release-keys" / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text(chain.env["BACKROOM_PASSPHRASE"], encoding="utf-8")
    chain.backroom("release", "sign", DEMO_RELEASE)
    chain.backroom("release", "publish")
    first = read_manifest(DEMO_RELEASE).id
    chain.backroom("release", "promote", "--ring", RING, "--release", first)


def _shop(chain: Chain, store: str, number: int) -> Shop:
    place, home = chain.place, chain.folder / f"store-{store}"
    port = STORE_PORT if place.is_apart else STORE_PORT + number
    listen = f"{place.lines[store]}:{LINE_PORT + number}"
    run = [sys.executable, "-u", "-m", "appliance.cli", "run", "--home", str(home)]
    return Shop(
        store,
        home,
        Program([*place.within(store), *run, "--port", str(port)], chain.env,
                chain.folder / f"store-{store}.log"),
        Program([*place.within(HUB), sys.executable, "-u", "-m", "tests.builders.line.rough",
                 listen, f"127.0.0.1:{HUB_PORT}"], chain.env, chain.folder / f"line-{store}.log"),
        Program([*place.within(store), sys.executable, "-u", "-m", "tests.builders.line.asker",
                 f"http://127.0.0.1:{port}"], chain.env, chain.folder / f"asker-{store}.log"),
    )  # fmt: skip


def _enrol(chain: Chain, shop: Shop, number: int) -> None:
    of = ("--store", shop.number, "--ring", RING)
    code = chain.backroom("hub", "code", "--home", chain.home, *of).split()[0]
    url = f"http://{chain.place.lines[shop.number]}:{LINE_PORT + number}"
    backroom(
        chain.env, "agent", "enrol", url, code, "--home", shop.home, "--insecure",
        within=chain.place.within(shop.number),
    )  # fmt: skip
    (shop.home / "agent" / "agent.toml").write_text(AGENT, encoding="utf-8")
    (shop.home / "backroom.toml").write_text(
        f'store = "{shop.number}"\nasks_per_minute = 0\n', encoding="utf-8"
    )
