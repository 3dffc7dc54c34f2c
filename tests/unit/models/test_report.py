"""The report: one page that needs nothing but itself, whatever a run got to."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from appliance.errors import BadInput
from models.report.page import write_report

pytest.importorskip("matplotlib")
PNG = b"\x89PNG\r\n\x1a\n"
SHARES = {"right": 0.93, "declined": 0.96}
EXAM = {"least": 0.4, "shares": SHARES, "counts": {"right": 540, "declined": 270}}
SPOKEN = {"least": 0.4, "shares": {"right": 0.417}, "counts": {"right": 180}}
KINDS = ("q8_0", "q4_k_m")


def step(figures: dict[str, Any]) -> dict[str, Any]:
    return {
        "step": "x", "inputs": {}, "outputs": {"a.bin": {"sha256": "0" * 64, "bytes": 1200}},
        "figures": figures, "started_at": "2026-11-22T10:00:00+00:00", "seconds": 61.0,
        "attempts": 2, "versions": {}, "digest": "abcdef0123456789",
    }  # fmt: skip


def a_run(folder: Path, *, said: str = "30 days") -> Path:
    """Write a run's files as the steps leave them, with doctored figures."""
    curve = [{"step": n, "loss": 3.0 / (n + 1), "accuracy": n / 10} for n in range(5)]
    held = {"tokens_per_s": 4000, "answer_ms": 31.0, "first": 1.0, "answers": 0.98}
    steps = {
        "base": step({"parameters": 3_100_000, "curve": curve}),
        "finetune": step({"pairs": 0}),
        "quantize": step({"ships": "q8_0", "kinds": {k: {"bytes": 3_400_000} for k in KINDS}}),
        "parity": step(dict.fromkeys(("f32", *KINDS), held)),
    }
    heard = {
        "asks": 350, "answered": 300, "right": 0.8, "ece": 0.031, "auroc": 0.9,
        "reliability": [{"from": 0.8, "to": 0.9, "p": 0.85, "right": 0.8, "count": 300}],
        "risk_coverage": [{"coverage": c / 10, "risk": c / 50} for c in range(1, 11)],
        "cost_quality": [{"cost": c / 10, "quality": 0.8 + c / 50} for c in range(11)],
        "cost_quality_oracle": [{"cost": c / 10, "quality": 1.0} for c in range(11)],
        "by_lane": {"card": {"said": 9, "right": 1.0}},
        "worst": [{"ask": "how long", "lane": "quote", "p": 0.97, "right": False, "said": said,
                   "wanted": "60 days"}],
    }  # fmt: skip
    golden = {"questions": 260, "right": 0.9, "honest": 0.1, "wrong": 0.0, "wrong_values": 0,
              "by_kind": {"live": {"n": 43, "right": 0.9, "honest": 0.1, "wrong": 0.0}},
    }  # fmt: skip
    exam = {k: {"calibrated": EXAM, "uncalibrated": EXAM, "spoken": SPOKEN} for k in KINDS}
    confusion = {"names": ["policy", "stock"], "counts": [[9, 1], [0, 4]]}
    story = {"name": "larkmoor", "seed": 1, "recipe": 'name = "larkmoor"', "steps": steps,
             "recipe_sha256": "f" * 64, "machine": {"python": "3.11", "cores": "2"}}  # fmt: skip
    gate = [{"name": "remembers", "is_ok": False, "said": "golden 90.0%: 2.0 points down"}]
    tables = {
        "run.json": story,
        "gate.json": gate,
        "calibrate/router.json": {"figures": {"intents": {"confusion": confusion}}},
        "evaluate/evaluation.json": {
            "exam": exam, "heard": heard, "golden": golden,
            "earlier": {"id": "larkmoor-1", "right": 0.92},
        },
    }  # fmt: skip
    for name, table in tables.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(table))
    return folder


class Links(HTMLParser):
    """Collects whatever a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.found += [v or "" for k, v in attrs if k in {"src", "href", "xlink:href", "data"}]


def test_the_page_asks_for_nothing_outside_itself(tmp_path: Path) -> None:
    page = write_report(a_run(tmp_path), tmp_path / "report").read_text()
    links = Links()
    links.feed(page)
    assert [link for link in links.found if not link.startswith("#")] == []
    assert not {"script", "link", "iframe"} & set(links.tags)
    assert re.findall(r"url\((?!#)", page) == []
    assert "@import" not in page


def test_every_chart_is_on_the_page_and_beside_it_as_a_picture(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    page = write_report(a_run(tmp_path), folder).read_text()
    names = {"training", "quantization", "reliability", "risk_coverage", "cost_quality",
             "confusion"}  # fmt: skip
    assert page.count("<svg") == len(names)
    assert {p.stem for p in folder.glob("*.png")} == names
    assert all(p.read_bytes().startswith(PNG) for p in folder.glob("*.png"))


def test_no_two_charts_share_an_id(tmp_path: Path) -> None:
    page = write_report(a_run(tmp_path), tmp_path / "report").read_text()
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_the_figures_on_the_page_are_those_of_the_run(tmp_path: Path) -> None:
    page = write_report(a_run(tmp_path), tmp_path / "report").read_text()
    for words in ("q8_0 (ships)", "93.0%", "3.40", "4,000", "0.031", "larkmoor-1 had 92.0%",
                  "golden 90.0%: 2.0 points down", "refused"):  # fmt: skip
        assert words in page, words


def test_what_a_model_said_is_text_and_never_markup(tmp_path: Path) -> None:
    run = a_run(tmp_path, said='<script>alert("x")</script>')
    page = write_report(run, tmp_path / "report").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_a_run_that_got_to_its_base_alone_has_a_page_too(tmp_path: Path) -> None:
    a_run(tmp_path)
    story = json.loads((tmp_path / "run.json").read_text())
    story["steps"] = {"base": story["steps"]["base"]}
    (tmp_path / "run.json").write_text(json.dumps(story))
    for name in ("gate.json", "calibrate/router.json", "evaluate/evaluation.json"):
        (tmp_path / name).unlink()
    page = write_report(tmp_path, tmp_path / "report").read_text()
    assert "3,100,000 parameters" in page
    assert page.count("<svg") == 1
    assert "Gate" not in page


def test_the_same_run_gives_the_same_page(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    first = write_report(run, tmp_path / "a").read_bytes()
    assert write_report(run, tmp_path / "b").read_bytes() == first


def test_a_folder_without_a_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"holds no run: run\.json is missing"):
        write_report(tmp_path, tmp_path / "report")


def test_hand_written_asks_are_told_beside_the_exam_and_kinds_not_asked_are_not(
    tmp_path: Path,
) -> None:
    page = write_report(a_run(tmp_path), tmp_path / "report").read_text()
    assert "Handbook asks written by hand" in page
    assert "41.7%" in page
    assert "Two sources, comparisons" not in page
