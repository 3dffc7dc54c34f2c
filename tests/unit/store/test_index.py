"""What the index promises its readers."""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path

import apsw
import numpy as np
import pytest

from appliance.errors import DamagedIndex
from appliance.ports import Filters
from appliance.store import index_schema as schema
from appliance.store.index import SqliteIndex
from tests.builders.index import build_chain, even_ranker, open_chain
from tests.fakes.embedder import WordEmbedder

ALL = Filters(audiences=("associate", "lead", "manager"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chain")
    build_chain(folder)
    return folder


@pytest.fixture(scope="module")
def index(folder: Path) -> SqliteIndex:
    return open_chain(folder)


def test_the_passage_that_answers_comes_first(index: SqliteIndex) -> None:
    found = index.search(
        "return window for gold customers", k=3, filters=Filters(on=date(2026, 5, 1))
    )

    assert found[0].id == "returns#0"
    assert found[0].title == "Returning things › Return window"
    assert 0.0 <= found[-1].score <= found[0].score <= 1.0


def test_a_manager_document_is_never_found_by_an_associate(index: SqliteIndex) -> None:
    asked = "two managers open the safe"

    assert index.search(asked, k=1, filters=ALL)[0].document == "safe"
    assert all(p.document != "safe" for p in index.search(asked, k=50, filters=Filters()))


def test_cost_is_for_managers_only(index: SqliteIndex) -> None:
    found = index.search("cost of the kettle", k=50, filters=Filters())

    assert all("cost" not in p.text for p in found)
    assert "cost" not in (index.product("LM-200001") or {})
    assert any("cost 11" in p.text for p in index.search("cost of the kettle", k=9, filters=ALL))


@pytest.mark.parametrize(
    ("on", "document"),
    [(date(2026, 1, 31), "returns-old"), (date(2026, 2, 1), "returns")],
)
def test_a_superseded_rule_is_found_only_while_it_was_in_force(
    index: SqliteIndex, on: date, document: str
) -> None:
    found = index.search(
        "return window unopened", k=50, filters=Filters(on=on, kinds=("handbook",))
    )

    assert {p.document for p in found if p.document.startswith("returns")} == {document}


def test_language_department_and_kind_filter(index: SqliteIndex) -> None:
    spanish = index.search("recibo", k=50, filters=Filters(language="es"))
    cash = index.search("receipt", k=50, filters=Filters(ALL.audiences, department="cash"))
    products = index.search("black", k=50, filters=Filters(kinds=("product",)))

    assert {p.document for p in spanish} == {"devoluciones"}
    assert {p.department for p in cash} == {"cash"}
    assert {p.kind for p in products} == {"product"}


def test_diacritics_do_not_matter(index: SqliteIndex) -> None:
    with_accents = index.by_words("artículos días", k=3, filters=ALL)[0]

    assert with_accents.tolist() == index.by_words("articulos dias", k=3, filters=ALL)[0].tolist()
    assert len(with_accents)


@pytest.mark.parametrize(
    "asked", ["LM-104233", "lm104233", "104233", "4006381333931", "WH-1000XM5", "wh 1000xm5"]
)
def test_an_identifier_or_its_telling_part_finds_its_product_first(
    index: SqliteIndex, asked: str
) -> None:
    assert index.find_products(asked, k=3)[0][0] == "LM-104233"
    assert index.search(f"can I return {asked}", k=5, filters=Filters())[0].document == "LM-104233"


def test_the_beginning_of_a_model_number_finds_all_that_share_it(index: SqliteIndex) -> None:
    found = dict(index.find_products("wh-1000xm", k=5))

    assert set(found) == {"LM-104233", "LM-104234"}
    assert all(0.5 < score < 0.97 for score in found.values())


def test_a_upc_without_its_leading_zero_finds_the_ean(index: SqliteIndex) -> None:
    assert index.find_products("012345678905", k=1) == [("LM-200001", 1.0)]
    assert index.find_products("12345678905", k=1)[0][0] == "LM-200001"


def test_names_find_products_fuzzily(index: SqliteIndex) -> None:
    found = index.find_products("sonara headphones silver", k=3)

    assert [sku for sku, _ in found[:2]] == ["LM-104234", "LM-104233"]
    assert found[0][1] > found[1][1]


@pytest.mark.parametrize("asked", ["30 days", "$49.99", "2026", "what is the policy", ""])
def test_ordinary_numbers_name_no_product_by_identifier(index: SqliteIndex, asked: str) -> None:
    assert all(score < 0.97 for _, score in index.find_products(asked, k=5))


def test_a_product_is_read_by_sku_or_ean(index: SqliteIndex) -> None:
    by_sku = index.product("LM-104233")

    assert by_sku is not None
    assert by_sku["stock"] == "4"
    assert index.product("4006381333931") == by_sku
    assert index.product("104233") is None
    assert index.product("nothing") is None


def test_passages_and_sentences_are_read_by_id(index: SqliteIndex) -> None:
    passage = index.passage("returns#0")
    assert passage is not None
    assert passage.effective_from == date(2026, 2, 1)
    assert passage.effective_to is None
    assert index.passage("returns#99") is None

    sentences = index.sentences(["returns#0", "nothing", "LM-104233#0"])
    texts = [passage.text[s.start : s.end] for s in sentences if s.passage == "returns#0"]
    assert texts == [
        "Unopened items may be returned within 60 days with the receipt.",
        "Gold customers have 90 days.",
    ]
    assert all(abs(float(np.linalg.norm(s.vector)) - 1.0) < 0.02 for s in sentences)


def test_a_rare_word_weighs_more_than_a_common_one(index: SqliteIndex) -> None:
    assert index.idf("zebra") > index.idf("kettle") > index.idf("receipt")


@pytest.mark.parametrize(
    "asked",
    [
        "",
        " ",
        "\x00",
        "receipt\x00 return",
        "\ud800 receipt",
        '"',
        "NOT",
        "a AND (b OR",
        "title:receipt*",
        "NEAR(receipt, 2)",
        "^receipt - 'x' ; DROP TABLE passages",
        "x" * 100_000,
        "receipt " * 12_500,
        "🧾🧾",
        "return " + " ".join(f"w{i}" for i in range(5_000)),
    ],
)
def test_any_text_is_safe_to_search_for(index: SqliteIndex, asked: str) -> None:
    found = index.search(asked, k=5, filters=Filters())

    assert len(found) <= 5
    assert isinstance(index.find_products(asked, k=5), list)


def test_a_filter_costs_no_recall(index: SqliteIndex) -> None:
    """What a filtered search finds is what an unfiltered one would have found of the allowed."""
    vector = WordEmbedder().embed(["receipt days return"])[0]
    narrow = Filters(audiences=("manager",))
    every, _ = index.by_vector(vector, k=100, filters=ALL)
    allowed = [p.id for p in index.passages(every.tolist()) if p.audience == "manager"]

    numbers, _ = index.by_vector(vector, k=2, filters=narrow)

    assert [p.id for p in index.passages(numbers.tolist())] == allowed[:2]


def test_our_scan_agrees_with_the_files_vec0_table(folder: Path, index: SqliteIndex) -> None:
    vector = WordEmbedder().embed(["opened headphones without receipt"])[0]
    db = schema.open_reader(folder / "index.db")
    schema.load_vectors_extension(db)
    rows = db.execute(
        "SELECT number FROM vectors WHERE embedding MATCH ? AND k = 4 AND audience = 'associate'"
        " AND kind = 'product' ORDER BY distance",
        (vector.tobytes(),),
    ).fetchall()

    numbers, _ = index.by_vector(vector, k=4, filters=Filters(kinds=("product",)))

    assert numbers.tolist() == [n for (n,) in rows]


def test_many_threads_may_search_at_once(index: SqliteIndex) -> None:
    expected = [p.id for p in index.search("return window", k=3, filters=Filters())]
    wrong: list[object] = []

    def ask() -> None:
        for _ in range(20):
            found = [p.id for p in index.search("return window", k=3, filters=Filters())]
            if found != expected:
                wrong.append(found)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not wrong


def test_without_an_embedder_words_alone_are_searched(folder: Path) -> None:
    index = SqliteIndex(folder / "index.db", ranker=even_ranker())

    assert index.search("gold customers", k=1, filters=Filters())[0].id == "returns#0"


def _damage_missing(path: Path) -> None:
    path.unlink()


def _damage_empty(path: Path) -> None:
    path.write_bytes(b"")


def _damage_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _damage_foreign(path: Path) -> None:
    path.write_bytes(b"GGUF" + b"\x00" * 5_000)


def _damage_other_database(path: Path) -> None:
    path.unlink()
    with apsw.Connection(str(path)) as db:
        db.execute("CREATE TABLE t(x)")
    db.close()


def _damage_schema(path: Path) -> None:
    with apsw.Connection(str(path)) as db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    db.close()


def _damage_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(bytes(data))


def _damage_vectors(path: Path) -> None:
    db = apsw.Connection(str(path))
    schema.load_vectors_extension(db)
    db.execute("DELETE FROM vectors WHERE number = 1")
    db.close()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_damage_missing, "there is no such file"),
        (_damage_empty, "not an SQLite database"),
        (_damage_cut, "cut short"),
        (_damage_foreign, "not an SQLite database"),
        (_damage_other_database, "not a Backroom index"),
        (_damage_schema, "its schema is '99'"),
        (_damage_middle, "index.db"),
        (_damage_vectors, "vectors for"),
    ],
)
def test_a_damaged_file_is_refused_with_facts_and_a_hint(
    tmp_path: Path, damage: object, says: str
) -> None:
    build_chain(tmp_path)
    damage(tmp_path / "index.db")  # type: ignore[operator]

    with pytest.raises(DamagedIndex, match=says) as caught:
        open_chain(tmp_path)

    assert "index.db" in caught.value.message
    assert "backroom index build" in caught.value.hint


def test_an_index_of_another_embedder_is_refused(folder: Path) -> None:
    with pytest.raises(DamagedIndex, match="64 dimensions"):
        SqliteIndex(folder / "index.db", embedder=WordEmbedder(dim=32), ranker=even_ranker())
