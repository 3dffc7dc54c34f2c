from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from appliance.errors import DamagedIndex
from appliance.index_build.build import build_index
from appliance.index_build.places import Places, in_place, read_places
from appliance.ports import Filters
from tests.builders.index import open_chain, write_chain
from tests.fakes.embedder import WordEmbedder


def _placed(names: str, earlier: str) -> str:
    return "".join(in_place(names, names, earlier))


@pytest.mark.parametrize(
    ("names", "earlier", "placed"),
    [
        ("abc", "", "abc"),
        ("abc", "abc", "abc"),
        ("cab", "abc", "abc"),  # order is the earlier one's
        ("acd", "abc", "adc"),  # d takes the place of b
        ("xabc", "abc", "abcx"),
        ("ac", "abc", "ac"),  # c has no place any more: it takes one that is left
        ("c", "abc", "c"),
        ("aab", "ab", "aba"),  # a name that comes twice: the second is new
    ],
)
def test_what_stays_keeps_its_place_and_what_is_new_takes_what_is_left(
    names: str, earlier: str, placed: str
) -> None:
    assert _placed(names, earlier) == placed


def _built(folder: Path, docs: Path, catalog: Path, out: str, like: Path | None = None) -> str:
    model = WordEmbedder()
    return build_index(
        docs=[docs],
        catalog=catalog,
        out=folder / out,
        embedder=model,
        embedder_digest=model.digest,
        like=like,
    ).content_sha256


def test_an_index_built_like_an_earlier_one_holds_and_answers_the_same_as_one_built_anew(
    tmp_path: Path,
) -> None:
    docs, catalog = write_chain(tmp_path)
    _built(tmp_path, docs, catalog, "old.db")
    rows = catalog.read_text(encoding="utf-8").splitlines()
    new = "AA-000001,4006381333955,MX-2,Sonara MX-2 speaker,Sonara,hifi,89.99,40,7,black"
    catalog.write_text("\n".join([rows[0], new, *rows[2:]]) + "\n", encoding="utf-8")
    anew = _built(tmp_path, docs, catalog, "index.db")
    found = open_chain(tmp_path).search("sonara speaker", k=5, filters=Filters())

    again = _built(tmp_path, docs, catalog, "like.db", tmp_path / "old.db")

    old, like = read_places(tmp_path / "old.db"), read_places(tmp_path / "like.db")
    assert again == anew
    assert like.products == ("AA-000001", *old.products[1:])
    assert all(
        a == b or b.startswith("AA") for a, b in zip(old.passages, like.passages, strict=True)
    )
    (tmp_path / "like.db").replace(tmp_path / "index.db")
    same = open_chain(tmp_path).search("sonara speaker", k=5, filters=Filters())
    assert [p.id for p in same] == [p.id for p in found]


def test_a_few_terms_more_leave_the_numbers_of_the_others(tmp_path: Path) -> None:
    docs, catalog = write_chain(tmp_path)
    _built(tmp_path, docs, catalog, "index.db")
    text = (docs / "returns.md").read_text(encoding="utf-8")
    (docs / "returns.md").write_text(f"{text}\nAardvarks are welcome.\n", encoding="utf-8")
    _built(tmp_path, docs, catalog, "more.db")
    before, after = _terms(tmp_path / "index.db"), _terms(tmp_path / "more.db")
    assert set(after) > set(before)
    assert sum(after[term] != number for term, number in before.items()) <= 2
    assert len(set(after.values())) == len(after)
    assert 0 not in after.values()


def _terms(path: Path) -> dict[str, int]:
    return dict(apsw.Connection(str(path)).execute("SELECT term, id FROM terms"))


def test_a_file_that_is_no_index_is_no_example(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"<html>404</html>" * 99)
    with pytest.raises(DamagedIndex):
        read_places(tmp_path / "x.db")
    assert Places() == Places((), ())
