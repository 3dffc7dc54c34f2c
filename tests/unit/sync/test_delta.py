from __future__ import annotations

import random
import shutil
import struct
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

from appliance.config import DEMO_RELEASE
from appliance.errors import BadInput, DamagedRelease
from appliance.release import file_sha256
from appliance.store import index_schema as schema
from sync import delta
from sync.delta import apply_delta, make_delta, read_head

MOST = 2**30


def _file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _noise(count: int, *, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(count)


def _edited(content: bytes, *, edits: int) -> bytes:
    """Return the content with short runs of it replaced, removed and put in."""
    dice, edited = random.Random(2), bytearray(content)
    for _ in range(edits):
        at = dice.randrange(len(edited) - 64)
        edited[at : at + dice.randrange(64)] = dice.randbytes(dice.randrange(64))
    return bytes(edited)


def _round(old: Path, new: Path, folder: Path) -> int:
    """Make a delta, apply it, check the outcome; return the delta's bytes."""
    told = make_delta(old, new, folder / "delta.zst")
    length = apply_delta(
        old, folder / "delta.zst", folder / "out", sha256=file_sha256(new), most_bytes=MOST
    )
    assert (folder / "out").read_bytes() == new.read_bytes()
    assert length == new.stat().st_size
    return told


def test_a_delta_leads_from_the_old_file_to_the_new_and_tells_only_what_changed(
    tmp_path: Path,
) -> None:
    content = _noise(3_000_000)
    old, new = _file(tmp_path / "old", content), _file(tmp_path / "new", _edited(content, edits=50))
    assert _round(old, new, tmp_path) < 0.01 * len(content)


def test_a_file_longer_than_a_prefix_finds_itself_again_from_its_first_byte_to_its_last(
    tmp_path: Path,
) -> None:
    # 80 MB, for what a segment is told from must be remembered as far as the window reaches.
    content = _noise(80_000_000)
    old = _file(tmp_path / "old", content)
    new = _file(tmp_path / "new", content[:30_000_000] + b"a few words" + content[30_000_100:])
    assert _round(old, new, tmp_path) < 20_000


@pytest.mark.parametrize("change", ["grown", "shrunk", "moved", "other", "emptied", "begun"])
def test_a_delta_leads_anywhere_over_many_segments_whose_prefix_is_a_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    # Small segments: the same walk as over gigabytes, in a megabyte.
    monkeypatch.setattr(delta, "SEGMENT_BYTES", 1 << 16)
    monkeypatch.setattr(delta, "PREFIX_BYTES", 3 << 16)
    content = _noise(1_000_003)
    before, after = {
        "grown": (content, content + _noise(200_000, seed=3)),
        "shrunk": (content, content[:700_000]),
        "moved": (content, content[50_000:] + content[:50_000]),
        "other": (content, _noise(500_000, seed=4)),
        "emptied": (content, b""),
        "begun": (b"", content),
    }[change]
    _round(_file(tmp_path / "old", before), _file(tmp_path / "new", after), tmp_path)


def test_an_index_with_three_rows_in_a_hundred_changed_takes_three_hundredths_of_it_at_most(
    tmp_path: Path,
) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    shutil.copyfile(DEMO_RELEASE / "index.db", old)
    shutil.copyfile(old, new)
    changed = change_rows(new)
    assert changed >= 0.03
    told = _round(old, new, tmp_path)
    assert told <= 0.03 * new.stat().st_size


def change_rows(index: Path) -> float:
    """Rewrite, remove and add one passage in a hundred each, all over; return the share changed."""
    dice = random.Random(5)
    db = apsw.Connection(str(index))
    schema.load_vectors_extension(db)
    numbers = [n for (n,) in db.execute("SELECT number FROM passages")]
    picked = dice.sample(numbers, 3 * (len(numbers) // 100 + 1))
    with db:
        for at, number in enumerate(picked):
            row = list(db.execute("SELECT * FROM passages WHERE number = ?", (number,)).fetchone())
            if at % 3 < 2:
                _remove(db, row)
            if at % 3 != 1:
                words = str(row[4]).split()
                dice.shuffle(words)
                row[4] = " ".join(words)
                if at % 3 == 2:
                    row[0], row[1] = max(numbers) + at, f"new-{at}"
                _add(db, row, dice)
    db.close()
    return len(picked) / len(numbers)


def _remove(db: apsw.Connection, row: list[Any]) -> None:
    number, _, _, title, text, identifiers, *_ = row
    db.execute(
        "INSERT INTO passages_fts(passages_fts, rowid, title, text, identifiers)"
        " VALUES('delete', ?, ?, ?, ?)",
        (number, title, text, identifiers),
    )
    for table in ("passages", "vectors"):
        db.execute(f"DELETE FROM {table} WHERE number = ?", (number,))
    db.execute("DELETE FROM sentences WHERE passage = ?", (number,))


def _add(db: apsw.Connection, row: list[Any], dice: random.Random) -> None:
    number, _, _, title, text, identifiers, kind, department, audience, language, *days, _ = row
    db.execute(f"INSERT INTO passages VALUES ({','.join('?' * len(row))})", row)
    db.execute(
        "INSERT INTO passages_fts(rowid, title, text, identifiers) VALUES(?, ?, ?, ?)",
        (number, title, text, identifiers),
    )
    vector = np.random.default_rng(dice.randrange(2**32)).standard_normal(384).astype("<f4")
    db.execute(
        "INSERT INTO vectors(number, audience, language, department, kind, effective_from,"
        " effective_to, embedding) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
        (number, audience, language, department, kind, *days, vector.tobytes()),
    )


def test_a_delta_of_another_old_file_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    old, new = _file(tmp_path / "old", _noise(9_000)), _file(tmp_path / "new", _noise(9_000))
    make_delta(old, new, tmp_path / "delta")
    other = _file(tmp_path / "other", _noise(9_000, seed=7))
    with pytest.raises(DamagedRelease, match="leads from another"):
        apply_delta(
            other, tmp_path / "delta", tmp_path / "out", sha256=file_sha256(new), most_bytes=MOST
        )
    assert not (tmp_path / "out").exists()


def test_a_delta_to_another_digest_or_to_more_than_allowed_is_not_begun(tmp_path: Path) -> None:
    old, new = _file(tmp_path / "old", _noise(900)), _file(tmp_path / "new", _noise(9_000, seed=2))
    told = tmp_path / "delta"
    make_delta(old, new, told)
    with pytest.raises(DamagedRelease, match="wanted"):
        apply_delta(old, told, tmp_path / "out", sha256="0" * 64, most_bytes=MOST)
    with pytest.raises(DamagedRelease, match="at most are allowed"):
        apply_delta(old, told, tmp_path / "out", sha256=file_sha256(new), most_bytes=8_999)
    assert read_head(told).new_bytes == 9_000


@pytest.mark.parametrize("at", [0, 20, 95, 100, 200, -2])
def test_a_cut_delta_is_refused_and_the_file_in_place_stays(tmp_path: Path, at: int) -> None:
    old, new = (
        _file(tmp_path / "old", _noise(5_000)),
        _file(tmp_path / "new", _noise(6_000, seed=2)),
    )
    make_delta(old, new, tmp_path / "delta")
    out = _file(tmp_path / "out", b"as it was")
    cut = _file(tmp_path / "cut", (tmp_path / "delta").read_bytes()[:at])
    with pytest.raises(DamagedRelease):
        apply_delta(old, cut, out, sha256=file_sha256(new), most_bytes=MOST)
    assert out.read_bytes() == b"as it was"
    assert not list(tmp_path.glob(".out*"))


def test_no_flipped_bit_leads_to_a_file(tmp_path: Path) -> None:
    old, new = _file(tmp_path / "old", _noise(3_000)), _file(tmp_path / "new", _noise(400, seed=2))
    make_delta(old, new, tmp_path / "delta")
    content = (tmp_path / "delta").read_bytes()
    for at in range(0, len(content), 7):
        flipped = bytearray(content)
        flipped[at] ^= 0x20
        _file(tmp_path / "flipped", bytes(flipped))
        with pytest.raises(DamagedRelease):
            apply_delta(
                old,
                tmp_path / "flipped",
                tmp_path / "out",
                sha256=file_sha256(new),
                most_bytes=MOST,
            )
    assert not (tmp_path / "out").exists()


def test_a_frame_that_unpacks_to_more_than_its_segment_is_not_unpacked(tmp_path: Path) -> None:
    old, bomb = _file(tmp_path / "old", b""), _file(tmp_path / "new", bytes(4_000_000))
    make_delta(old, bomb, tmp_path / "delta")
    content = bytearray((tmp_path / "delta").read_bytes())
    content[24:32] = struct.pack("<Q", 1_000)  # the head says a kilobyte, the frame holds 4 MB
    _file(tmp_path / "delta", bytes(content))
    with pytest.raises(DamagedRelease, match="a segment has 1,001 bytes, expected 1,000"):
        apply_delta(
            old, tmp_path / "delta", tmp_path / "out", sha256=file_sha256(bomb), most_bytes=MOST
        )


def test_a_delta_that_goes_on_is_refused(tmp_path: Path) -> None:
    old, new = _file(tmp_path / "old", b"a"), _file(tmp_path / "new", b"b")
    make_delta(old, new, tmp_path / "delta")
    with (tmp_path / "delta").open("ab") as file:
        file.write(b"more")
    with pytest.raises(DamagedRelease, match="goes on"):
        apply_delta(
            old, tmp_path / "delta", tmp_path / "out", sha256=file_sha256(new), most_bytes=MOST
        )


def test_where_nothing_can_be_written_the_fault_says_so(tmp_path: Path) -> None:
    old, new = _file(tmp_path / "old", b"a"), _file(tmp_path / "new", b"b")
    make_delta(old, new, tmp_path / "delta")
    with pytest.raises(BadInput, match="cannot be written"):
        apply_delta(old, tmp_path / "delta", old / "out", sha256=file_sha256(new), most_bytes=MOST)
