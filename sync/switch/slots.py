"""Releases on this machine's disk: whole ones, the one on its way, and what is cleared away."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from appliance.config import Settings
from appliance.errors import BackroomError, DamagedRelease
from appliance.files import sync_folder
from appliance.live import RELEASES, SLOT, Slot
from appliance.release import Manifest, read_manifest
from sync.errors import CannotWrite, Untrusted
from sync.fetch.verified import check_release

INCOMING = ".incoming"
GONE = ".gone"  # being removed: no longer a release, whatever of it is left


@dataclass(frozen=True, slots=True)
class Slots:
    """`home/releases`."""

    home: Path

    @property
    def folder(self) -> Path:
        """Where they all lie."""
        return self.home / RELEASES

    def whole(self, slot: Slot) -> Path:
        """Return where a release lies, or will.

        Raises:
            Untrusted: Its id is no folder's name here.
        """
        if not SLOT.fullmatch(slot.id):
            raise Untrusted(f"A release called {slot.id[:80]!r} has no place on this disk.")
        return self.folder / slot.id

    def incoming(self, slot: Slot) -> Path:
        """Return where a release lies while it is on its way."""
        whole = self.whole(slot)
        return whole.with_name(whole.name + INCOMING)

    def has(self, slot: Slot) -> bool:
        """Tell whether a release has its name already; it took it only whole."""
        return self.whole(slot).is_dir()

    def check(self, slot: Slot) -> Manifest:
        """Return the manifest of a release that has its name, every part checked.

        Raises:
            DamagedRelease: A part is missing, cut short or altered, or it is another release.
        """
        folder = self.whole(slot)
        manifest = check_release(folder)
        if (manifest.id, manifest.counter) != (slot.id, slot.counter):
            raise DamagedRelease(
                f"In {folder} lies release {manifest.id} (counter {manifest.counter}), not"
                f" {slot.id} (counter {slot.counter}).",
                hint="Fetch the release again.",
            )
        return manifest

    def promote(self, slot: Slot) -> None:
        """Give a release that has come, whole, its name; durable when this returns.

        Raises:
            CannotWrite: The disk refuses.
        """
        try:
            self.incoming(slot).rename(self.whole(slot))
            sync_folder(self.folder)
        except OSError as exc:
            raise CannotWrite(f"{slot.id} cannot be renamed: {exc.strerror or exc}.") from exc

    def keep(self, slots: Iterable[Slot]) -> tuple[str, ...]:
        """Remove all but these releases and what comes of them; return the names removed.

        A folder loses its name before its content: what a kill leaves half removed is no release.
        A disk that refuses is left as it is; the next call tries again.
        """
        kept = {slot.id for slot in slots if slot.id}
        kept |= {name + INCOMING for name in kept}
        removed = []
        for folder in _folders(self.folder):
            if folder.name in kept:
                continue
            if _removed(folder):
                removed.append(folder.name)
        return tuple(removed)

    def drop(self, slot: Slot) -> None:
        """Remove a release and what comes of it."""
        for folder in (self.whole(slot), self.incoming(slot)):
            if folder.exists():
                _removed(folder)

    def disk_free(self) -> int:
        """Return the free bytes of the disk that releases lie on."""
        at = self.folder if self.folder.is_dir() else self.home
        return shutil.disk_usage(at).free


def slot_of(folder: Path) -> Slot:
    """Return a folder's release by its manifest; an empty slot where there is none to read."""
    try:
        manifest = read_manifest(folder)
    except BackroomError:
        return Slot()
    return Slot(manifest.id, manifest.counter)


def named(settings: Settings, slot: Slot) -> Slot:
    """Return a slot with its release's id and counter, also the installed one's."""
    return slot if slot.id else slot_of(settings.release)


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(f for f in folder.iterdir() if f.is_dir() and not f.is_symlink())
    except FileNotFoundError:
        return []


def _removed(folder: Path) -> bool:
    gone = folder
    if not folder.name.endswith(GONE):
        gone = folder.with_name(f".{folder.name}{GONE}")
        try:
            shutil.rmtree(gone, ignore_errors=True)
            folder.rename(gone)
        except OSError:
            return False
    shutil.rmtree(gone, ignore_errors=True)
    return not gone.exists()
