"""The parts around the specialist: in the order they need each other, and which documents count."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from appliance.errors import BadInput
from models import demo
from models.handbook import documents_in_force

STEPS = ("index", "ranker", "known", "excerpts", "answerability", "intents", "cards")
DAY = date(2026, 11, 22)


def test_the_parts_are_made_in_the_order_they_need_each_other() -> None:
    assert tuple(demo.steps()) == STEPS


def a_document(folder: Path, name: str, front: str) -> None:
    text = f"---\nid: {name}\n{front}\n---\n# Title\n"
    (folder / f"{name}.md").write_text(text, encoding="utf-8")


def test_a_document_is_in_force_from_its_first_day_to_its_last(tmp_path: Path) -> None:
    a_document(tmp_path, "first", "effective_from: 2026-11-22")
    a_document(tmp_path, "last", "effective_from: 2026-01-01\neffective_to: 2026-11-22")
    a_document(tmp_path, "over", "effective_from: 2026-01-01\neffective_to: 2026-11-21")
    a_document(tmp_path, "coming", "effective_from: 2026-11-23")
    assert documents_in_force(tmp_path, DAY) == {"first", "last"}


@pytest.mark.parametrize("text", ["no front matter", "---\nid: x\n---\n", "---\n: : :\n---\n"])
def test_front_matter_that_does_not_parse_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "broken.md").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=r"broken\.md"):
        documents_in_force(tmp_path, DAY)
