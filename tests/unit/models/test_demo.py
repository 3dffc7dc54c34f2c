"""The demo's build: its steps by name, and which documents count on a day."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from appliance.errors import BadInput
from models import demo, demo_commands
from models.handbook import documents_in_force

STEPS = (
    "corpus", "index", "ranker", "known", "excerpts", "intents", "cards", "lanes", "package",
)  # fmt: skip
DAY = date(2026, 11, 22)


def run(
    monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> tuple[list[tuple[str, Any]], BaseException | None]:
    """Return the steps done with what they were given, and the fault."""
    done: list[tuple[str, Any]] = []
    fakes = {n: lambda build, n=n: done.append((n, build)) or {"made": 1} for n in demo.steps()}
    monkeypatch.setattr(demo, "steps", lambda: fakes)
    app = typer.Typer()
    app.callback()(lambda: None)
    demo_commands.register(app)
    return done, CliRunner().invoke(app, ["demo", *arguments]).exception


def test_the_steps_run_in_the_order_they_need_each_other() -> None:
    assert tuple(demo.steps()) == STEPS


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), STEPS),
        (("--from", "lanes"), ("lanes", "package")),
        (("--to", "index"), ("corpus", "index")),
        (("--from", "cards", "--to", "cards"), ("cards",)),
    ],
)
def test_a_build_may_start_and_end_anywhere(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    done, fault = run(monkeypatch, *arguments, "--on", "2026-11-22", "--work", "w")
    assert fault is None
    assert tuple(name for name, _ in done) == expected
    assert {(b.on, b.work) for _, b in done} == {(DAY, Path("w"))}


@pytest.mark.parametrize("option", ["--from", "--to"])
def test_an_unknown_step_is_refused_with_the_known_ones(
    monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    done, fault = run(monkeypatch, option, "dance")
    assert done == []
    assert isinstance(fault, BadInput)
    assert "lanes" in fault.hint


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
