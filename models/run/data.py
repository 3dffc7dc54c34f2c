"""Step corpus: everything the release is about, gathered into one folder with its card."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from appliance.errors import BadInput
from appliance.files import replaced
from models.cards import write_data_card
from models.corpus.cli import write_corpus
from models.excerpts import read_asks
from models.run.bench import Bench


def corpus(bench: Bench) -> Mapping[str, Any]:
    """Gather documents, asks, words, products and cards; make up what the recipe does not name.

    Raises:
        BadInput: A folder is empty, or an ask does not say which sentence answers it.
    """
    recipe, out = bench.recipe, bench.out
    data, wanted = recipe.data, recipe.corpus.documents
    documents = _copy(recipe.path(data.handbook), out / "handbook", f"{wanted}.md")
    asks = _copy(recipe.path(data.asks), out / "asks", f"{wanted}.jsonl")
    shutil.copyfile(recipe.path(data.intents), out / "intents.toml")
    shutil.copyfile(recipe.path(data.lexicon), out / "lexicon.toml")
    _check_asks(out / "asks")
    _take_chain(bench)
    products = _first_products(out / "catalogue.csv", recipe.corpus.products)
    figures = {
        "documents": documents,
        "ask_files": asks,
        "asks": len(read_asks(out / "asks", "asks")),
        "held_out_asks": len(read_asks(out / "asks", "held_out")),
        "products": products,
        "cards": len(json.loads((out / "cards.json").read_text(encoding="utf-8"))["cards"]),
    }
    is_made = not (recipe.corpus.catalogue or recipe.corpus.cards)
    with replaced(out / "CARD.md") as file:
        file.write(write_data_card(out, name=recipe.name, figures=figures, is_made=is_made))
    return figures


def _take_chain(bench: Bench) -> None:
    """Take products and cards as the recipe names them, else the demo chain's."""
    named, out = bench.recipe.corpus, bench.out
    if not (named.catalogue and named.cards):
        write_corpus(bench.work / "chain", now=bench.midnight)
        made = bench.work / "chain"
        shutil.copyfile(made / "catalogue.csv", out / "catalogue.csv")
        shutil.copyfile(made / "release" / "cards" / "cards.json", out / "cards.json")
        if not named.catalogue:  # live data of the demo's own products alone
            shutil.copytree(made / "release" / "store", out / "store", dirs_exist_ok=True)
    for source, name in ((named.catalogue, "catalogue.csv"), (named.cards, "cards.json")):
        if source:
            shutil.copyfile(bench.recipe.path(source), out / name)


def _copy(source: Path, target: Path, pattern: str) -> int:
    found = sorted(source.glob(pattern))
    if not found:
        raise BadInput(f"{source} holds no {pattern}.", hint="Mend [data] or [corpus] documents.")
    target.mkdir(exist_ok=True)
    for path in found:
        shutil.copyfile(path, target / path.name)
    return len(found)


def _check_asks(folder: Path) -> None:
    """Check that every line names its document, the sentence that answers, and asks."""
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                row = json.loads(line)
                whole = row["doc"] and "answer" in row and row["asks"] and "held_out" in row
            except (ValueError, KeyError, TypeError) as exc:
                raise _bad_line(path, number, f"{exc!r}") from exc
            if not whole:
                raise _bad_line(path, number, "its doc or its asks are empty")


def _bad_line(path: Path, number: int, fault: str) -> BadInput:
    return BadInput(
        f"{path.name}:{number} is no labelled ask: {fault}.",
        hint='A line is {"doc", "answer", "asks": […], "held_out": […]}.',
    )


def _first_products(catalogue: Path, most: int) -> int:
    """Keep the first products of a catalogue, 0: all; return how many."""
    with catalogue.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    kept = rows[: most + 1] if most else rows
    if len(kept) < 2:
        raise BadInput(f"{catalogue.name} holds no product.", hint="Mend [corpus] catalogue.")
    if len(kept) < len(rows):
        with replaced(catalogue) as file:
            csv.writer(file, lineterminator="\n").writerows(kept)
    return len(kept) - 1
