"""Small chains and their indexes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from appliance.index_build.build import BuildReport, build_index
from appliance.store.index import SqliteIndex
from appliance.store.ranker import FEATURES, Ranker
from tests.fakes.embedder import WordEmbedder

RETURNS = """---
id: returns
title: Returning things
department: service
audience: associate
effective_from: 2026-02-01
supersedes: returns-old
---
# Returning things

## Return window
Unopened items may be returned within 60 days with the receipt.
Gold customers have 90 days.

## No receipt
A return without a receipt needs an ID and pays store credit.
"""
RETURNS_OLD = """---
id: returns-old
title: Returning things
department: service
audience: associate
effective_from: 2025-01-01
---
## Return window
Unopened items may be returned within 45 days with the receipt.
"""
SAFE = """---
id: safe
title: The safe
department: cash
audience: manager
---
## Opening the safe
Two managers open the safe with the receipt book at 7:30.
"""
SPANISH = """---
id: devoluciones
title: Devoluciones
department: service
audience: associate
language: es
---
## Plazo
Los artículos sin abrir se devuelven dentro de 60 días con el recibo.
"""
CATALOG = """sku,ean,model,name,brand,department,price,cost,stock,colour
LM-104233,4006381333931,WH-1000XM5,Sonara WH-1000XM5 headphones black,Sonara,hifi,349.99,120,4,black
LM-104234,4006381333948,WH-1000XM4,Sonara WH-1000XM4 headphones silver,Sonara,tv,249.99,90,0,grey
LM-200001,0012345678905,KT-17,Hearthline kettle 1.7 L,Hearthline,home,39.50,11,9,white
"""


def even_ranker() -> Ranker:
    """Words and vectors at equal weight; enough to order a few passages."""
    weights = np.zeros(len(FEATURES), np.float32)
    for name in ("bm25", "cosine", "coverage"):
        weights[FEATURES.index(name)] = 3.0
    zeros = np.zeros(len(FEATURES), np.float32)
    return Ranker(zeros, np.ones(len(FEATURES), np.float32), weights, -4.0)


def write_chain(folder: Path) -> tuple[Path, Path]:
    """Write the documents and catalogue above; return (folder of documents, catalogue)."""
    docs = folder / "docs"
    docs.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("returns.md", RETURNS),
        ("returns-old.md", RETURNS_OLD),
        ("safe.md", SAFE),
        ("devoluciones.md", SPANISH),
    ):
        (docs / name).write_text(text, encoding="utf-8")
    catalog = folder / "catalog.csv"
    catalog.write_text(CATALOG, encoding="utf-8")
    return docs, catalog


def build_chain(
    folder: Path, *, out: str = "index.db", embedder: WordEmbedder | None = None
) -> BuildReport:
    """Build the chain's index under `folder`."""
    docs, catalog = write_chain(folder)
    model = embedder or WordEmbedder()
    return build_index(
        docs=[docs],
        catalog=catalog,
        out=folder / out,
        embedder=model,
        embedder_digest=model.digest,
    )


def open_chain(folder: Path) -> SqliteIndex:
    """Open the index that `build_chain` wrote."""
    return SqliteIndex(folder / "index.db", embedder=WordEmbedder(), ranker=even_ranker())
