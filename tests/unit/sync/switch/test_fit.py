from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from appliance.release import Manifest, read_manifest
from sync.fetch.offer import Offered, Plan, plan_fetch
from sync.switch.fit import RESERVE_BYTES, misfits
from tests.builders.switches import ROOMY, tiny_release


@pytest.fixture
def manifest(tmp_path: object) -> Manifest:
    return read_manifest(tiny_release(tmp_path / "v2", "v2", 2))  # type: ignore[operator]


def _plan(manifest: Manifest, held: dict[str, object] | None = None) -> Plan:
    return plan_fetch(Offered(manifest, b""), held or {})


def _said(manifest: Manifest, **compatibility: Any) -> Manifest:
    return replace(manifest, compatibility={**manifest.compatibility, **compatibility})


def test_a_release_that_fits_has_no_misfit(manifest: Manifest) -> None:
    assert misfits(manifest, _plan(manifest), ROOMY) == ()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"index_schema": "2"}, "index schema 2"),
        ({"values": "spoken"}, "values 'spoken'"),
        ({"embedding_dim": 0}, "embedding_dim is 0"),
        ({"embedding_dim": None}, "embedding_dim is None"),
        ({"tokenizer_sha256": "0" * 64}, "its tokenizer is not the one"),
    ],
)
def test_a_release_that_this_program_cannot_read_never_fits(
    manifest: Manifest, said: dict[str, Any], why: str
) -> None:
    (found,) = misfits(_said(manifest, **said), _plan(manifest), ROOMY)
    assert why in found.why
    assert not found.is_passing


@pytest.mark.parametrize(
    ("wants", "is_fit"), [("0.9.9", True), ("0.10.0", True), ("0.10.1", False), ("1", False)]
)
def test_a_newer_program_is_wanted_by_numbers_and_not_by_letters(
    manifest: Manifest, wants: str, is_fit: bool
) -> None:
    found = misfits(
        replace(manifest, min_agent=wants), _plan(manifest), replace(ROOMY, agent="0.10.0.dev3")
    )
    assert (found == ()) is is_fit


def test_a_full_disk_is_passing_and_what_is_here_already_needs_no_room(manifest: Manifest) -> None:
    needed = replace(manifest, disk_needed=10 * 2**30)
    tight = replace(ROOMY, disk_free_bytes=5 * 2**30)
    (found,) = misfits(needed, _plan(needed), tight)
    assert found.is_passing
    assert "10,496 MiB of disk, 5,120 are free" in found.why
    parts = manifest.parts.values()
    held = {part.sha256: "" for part in parts}
    most = sum(part.bytes for part in parts)
    small = replace(manifest, disk_needed=most)
    assert misfits(small, _plan(small, held), replace(ROOMY, disk_free_bytes=RESERVE_BYTES)) == ()


def test_a_machine_without_memory_for_two_is_passing(manifest: Manifest) -> None:
    (found,) = misfits(manifest, _plan(manifest), replace(ROOMY, memory_available_bytes=2**20))
    assert found.is_passing
    assert "of memory beside the live one, 1 are available" in found.why
