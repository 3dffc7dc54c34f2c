"""Where a hub and its stores live: on loopback, or each in a network namespace of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

HUB = "hub"


@dataclass(frozen=True, slots=True)
class Place:
    """Who is where, and on which address each store finds its line to the hub."""

    namespaces: dict[str, str]  # of the hub and each store; empty: all on loopback
    lines: dict[str, str]  # store -> address in the hub's namespace that it can reach

    def within(self, who: str) -> list[str]:
        """Return what a command begins with to run where `who` lives."""
        name = self.namespaces.get(who)
        return ["ip", "netns", "exec", name] if name else []

    @property
    def is_apart(self) -> bool:
        """Whether stores and hub are on networks of their own."""
        return bool(self.namespaces)


def lacks_namespaces() -> str:
    """Return why this machine cannot make network namespaces; '' when it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "ip is missing: apt-get install iproute2"
    name = f"bk-try-{os.getpid()}"
    if _ip("netns", "add", name, check=False):
        return "this kernel makes no network namespaces"
    _ip("netns", "del", name, check=False)
    return ""


@contextmanager
def on_loopback(stores: Sequence[str]) -> Iterator[Place]:
    """Give a place without namespaces."""
    yield Place({}, dict.fromkeys(stores, "127.0.0.1"))


@contextmanager
def in_namespaces(stores: Sequence[str]) -> Iterator[Place]:
    """Give a namespace to the hub and to each store, a cable from each to the hub's."""
    names = {who: f"bk-{os.getpid()}-{who}" for who in (HUB, *stores)}
    with ExitStack() as made:
        for name in names.values():
            _ip("netns", "add", name)
            made.callback(_ip, "netns", "del", name, check=False)
            _ip("-n", name, "link", "set", "lo", "up")
        lines = {}
        for number, store in enumerate(stores, 1):
            here, there = f"bkh{number}", f"bks{number}"
            _ip("-n", names[HUB], "link", "add", here, "type", "veth", "peer", "name", there)
            _ip("-n", names[HUB], "link", "set", there, "netns", names[store])
            for name, card, last in ((names[HUB], here, 1), (names[store], there, 2)):
                _ip("-n", name, "addr", "add", f"10.77.{number}.{last}/24", "dev", card)
                _ip("-n", name, "link", "set", card, "up")
            lines[store] = f"10.77.{number}.1"
        yield Place(names, lines)


def _ip(*words: str, check: bool = True) -> int:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert not (check and done.returncode), f"ip {' '.join(words)}: {done.stderr}"
    return done.returncode
