"""The demo release with a larger index: the demo chain's own passages, and as many more beside.

What is added is written in the demo's own words (`bench_search` tells how); the demo's passages
keep their ids and their vectors, so its known asks and cards still fit.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from appliance.config import DEMO_RELEASE
from appliance.index_build.build import build_index
from appliance.ports import Vectors
from appliance.store import index_schema as schema
from tests.bench.bench_search import MixingEmbedder, material, write_catalog, write_documents
from tests.builders.releases import linked_release, seal

ROOT = Path(__file__).parents[2]
HANDBOOK = ROOT / "models" / "corpus" / "handbook"
INDEX = "index.db"


class KnowingEmbedder(MixingEmbedder):
    """Gives the vectors an index holds for the texts it holds, and mixed ones for all others."""

    def __init__(self, rows: Vectors, known: dict[str, np.ndarray]) -> None:
        super().__init__(rows)
        self._known = known
        self.met = 0  # texts whose own vector was known

    def embed(self, texts: Sequence[str]) -> Vectors:
        made = super().embed(texts)
        for place, text in enumerate(texts):
            if text in self._known:
                made[place] = self._known[text]
                self.met += 1
        return made


def larger_release(folder: Path, *, passages: int) -> Path:
    """Make a release at `folder` whose index has about `passages` passages; return the folder."""
    release = linked_release(folder)
    demo = DEMO_RELEASE / INDEX
    texts, rows = material(demo)
    known = _vectors(demo)
    embedder = KnowingEmbedder(rows, known)
    more = passages - len(texts)
    (release / INDEX).unlink()
    with tempfile.TemporaryDirectory() as made:
        catalog = write_catalog(Path(made), texts, more - more // 10)
        with catalog.open("a", encoding="utf-8") as file:
            file.writelines(f"{columns}\n" for columns in _products(demo))
        build_index(
            docs=[HANDBOOK, write_documents(Path(made), texts, more // 10)],
            catalog=catalog,
            out=Path(made) / INDEX,
            embedder=embedder,
            embedder_digest=_meta(demo)["embedder"],
        )
        (Path(made) / INDEX).rename(release / INDEX)
    if embedder.met < len(known) // 2:
        raise AssertionError(f"expected the demo's {len(known):,} texts, met {embedder.met:,}")
    seal(release, INDEX)
    return release


def _vectors(index: Path) -> dict[str, np.ndarray]:
    """Return text as it was embedded → vector, of passages and of sentences."""
    db = schema.open_reader(index)
    schema.load_vectors_extension(db)
    passages = {
        number: (f"{title}: ", text)
        for number, title, text in db.execute("SELECT number, title, text FROM passages")
    }
    found = {
        "".join(passages[number]): np.frombuffer(blob, dtype="<f4")
        for number, blob in db.execute("SELECT number, embedding FROM vectors")
    }
    for number, start, end, blob in db.execute(
        "SELECT passage, start, end, vector FROM sentences WHERE vector IS NOT NULL"
    ):
        title, text = passages[number]
        found[title + text[start:end]] = schema.unpack_vectors([blob])[0]
    return found


def _products(index: Path) -> list[str]:
    """Return each product's columns as a line of JSON."""
    rows = schema.open_reader(index).execute("SELECT columns FROM products ORDER BY number")
    return [json.dumps(json.loads(columns)) for (columns,) in rows]


def _meta(index: Path) -> dict[str, str]:
    return dict(schema.open_reader(index).execute("SELECT key, value FROM meta"))
