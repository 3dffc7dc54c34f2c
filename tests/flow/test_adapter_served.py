"""A release with an adapter part, served over HTTP: the adapter is what answers."""

from __future__ import annotations

from pathlib import Path

import gguf
import httpx
import numpy as np
import pytest

from appliance.config import DEMO_RELEASE
from appliance.release import MANIFEST
from appliance.wiring import ADAPTER
from tests.builders.releases import linked_release, seal
from tests.builders.server import Way, running

RANK = 4
# Some of these are answered by the specialist; which, its training decides.
ASKS = (
    "gold so no restocking right?", "ebike return limit on miles?", "debit refund time",
    "do we match membership clubs like the warehouse ones", "rain check good for how long",
    "coupon on top of a price match?", "third party seller on a website has it cheaper, do i match",
)  # fmt: skip


def write_adapter(path: Path, *, strength: float) -> None:
    """Write a LoRA over the demo's specialist: at 0 it changes nothing, at 1 it ruins it."""
    model = gguf.GGUFReader(DEMO_RELEASE / "specialist" / "specialist.gguf")
    draw = np.random.default_rng(5)
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(RANK))
    for tensor in model.tensors:
        if tensor.name.endswith("attn_q.weight"):
            wide, out = (int(n) for n in tensor.shape)
            a = draw.normal(0, 1, (RANK, wide)).astype(np.float32)
            b = strength * draw.normal(0, 1, (out, RANK)).astype(np.float32)
            writer.add_tensor(f"{tensor.name}.lora_a", a)
            writer.add_tensor(f"{tensor.name}.lora_b", b)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def heard(folder: Path, *, strength: float | None) -> list[tuple[str, str]]:
    """Return lane and text of each ask, from a store that serves the demo with an adapter."""
    release = linked_release(folder / "release")
    if strength is not None:
        write_adapter(release / ADAPTER, strength=strength)
        seal(release, ADAPTER)
    said = []
    with running(folder / "store", way=Way(("--release", str(release)))) as server:
        for ask in ASKS:
            reply = httpx.post(f"{server.url}/v1/ask", json={"text": ask}, timeout=60)
            assert reply.status_code == 200, reply.text
            said.append((str(reply.json()["lane"]), str(reply.json()["text"])))
    return said


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """Return what the demo says without an adapter; the specialist speaks at least once."""
    said = heard(tmp_path_factory.mktemp("plain"), strength=None)
    assert "specialist" in {lane for lane, _ in said}
    assert ADAPTER not in (DEMO_RELEASE / MANIFEST).read_text()
    return said


def test_an_adapter_that_changes_nothing_is_served_and_changes_nothing(
    plain: list[tuple[str, str]], tmp_path: Path
) -> None:
    assert heard(tmp_path, strength=0.0) == plain


def test_an_adapter_is_what_answers_and_one_that_ruins_the_model_leaves_it_no_word(
    plain: list[tuple[str, str]], tmp_path: Path
) -> None:
    said = heard(tmp_path, strength=1.0)

    assert "specialist" not in {lane for lane, _ in said}
    assert all(text for _, text in said)  # another lane answers
