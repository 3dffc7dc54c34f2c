"""`backroom index build` and `backroom search`, with the demo's own embedder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from appliance import index_commands
from appliance.errors import BadInput, DamagedIndex, DamagedRelease
from tests.builders.index import even_ranker, write_chain

RUNNER = CliRunner()


def run(*arguments: str) -> str:
    app = typer.Typer()
    index_commands.register(app)
    result = RUNNER.invoke(app, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    docs, catalog = write_chain(folder)
    (docs / "prices.xlsx").write_bytes(b"PK")
    (folder / "ranker.json").write_text(even_ranker().as_json(), encoding="utf-8")
    run("index", "build", "--docs", str(docs), "--catalog", str(catalog), "--out",
        str(folder / "index.db"), "--report", str(folder / "report.json"))  # fmt: skip
    return folder


def search(folder: Path, *arguments: str) -> str:
    paths = ["--index", str(folder / "index.db"), "--ranker", str(folder / "ranker.json")]
    return run("search", *paths, *arguments)


def test_the_report_names_what_was_skipped(folder: Path) -> None:
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))

    assert report["documents"] == 4
    assert report["products"] == 3
    assert report["skipped"] == [{"source": "prices.xlsx", "why": "no converter for .xlsx"}]


def test_a_text_is_searched_for(folder: Path) -> None:
    hits = json.loads(search(folder, "money back without a receipt", "--json"))["hits"]

    assert hits[0]["document"] == "returns"
    assert "Returning things" in search(folder, "money back without a receipt")


def test_a_file_of_texts_gives_a_line_each_and_goes_on_after_a_bad_one(folder: Path) -> None:
    asks, hits = folder / "q.jsonl", folder / "hits.jsonl"
    asks.write_bytes(
        b'{"id": 1, "text": "LM-104233"}\nnot json\n{"id": "x"}\n[]\n'
        b'{"id": "z", "text": "\\u0000 \\ud800 gold"}\n{"id": "half", "text": "caf\xc3"}\n'
    )

    search(folder, "--queries", str(asks), "--k", "2", "--out", str(hits), "--by", "document")

    rows = [json.loads(line) for line in hits.read_text(encoding="utf-8").splitlines()]
    assert [row.get("id") for row in rows] == [1, None, "x", None, "z", "half"]
    assert [("error" in row) for row in rows] == [False, True, True, True, False, False]
    assert rows[0]["hits"][0]["id"] == "LM-104233"
    assert set(rows[0]["hits"][0]) == {"id", "score", "title"}
    assert all(len(row["hits"]) <= 2 for row in rows if "hits" in row)


def test_by_document_names_each_once(folder: Path) -> None:
    hits = json.loads(search(folder, "receipt", "--json", "--by", "document", "--k", "50"))["hits"]

    ids = [hit["id"] for hit in hits]
    assert len(ids) == len(set(ids))


def test_a_role_reads_what_it_may(folder: Path) -> None:
    asked = ("opening the safe", "--json", "--k", "50", "--by", "document")
    manager = json.loads(search(folder, *asked, "--role", "manager"))["hits"]
    associate = json.loads(search(folder, *asked))["hits"]

    assert "safe" in {hit["id"] for hit in manager}
    assert "safe" not in {hit["id"] for hit in associate}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("search", "--index", "absent.db", "text"), DamagedIndex),
        (("search", "--index", "absent.db"), BadInput),
        (("search", "--index", "absent.db", "text", "--by", "page"), BadInput),
        (("search", "--index", "absent.db", "--queries", "q.jsonl"), BadInput),
        (("search", "--index", "absent.db", "text", "--embedder", "absent"), DamagedRelease),
        (("index", "build", "--out", "x.db"), BadInput),
        (("index", "build", "--docs", "absent", "--out", "x.db"), BadInput),
        (("index", "info", "absent.db"), DamagedIndex),
    ],
)
def test_what_cannot_be_done_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], error: type
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(error) as caught:
        run(*arguments)

    assert caught.value.hint
    assert not list(tmp_path.iterdir())
