from __future__ import annotations

from pathlib import Path

import pytest

from appliance.errors import DamagedRelease
from appliance.live import OWN, Slot
from sync.errors import CannotWrite, Untrusted
from sync.switch.slots import Slots, slot_of
from tests.builders.switches import tiny_release

V1, V2, V3 = Slot("v1", 1), Slot("v2", 2), Slot("v3", 3)


@pytest.fixture
def slots(tmp_path: Path) -> Slots:
    made = Slots(tmp_path)
    for slot in (V1, V2):
        tiny_release(made.whole(slot), slot.id, slot.counter)
    tiny_release(made.incoming(V3), "v3", 3)
    return made


def _names(slots: Slots) -> set[str]:
    return {path.name for path in slots.folder.iterdir()}


def test_a_release_takes_its_name_whole(slots: Slots) -> None:
    assert not slots.has(V3)
    slots.promote(V3)
    assert slots.has(V3)
    assert slots.check(V3).id == "v3"
    assert _names(slots) == {"v1", "v2", "v3"}


def test_a_release_that_never_came_cannot_be_named(slots: Slots) -> None:
    with pytest.raises(CannotWrite):
        slots.promote(Slot("v9", 9))


def test_what_is_not_kept_goes_and_what_comes_of_the_kept_stays(slots: Slots) -> None:
    assert slots.keep([V1, V3, OWN]) == ("v2",)
    assert _names(slots) == {"v1", "v3.incoming"}


def test_what_a_kill_left_half_removed_is_removed(slots: Slots) -> None:
    slots.whole(V2).rename(slots.folder / ".v2.gone")
    slots.keep([V1])
    assert _names(slots) == {"v1"}


def test_files_beside_the_releases_and_links_are_let_alone(slots: Slots, tmp_path: Path) -> None:
    (slots.folder / "note.txt").write_text("kept", encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    (slots.folder / "link").symlink_to(tmp_path / "elsewhere")
    slots.keep([])
    assert _names(slots) == {"note.txt", "link"}
    assert (tmp_path / "elsewhere").is_dir()


def test_a_damaged_release_and_one_under_anothers_name_do_not_pass(slots: Slots) -> None:
    with pytest.raises(DamagedRelease, match=r"not\s+v1 \(counter 7\)"):
        slots.check(Slot("v1", 7))
    (slots.whole(V1) / "index.db").write_bytes(b"cut")
    with pytest.raises(DamagedRelease, match="3 bytes"):
        slots.check(V1)


@pytest.mark.parametrize("name", ["..", "a/b", "", ".x", "v1.incoming"])
def test_a_name_that_leads_elsewhere_has_no_place(slots: Slots, name: str) -> None:
    with pytest.raises(Untrusted):
        slots.whole(Slot(name, 1))


def test_a_folder_tells_its_slot_and_one_without_manifest_none(slots: Slots) -> None:
    assert slot_of(slots.whole(V1)) == V1
    assert slot_of(slots.folder) == OWN
