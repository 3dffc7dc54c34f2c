"""A step's folder: whole or not there, and it knows what it was made from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliance.errors import BadInput
from models.run.folder import INPUTS, RECORD, WORK, Record, RunFolder, opened

INPUT = {"seed": "1", "handbook": "abc"}


def made(folder: RunFolder, *, text: str = "hello") -> Record:
    partial, attempts = folder.begin("base", INPUT, resumes=True)
    (partial / "weights.bin").write_text(text)
    (partial / WORK).mkdir(exist_ok=True)
    (partial / WORK / "log.jsonl").write_text("at 12:03")
    return folder.finish(Record("base", INPUT, {}, attempts=attempts))


def test_a_finished_step_is_fresh_and_lists_its_files_but_not_its_work(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    record = made(folder)
    assert list(record.outputs) == ["weights.bin"]
    assert folder.stale("base", INPUT) == ""
    assert folder.record("base") == record
    assert not (tmp_path / "base.partial").exists()


def test_a_step_without_its_name_yet_is_not_made(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.stale("base", INPUT) == "it was never made"
    partial, _ = folder.begin("base", INPUT, resumes=False)
    (partial / "weights.bin").write_text("half")
    assert folder.record("base") is None
    assert folder.stale("base", INPUT) == "it was cut before its end"


def test_what_changed_is_named(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    made(folder)
    now = {"seed": "2", "handbook": "abc", "pairs": "new"}
    assert folder.stale("base", now) == "changed since: pairs, seed"


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda path: path.unlink(), "weights.bin is gone"),
        (lambda path: path.write_text("hellO"), "weights.bin is not as it was made"),
        (lambda path: path.write_text("hello, world"), "weights.bin is not as it was made"),
    ],
)
def test_an_output_that_is_not_what_was_made_is_found(tmp_path: Path, harm, reason: str) -> None:
    folder = RunFolder(tmp_path)
    made(folder)
    harm(tmp_path / "base" / "weights.bin")
    assert folder.stale("base", INPUT) == reason


def test_a_cut_step_that_resumes_keeps_what_it_had_and_counts_its_attempts(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    partial, first = folder.begin("base", INPUT, resumes=True)
    (partial / "checkpoint").write_text("step 400")
    again, second = folder.begin("base", INPUT, resumes=True)
    assert (first, second) == (1, 2)
    assert (again / "checkpoint").read_text() == "step 400"


@pytest.mark.parametrize(("inputs", "resumes"), [({**INPUT, "seed": "2"}, True), (INPUT, False)])
def test_a_checkpoint_of_other_inputs_or_of_a_step_that_cannot_resume_is_not_used(
    tmp_path: Path, inputs: dict[str, str], resumes: bool
) -> None:
    folder = RunFolder(tmp_path)
    partial, _ = folder.begin("base", INPUT, resumes=True)
    (partial / "checkpoint").write_text("step 400")
    again, _ = folder.begin("base", inputs, resumes=resumes)
    assert [p.name for p in again.iterdir()] == [INPUTS]


def test_a_note_cut_in_half_is_no_reason_to_trust_a_checkpoint(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    partial, _ = folder.begin("base", INPUT, resumes=True)
    (partial / "checkpoint").write_text("step 400")
    (partial / INPUTS).write_text('{"inputs": {"se')
    again, attempts = folder.begin("base", INPUT, resumes=True)
    assert attempts == 1
    assert not (again / "checkpoint").exists()


def test_the_same_files_give_the_same_digest_whatever_their_times_and_logs(tmp_path: Path) -> None:
    first, second = RunFolder(tmp_path / "a"), RunFolder(tmp_path / "b")
    for folder in (first, second):
        folder.path.mkdir()
    one, other = made(first), made(second)
    assert one.digest == other.digest
    assert made(second, text="another").digest != one.digest


def test_a_record_that_is_damaged_is_told_with_the_way_out(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    made(folder)
    (tmp_path / "base" / RECORD).write_text(json.dumps({"step": 3}))
    with pytest.raises(BadInput, match=r"step\.json") as caught:
        folder.record("base")
    assert "--from base" in caught.value.hint


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        opened(tmp_path / "run"),
        pytest.raises(BadInput, match="Another run is at work"),
        opened(tmp_path / "run"),
    ):
        pass
    with opened(tmp_path / "run"):
        pass  # the first one's lock went with it
