"""What an index's update takes on the wire: three rows in a hundred changed, the index built anew.

    python -m tests.bench.bench_delta [--passages 6000]

One row in a hundred is rewritten, one removed, one new. `rebuilt` is what headquarters does: the
whole index built again from the documents and the catalogue, `--like` the one before; `without
like` shows what that is worth. `in place` is the same index with rows
changed by SQL, which is what a file format alone costs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from appliance.index_build.build import build_index
from appliance.ports import Vectors
from appliance.release import file_sha256
from sync.delta import apply_delta, make_delta
from tests.bench.bench_search import RELEASE, material, write_catalog, write_documents
from tests.unit.sync.test_delta import change_rows

SHARE = 0.01  # of the rows: rewritten, removed and new, each
BUDGET = 0.03  # of the file


class TextEmbedder:
    """Stands in for the real one: the same text has the same vector, as spread as real ones are."""

    digest = "by-text"

    def __init__(self, rows: Vectors) -> None:
        self._rows = rows
        self.dim = rows.shape[1]

    def embed(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self._of(text) for text in texts])

    def _of(self, text: str) -> Vectors:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
        dice = np.random.default_rng(seed)
        first, second = self._rows[dice.integers(0, len(self._rows), 2)]
        mixed = 0.7 * first + 0.3 * second + dice.standard_normal(self.dim) * 0.012
        return (mixed / np.linalg.norm(mixed)).astype(np.float32)


def main() -> None:
    """Build, change, compare; the last line is the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=6_000)
    print(json.dumps(bench_delta(passages=parser.parse_args().passages)))


def bench_delta(*, passages: int) -> dict[str, dict[str, float]]:
    """Return, for each way, the delta's share of the file and the seconds it takes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts, rows = material(RELEASE / "index.db")
        docs = write_documents(folder, texts, passages // 10)
        catalog = write_catalog(folder, texts, passages - passages // 10)
        embedder = TextEmbedder(rows)
        _build(folder / "old.db", docs, catalog, embedder)
        changed = _changed(docs, texts), _changed(catalog, texts)
        _build(folder / "new.db", *changed, embedder)
        _build(folder / "like.db", *changed, embedder, like=folder / "old.db")
        shutil.copyfile(folder / "old.db", folder / "sql.db")
        change_rows(folder / "sql.db")
        return {
            "rebuilt": _figures(folder, "old.db", "like.db"),
            "without_like": _figures(folder, "old.db", "new.db"),
            "in_place": _figures(folder, "old.db", "sql.db"),
        }


def _build(
    out: Path, docs: Path, catalog: Path, embedder: TextEmbedder, like: Path | None = None
) -> None:
    build_index(
        docs=[docs],
        catalog=catalog,
        out=out,
        embedder=embedder,
        embedder_digest=embedder.digest,
        like=like,
    )


def _changed(path: Path, texts: Sequence[str]) -> Path:
    """Write a file of rows anew with some rewritten, some gone and some new."""
    dice = random.Random(5)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    field = "text" if "text" in rows[0] else "about"
    words = " ".join(texts).split()
    count = max(1, round(SHARE * len(rows)))
    picked = dice.sample(range(len(rows)), 2 * count)
    for at in picked[:count]:
        rows[at][field] = _words(words, dice)
    kept = [row for at, row in enumerate(rows) if at not in set(picked[count:])]
    key = "id" if "id" in rows[0] else "sku"
    fresh = [{**rows[0], key: f"NEW-{n:06d}", field: _words(words, dice)} for n in range(count)]
    out = path.with_name(f"changed-{path.name}")
    lines = [json.dumps(row) for row in kept + fresh]
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return out


def _words(words: Sequence[str], dice: random.Random) -> str:
    start = dice.randrange(len(words) - 60)
    return " ".join(words[start : start + 60])


def _figures(folder: Path, old: str, new: str) -> dict[str, float]:
    size = (folder / new).stat().st_size
    at = time.perf_counter()
    told = make_delta(folder / old, folder / new, folder / "delta")
    made_s = time.perf_counter() - at
    at = time.perf_counter()
    apply_delta(
        folder / old,
        folder / "delta",
        folder / "out",
        sha256=file_sha256(folder / new),
        most_bytes=size,
    )
    found = {
        "file_bytes": size,
        "delta_bytes": told,
        "share": round(told / size, 4),
        "made_s": round(made_s, 2),
        "applied_s": round(time.perf_counter() - at, 2),
    }
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{old} → {new}: {told:,} of {size:,} bytes, {told / size:.2%}; peak {peak_mib} MiB")
    return found


if __name__ == "__main__":
    main()
