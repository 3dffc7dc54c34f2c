from __future__ import annotations

from pathlib import Path

import pytest
from obstore.store import LocalStore

from appliance.errors import BadInput
from sync.hub.blobs import Blobs, FolderBlobs, ObjectBlobs, open_blobs
from sync.hub.errors import LedgerError

NAME = "batches/d1/abc.zst"


@pytest.fixture(params=["folder", "memory", "local"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """One suite for every kind; an S3 store is spoken to through the same library as these."""
    if request.param == "folder":
        return open_blobs(str(tmp_path / "blobs"))
    if request.param == "memory":
        return open_blobs("memory:///")
    return ObjectBlobs(LocalStore(tmp_path / "objects", mkdir=True))


def test_what_is_put_is_got(blobs: Blobs) -> None:
    blobs.put(NAME, [b"one ", b"two"])

    assert blobs.get(NAME) == b"one two"


def test_a_name_written_again_holds_the_same(blobs: Blobs) -> None:
    for _ in range(2):
        blobs.put(NAME, [b"same"])

    assert blobs.get(NAME) == b"same"


def test_what_is_dropped_is_gone_and_may_be_dropped_again(blobs: Blobs) -> None:
    blobs.put(NAME, [b"x"])
    for _ in range(2):
        blobs.drop(NAME)

    with pytest.raises(LedgerError):
        blobs.get(NAME)


def test_a_write_cut_short_leaves_nothing_under_the_name(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)

    def cut() -> object:
        yield b"half"
        raise OSError(28, "No space left on device")

    with pytest.raises(LedgerError, match="full"):
        blobs.put(NAME, cut())  # type: ignore[arg-type]

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_s3_store_that_is_away_is_told_without_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDSECRET")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    from obstore.store import S3Store

    store = S3Store(
        "bucket",
        endpoint="http://127.0.0.1:9",
        region="us-east-1",
        client_options={"allow_http": True, "timeout": "1s"},
        retry_config={"max_retries": 0},
    )

    with pytest.raises(LedgerError) as found:
        ObjectBlobs(store).put(NAME, [b"x"])

    assert "secret" not in str(found.value).lower()


@pytest.mark.parametrize("place", ["nope://bucket", "s3://"])
def test_a_url_that_is_no_store_is_a_sentence(place: str) -> None:
    with pytest.raises(BadInput):
        open_blobs(place)
