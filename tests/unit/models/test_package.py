"""A release is packaged whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from appliance.errors import BadInput, DamagedRelease
from appliance.release import MANIFEST, Manifest, file_sha256, open_release
from models.package import REQUIRED, package
from tests.builders.records import NOW


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in REQUIRED:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}", encoding="utf-8")
    return tmp_path


def packaged(folder: Path, **fields: Any) -> Manifest:
    known = {
        "release": "larkmoor-1", "counter": 1, "created_at": NOW, "compatibility": {},
        "thresholds": {"accept_at": 0.5}, "evaluation": {}, "probes": [{"text": "hours"}],
    }  # fmt: skip
    return package(folder, **{**known, **fields})


def test_a_packaged_release_opens_with_every_part_as_it_lay_there(folder: Path) -> None:
    manifest = packaged(folder)
    release = open_release(folder)
    assert release.manifest == manifest
    assert set(manifest.parts) == set(REQUIRED)
    assert manifest.parts["index.db"].sha256 == file_sha256(folder / "index.db")


@pytest.mark.parametrize("name", REQUIRED)
def test_without_a_required_part_nothing_is_written_and_it_is_named(
    folder: Path, name: str
) -> None:
    (folder / name).unlink()
    with pytest.raises(BadInput, match=name) as caught:
        packaged(folder)
    assert caught.value.hint
    assert not (folder / MANIFEST).exists()


def test_every_missing_part_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        packaged(tmp_path)
    assert all(name in caught.value.message for name in REQUIRED)


def test_a_folder_in_a_parts_place_is_no_part(folder: Path) -> None:
    (folder / "index.db").unlink()
    (folder / "index.db").mkdir()
    with pytest.raises(BadInput, match=r"index\.db"):
        packaged(folder)


def test_the_manifest_and_hidden_files_are_no_parts_and_others_are(folder: Path) -> None:
    (folder / ".gitkeep").touch()
    (folder / "rules").mkdir()
    (folder / "rules" / "cases.toml").touch()
    packaged(folder)
    again = packaged(folder)  # the manifest of the first run lies there now
    assert set(again.parts) == {*REQUIRED, "rules/cases.toml"}


def test_a_part_changed_after_packaging_is_noticed(folder: Path) -> None:
    packaged(folder)
    (folder / "index.db").write_text("content of index.dB", encoding="utf-8")
    with pytest.raises(DamagedRelease, match=r"index\.db"):
        open_release(folder)
