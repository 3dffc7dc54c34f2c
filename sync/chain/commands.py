"""`backroom chain`: a hub and two stores on this machine, and a release going to them."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from appliance.config import DEMO_RELEASE

if TYPE_CHECKING:
    from sync.chain.processes import Shell

RING = "shops"
STORES = ("0001", "0002")
ASKED = "how long to return a tv"
CARD = "electronics-returns"
TEXT = (
    "Unopened electronics may be returned within 60 days with the receipt. Opened electronics may"
    " be returned within 30 days with the receipt, and without a fault they carry a 15% restocking"
    " fee. Holiday purchases may be returned until January 31."
)
# Probation and soak are hours in a chain of shops; here somebody is watching.
AGENT = "probation_hours = 0.002\nquiet_s = 1\nlook_minutes = 1\n"
PLAN = """\
release = "{release}"
counter = {counter}
watch_s = 5

[[rings]]
ring = "{ring}"
splay_s = 0

[[rings.steps]]
percent = 50
soak_s = 3
least_settled = 1
fail_count = 1

[[rings.steps]]
percent = 100
soak_s = 3
fail_count = 1
"""
# In one place here; else root's, the content's and the release manager's keys leave this machine.
KEYS = Path("hub", "release-keys")
HUB = "beat_s = 5\n\n[rollouts]\nstep_s = 0.5\n"
MOST_S = 240.0  # for the release to reach both stores
out = Console(highlight=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add `chain` to the one command."""
    app.command("chain")(chain)


def chain(
    folder: Annotated[Path, typer.Option(help="Made anew each time.")] = Path("var/chain"),
    port: Annotated[int, typer.Option(help="The hub's; the stores have the next two.")] = 8090,
    once: Annotated[bool, typer.Option("--once", help="Stop when the release is there.")] = False,
) -> None:
    """Run a hub and two stores here, and take a release to them before your eyes."""
    from appliance.signals import ending_in_order  # noqa: PLC0415

    with ending_in_order(), suppress(KeyboardInterrupt), ExitStack() as running:
        stores = _begin(folder, port, running)
        _send(folder, stores)
        if not once:
            _stay(port, stores)


@dataclass(frozen=True, slots=True)
class Shop:
    """A store of the chain."""

    number: str
    home: Path
    url: str


def _begin(folder: Path, port: int, running: ExitStack) -> tuple[Shop, ...]:
    """Make keys, repository, hub and stores; leave all of it running."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    shell, hub = _shell(folder), f"http://127.0.0.1:{port}"
    home = folder / "hub"
    _say("A repository of releases, its keys under a passphrase; the running release is its first.")
    shell.run("hub", "init", home)
    with (home / "hub.toml").open("a", encoding="utf-8") as settings:
        settings.write(HUB)
    _type(shell, "release", "init", home / "repository")
    _type(shell, "release", "sign", DEMO_RELEASE)
    _type(shell, "release", "publish")
    first = _counted(DEMO_RELEASE)[0]
    _type(shell, "release", "promote", "--ring", RING, "--release", first)
    _say(f"The hub, on {hub}, and two stores, each enrolled with a code that works once.")
    running.enter_context(
        shell.running("hub", "serve", "--home", home, "--port", str(port),
                      log=folder / "hub.log", ready=f"{hub}/health")
    )  # fmt: skip
    shops = tuple(
        Shop(number, folder / f"store-{number}", f"http://127.0.0.1:{port + n}")
        for n, number in enumerate(STORES, 1)
    )
    for shop in shops:
        code = shell.run("hub", "code", "--home", home, "--store", shop.number, "--ring", RING)
        _type(shell, "agent", "enrol", hub, code.split()[0], "--home", shop.home)
        (shop.home / "agent" / "agent.toml").write_text(AGENT, encoding="utf-8")
        (shop.home / "backroom.toml").write_text(f'store = "{shop.number}"\n', encoding="utf-8")
        running.enter_context(
            shell.running("run", "--home", shop.home, "--port", shop.url.rsplit(":", 1)[1],
                          log=folder / f"store-{shop.number}.log", ready=f"{shop.url}/health")
        )  # fmt: skip
    return shops


def _send(folder: Path, shops: Sequence[Shop]) -> None:
    """Word one answer anew, sign it, and watch it go to the stores."""
    from sync.chain.later import reword  # noqa: PLC0415

    shell, home = _shell(folder), folder / "hub"
    _answers(shops)
    first, counter = _counted(DEMO_RELEASE)
    later = f"{first}-holiday"
    _say("Headquarters words one answer anew: a release that differs in one part.")
    reword(
        DEMO_RELEASE, folder / "later", named=later, card=CARD, text=TEXT, asks=(ASKED,),
        at=datetime.now(UTC).replace(microsecond=0),
    )  # fmt: skip
    _type(shell, "release", "sign", folder / "later", "--from", DEMO_RELEASE)
    _type(shell, "release", "publish")
    _type(shell, "release", "cost", "--ring", RING, "--stores", str(len(shops)))
    plan = folder / "plan.toml"
    plan.write_text(PLAN.format(release=later, counter=counter + 1, ring=RING), encoding="utf-8")
    _type(shell, "rollout", "start", plan, "--home", home, "--as", "dana")
    began_s = time.monotonic()
    for line in _watched(shops, later, began_s):
        out.print(line, markup=False)
    _say("What the stores say now:")
    _answers(shops)
    _type(shell, "rollout", "status", "--home", home)


def _watched(shops: Sequence[Shop], release: str, began_s: float) -> Iterator[str]:
    """Yield a line each time a store stands elsewhere, until all have settled on the release."""
    from sync.switch.record import read_record  # noqa: PLC0415

    seen: dict[str, str] = {}
    while len([s for s in seen.values() if s.startswith(f"settled {release}")]) < len(shops):
        if time.monotonic() - began_s > MOST_S:
            yield f"  not everywhere after {MOST_S:.0f} s; see the logs beside the stores"
            return
        for shop in shops:
            record = read_record(shop.home)
            named = record.candidate or record.live
            now = f"{record.state} {named.id or 'the first release'} {record.why}".strip()
            if now != seen.get(shop.number):
                seen[shop.number] = now
                yield f"  {time.monotonic() - began_s:6.1f} s  store {shop.number}  {now}"
        time.sleep(0.05)


def _answers(shops: Sequence[Shop]) -> None:
    for shop in shops:
        out.print(f"  {shop.number}: {ASKED}? [dim]{_ask(shop.url)}[/]")


def _ask(url: str) -> str:
    import httpx  # noqa: PLC0415

    asked: dict[str, Any] = {"text": ASKED}
    reply = httpx.post(f"{url}/v1/ask", json=asked, timeout=30.0).raise_for_status().json()
    return f"{reply['text']} ({reply['lane']}, {reply['release']})"


def _stay(port: int, shops: Sequence[Shop]) -> None:
    _say("All of it runs until Ctrl+C:")
    for shop in shops:
        out.print(f"  store {shop.number}  {shop.url}", markup=False)
    out.print(f"  hub         http://127.0.0.1:{port}  (backroom hub stores)", markup=False)
    while True:
        time.sleep(3600)


def _shell(folder: Path) -> Shell:
    from sync.chain.processes import Shell  # noqa: PLC0415

    secret = folder / KEYS / "passphrase"  # where the hub finds it, to move rings by itself
    if not secret.exists():
        secret.parent.mkdir(parents=True, mode=0o700)
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe(24), encoding="utf-8")
    return Shell(
        {
            "BACKROOM_REPOSITORY": str(folder / "hub" / "repository"),
            "BACKROOM_KEYS": str(folder / KEYS),
            "BACKROOM_PASSPHRASE": secret.read_text(encoding="utf-8"),
        }
    )


def _type(shell: Shell, *words: str | Path) -> None:
    """Run a command, shown as it would be typed."""
    out.print(f"\n$ backroom {' '.join(map(str, words))}", style="bold", markup=False)
    said = shell.run(*words).splitlines()
    out.print("\n".join(line for line in said if not line.startswith("copying ")), markup=False)


def _say(text: str) -> None:
    out.print(f"\n— {text}", style="cyan", markup=False)


def _counted(release: Path) -> tuple[str, int]:
    from appliance.release import read_manifest  # noqa: PLC0415

    manifest = read_manifest(release)
    return manifest.id, manifest.counter
