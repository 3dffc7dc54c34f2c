"""The same command on one process and on two: the same curve of the loss."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")
pytestmark = pytest.mark.training

from tests.builders.hf_bases import tiny_base, write_pairs  # noqa: E402

# Sums in another order: the last bits of float32, grown over the steps.
TOLERANCE = 1e-4
TUNE = ["-m", "appliance.cli", "models", "finetune", "base", "pairs.jsonl", "--steps", "6",
        "--batch", "6", "--rate", "5e-3", "--rank", "4"]  # fmt: skip


def losses(home: Path, launcher: list[str], out: str) -> list[float]:
    done = subprocess.run(
        [sys.executable, *launcher, *TUNE, "--out", out],
        cwd=home, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1",
             "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("6 steps") == 1  # one process speaks
    kept = json.loads((home / out / "report.json").read_text())
    assert kept["processes"] == (2 if launcher else 1)
    return kept["losses"]


def test_two_processes_learn_what_one_learns(tmp_path: Path) -> None:
    tiny_base(tmp_path / "base")
    write_pairs(tmp_path / "pairs.jsonl")
    alone = losses(tmp_path, [], "one")
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    together = losses(tmp_path, torchrun, "two")
    assert together == pytest.approx(alone, abs=TOLERANCE)
    assert alone[-1] < alone[0]
