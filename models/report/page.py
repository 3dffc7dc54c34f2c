"""One self-contained page about a run: tables, charts, worst examples; it asks no network.

It is written from the run's own files, as far as the run got, also when the gate refused it.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from appliance.errors import BadInput
from appliance.files import replaced, replaced_file
from models.build import read_table
from models.report import charts
from models.report.charts import Chart
from models.report.markup import LACKING, Raw, duration, number, percent, table
from models.report.specialist import exams, figure, figures, quantization, sizes, training

PAGE, STORY = "report.html", "run.json"
STYLE = """
:root { --ink:#1d2733; --soft:#5d6b7a; --line:#e3e8ee; --ours:#0b6e6e; --bad:#b3261e; }
* { box-sizing:border-box } body { font:15px/1.5 system-ui,sans-serif; color:var(--ink);
 background:#fff; margin:0 auto; max-width:1080px; padding:2rem 1.5rem 4rem }
h1 { font-size:1.7rem; margin:0 } h2 { font-size:1.15rem; margin:2.4rem 0 .6rem;
 border-top:1px solid var(--line); padding-top:1.4rem } p { max-width:48rem; margin:.4rem 0 }
.soft { color:var(--soft) } .bad { color:var(--bad) } .good { color:var(--ours) }
table { border-collapse:collapse; margin:.6rem 0; min-width:26rem } th { font-weight:600;
 color:var(--soft); font-size:.85rem } th,td { text-align:left; padding:.3rem .9rem .3rem 0;
 border-bottom:1px solid var(--line); vertical-align:top } td.n,th.n { text-align:right;
 font-variant-numeric:tabular-nums; white-space:nowrap }
.charts { display:flex; flex-wrap:wrap; gap:1.5rem 2rem; align-items:flex-start }
figure { margin:0; flex:1 1 400px; max-width:520px; min-width:0 } figcaption { font-weight:600;
 margin-bottom:.3rem } svg { max-width:100%; height:auto } code,pre { font:13px/1.45
 ui-monospace,monospace } pre { background:#f6f8fa; padding:1rem; overflow:auto; max-height:30rem }
.tiles { display:flex; flex-wrap:wrap; gap:.8rem; margin:1.2rem 0 } .tile { border:1px solid
 var(--line); border-radius:8px; padding:.7rem 1rem; min-width:9rem } .tile b { display:block;
 font-size:1.35rem } summary { cursor:pointer; color:var(--soft) } .scroll { overflow-x:auto }
"""


def write_report(run: Path, into: Path, *, pictures: bool = True) -> Path:
    """Write a run's page into a folder, its charts beside it as PNGs; return the page.

    Raises:
        BadInput: There is no run in that folder, or the page cannot be written.
    """
    story = read_table(run / STORY)
    if not story:
        raise BadInput(
            f"{run} holds no run: {STORY} is missing.", hint="backroom models run RECIPE.toml"
        )
    found = read_table(run / "evaluate" / "evaluation.json")
    drawn = _charts(story, found, read_table(run / "calibrate" / "router.json"))
    into.mkdir(parents=True, exist_ok=True)
    for chart in drawn if pictures else ():
        with replaced_file(into / f"{chart.name}.png") as part:
            part.write_bytes(chart.png)
    gate = run / "gate.json"
    checks = json.loads(gate.read_text(encoding="utf-8")) if gate.exists() else []
    with replaced(into / PAGE) as file:
        file.write(_page(story, found, checks, drawn))
    return into / PAGE


def _charts(
    story: Mapping[str, Any], found: Mapping[str, Any], router: Mapping[str, Any]
) -> list[Chart]:
    """Draw what the run got far enough for."""
    drawn = []
    points = figures(story, "base").get("curve")
    if points:
        drawn.append(charts.loss(points))
    rows = sizes(story, found)
    if rows:
        drawn.append(charts.sizes(rows))
    heard = found.get("heard", {})
    if heard.get("reliability"):
        drawn.append(charts.reliability(heard["reliability"], ece=heard["ece"]))
        drawn.append(charts.risk_coverage(heard["risk_coverage"]))
        drawn.append(charts.cost_quality(heard["cost_quality"], heard["cost_quality_oracle"]))
    counts = router.get("figures", {}).get("intents", {}).get("confusion")
    if counts:
        drawn.append(charts.confusion(counts))
    return drawn


def _page(
    story: Mapping[str, Any], found: Mapping[str, Any], checks: Sequence[Mapping[str, Any]],
    drawn: Sequence[Chart],
) -> str:  # fmt: skip
    name = html.escape(str(story["name"]))
    parts = [
        f"<h1>{name}</h1>", _subtitle(story), _tiles(story, found, checks), _gate(checks),
        training(story, drawn), quantization(story, found, drawn), exams(story, found),
        _store(found, drawn), _golden(found), _worst(found), _steps(story), _recipe(story),
    ]  # fmt: skip
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>\n<body>'
        + "\n".join(part for part in parts if part)
        + "\n</body></html>\n"
    )


def _subtitle(story: Mapping[str, Any]) -> str:
    machine = story["machine"]
    steps = list(story["steps"].values())
    began = min((s["started_at"] for s in steps), default="")[:16].replace("T", " ")
    spent = sum(s["seconds"] for s in steps)
    return (
        f'<p class="soft">Begun {html.escape(began)} UTC, {duration(spent)} of work, on'
        f" {machine['cores']} cores, Python {machine['python']}. Recipe"
        f" <code>{story['recipe_sha256'][:12]}</code>, seed {story['seed']}.</p>"
    )


def _tiles(
    story: Mapping[str, Any], found: Mapping[str, Any], checks: Sequence[Mapping[str, Any]]
) -> str:
    heard, golden = found.get("heard", {}), found.get("golden", {})
    ships = figures(story, "quantize").get("ships", "")
    exam = found.get("exam", {}).get(ships, {}).get("calibrated", {}).get("shares", {})
    refused = [c for c in checks if not c["is_ok"]]
    gate = LACKING if not checks else "refused" if refused else "passed"
    tiles = [
        ("gate", gate, "bad" if refused else "good"),
        ("exam, right", percent(exam.get("right")), ""),
        ("exam, declined", percent(exam.get("declined")), ""),
        ("golden, right", percent(golden.get("right")), ""),
        ("wrong values", str(golden.get("wrong_values", LACKING)), ""),
        ("calibration error", number(heard.get("ece"), 3), ""),
    ]
    boxes = "".join(
        f'<div class="tile"><span class="soft">{what}</span><b class="{kind}">{value}</b></div>'
        for what, value, kind in tiles
    )
    return f'<div class="tiles">{boxes}</div>'


def _gate(checks: Sequence[Mapping[str, Any]]) -> str:
    if not checks:
        return ""
    rows = [
        (c["name"], Raw(f'<span class="{"good" if c["is_ok"] else "bad"}">'
                         f"{'holds' if c['is_ok'] else 'fails'}</span>"), c["said"])
        for c in checks
    ]  # fmt: skip
    return "<h2>Gate</h2>" + table(("check", "", "found"), rows)


def _store(found: Mapping[str, Any], drawn: Sequence[Chart]) -> str:
    heard = found.get("heard")
    if not heard:
        return ""
    told = (
        f"<p>The whole pipeline on {heard['asks']} held-out asks that calibrated nothing:"
        f" {heard['answered']} answered, {percent(heard['right'])} of these right."
        f" {html.escape(heard.get('promise', ''))}</p>"
    )
    rows = [(n, str(r["said"]), percent(r["right"])) for n, r in heard["by_lane"].items()]
    names = ("reliability", "risk_coverage", "cost_quality", "confusion")
    shown = "".join(figure(drawn, name, bare=True) for name in names)
    return (
        f"<h2>In the store</h2>{told}"
        + table(("lane", "#spoke", "#right"), rows)
        + f'<div class="charts">{shown}</div>'
    )


def _golden(found: Mapping[str, Any]) -> str:
    golden, earlier = found.get("golden"), found.get("earlier")
    if not golden:
        return ""
    rows = [
        (kind, str(r["n"]), percent(r["right"]), percent(r["honest"]), percent(r["wrong"]))
        for kind, r in {"all": {**golden, "n": golden["questions"]}, **golden["by_kind"]}.items()
    ]
    told = (
        f"<p>{html.escape(earlier['id'])} had {percent(earlier['right'])}.</p>" if earlier else ""
    )
    return "<h2>Golden questions</h2>" + told + table(
        ("kind", "#asked", "#right", "#honest", "#wrong"), rows
    )  # fmt: skip


def _worst(found: Mapping[str, Any]) -> str:
    worst = found.get("heard", {}).get("worst", [])
    missed = found.get("golden", {}).get("missed", [])
    if not worst and not missed:
        return ""
    rows = [(r["ask"], r["lane"], f"{r['p']:.2f}", r["said"], r["wanted"]) for r in worst]
    rows += [(r["ask"], r["lane"], f"{r['p']:.2f}", r["said"], f"golden {r['id']}") for r in missed]
    return "<h2>Worst examples: sure and wrong</h2>" + table(
        ("ask", "lane", "#p", "said", "should have said"), rows
    )


def _steps(story: Mapping[str, Any]) -> str:
    rows = [
        (name, s["started_at"].replace("T", " ")[:19], duration(s["seconds"]), str(s["attempts"]),
         str(len(s["outputs"])), f"{sum(f['bytes'] for f in s['outputs'].values()) / 1e6:.1f}",
         Raw(f"<code>{s['digest'][:12]}</code>"))
        for name, s in story["steps"].items()
    ]  # fmt: skip
    head = ("step", "begun (UTC)", "#took", "#attempts", "#files", "#MB", "digest")
    return "<h2>Steps</h2>" + table(head, rows)


def _recipe(story: Mapping[str, Any]) -> str:
    versions = " · ".join(f"{k} {v[:16]}" for k, v in story["machine"].items())
    return (
        f"<h2>Made from</h2><p class='soft'>{html.escape(versions)}</p><details><summary>the recipe"
        f"</summary><pre>{html.escape(story['recipe'])}</pre></details>"
    )
