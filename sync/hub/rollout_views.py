"""Stores as the engine wants them, made from beats; a beat that was read is not read again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from sync.hub.rollout_book import Heard
from sync.rollout.fates import StoreView
from sync.rollout.sightings import Sighting, seen
from sync.trust.ring import draw
from sync.wire import Beat


@dataclass(slots=True)
class Views:
    """What one worker knows of a rollout's stores."""

    rollout: str = ""
    sightings: dict[str, Sighting] = field(default_factory=dict)
    _views: dict[str, StoreView] = field(default_factory=dict)
    _unkept: set[str] = field(default_factory=set)
    _settled: set[str] = field(default_factory=set)  # newly; to be kept at once

    def see(self, heard: Iterable[Heard], release: str) -> list[StoreView]:
        """Return the stores as they are now, and remember what their beats told."""
        return [self._see(store, release) for store in heard]

    def fresh(self, *, everything: bool) -> Mapping[str, Sighting]:
        """Return sightings to be written down: those that settled, or all that changed.

        When a store settled cannot be found out again; its counts of a minute can be lost.
        """
        chosen = self._unkept if everything else self._settled
        return {store: self.sightings[store] for store in chosen}

    def kept(self, sightings: Iterable[str]) -> None:
        """Note that sightings are written down."""
        self._unkept.difference_update(sightings)
        self._settled.difference_update(sightings)

    def _see(self, heard: Heard, release: str) -> StoreView:
        before = self._views.get(heard.store)
        sighting = self.sightings.get(heard.store, Sighting())
        if before is None:
            place = draw(self.rollout, heard.store)
            settled_at = sighting.settled_at
            before = StoreView(heard.store, heard.ring, place, settled_at=settled_at)
        view = replace(before, ring=heard.ring, beat_at=heard.received_at)
        is_counted = (sighting.boot, sighting.sequence) == (heard.boot, heard.sequence)
        if heard.body and (view.report is None or not is_counted):
            beat = msgspec.json.decode(heard.body, type=Beat)
            view = replace(view, report=beat.switch)
            told = seen(sighting, beat, release=release, view=view)
            if told is not sighting:
                self.sightings[heard.store] = told
                self._unkept.add(heard.store)
            if told.settled_at is not None and view.settled_at is None:
                view = replace(view, settled_at=told.settled_at)
                self._settled.add(heard.store)
        self._views[heard.store] = view
        return view
