"""A file is replaced whole or not at all."""

from pathlib import Path

import pytest

from appliance.errors import BadInput
from appliance.files import replaced


def test_the_new_content_takes_the_old_ones_place(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("old")
    with replaced(path) as file:
        file.write("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_inside_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("old")

    def write_half() -> None:
        with replaced(path) as file:
            file.write("half of the n")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    with replaced(tmp_path / "a" / "b" / "out") as file:
        file.write("x")
    assert (tmp_path / "a" / "b" / "out").read_text() == "x"


def test_a_folder_that_must_be_there_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "out"
    with pytest.raises(BadInput, match="No such file"), replaced(path, make_folders=False):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["file/out", "folder", "x" * 300])
def test_a_place_that_cannot_be_written_is_bad_input_with_a_hint(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadInput, match="cannot be written") as caught, replaced(tmp_path / name):
        pass
    assert caught.value.hint.startswith("Check: df -h")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_a_lone_surrogate_is_written_as_json_writes_it(tmp_path: Path) -> None:
    with replaced(tmp_path / "out") as file:
        file.write('{"id": "\ud800 é"}')
    assert (tmp_path / "out").read_text("utf-8") == '{"id": "\\ud800 é"}'
