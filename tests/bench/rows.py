"""The design's budgets for a store as rows: what was found, what was wanted, whether it is met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line of the table; `is_met` is None where the design sets no budget."""

    name: str
    found: str
    budget: str = ""
    is_met: bool | None = None


def rows_of(found: Mapping[str, Any]) -> list[Row]:
    """Return the rows of one run's figures."""
    return [
        *_orchestration(found["store"]),
        _search(found["search"]),
        _delta(found["delta"]),
        *_first(found["first"]),
        *_engine(found["engine"]),
        *_process(found["process"]),
        *_golden(found["golden"]),
        *_serve(found["serve"]),
        _size(found["release_bytes"]),
    ]


def table(rows: Sequence[Row]) -> str:
    """Return the rows in columns."""
    words = {True: "met", False: "MISSED", None: ""}
    lines = [("what", "found", "budget", ""), ("", "", "", "")]
    lines += [(row.name, row.found, row.budget, words[row.is_met]) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return "\n".join(
        f"{a:{widths[0]}}  {b:{widths[1]}}  {c:{widths[2]}}  {d}".rstrip() for a, b, c, d in lines
    )


def _orchestration(store: Mapping[str, Any]) -> list[Row]:
    crowd, alone = store["orchestration_ms"], store["orchestration_alone_ms"]
    stages, waiting = crowd["stages"], crowd["with_waiting"]
    return [
        Row(
            f"orchestration, {store['passages']:,} passages, 8 at once",
            f"p50 {stages['p50']} ms, p99 {stages['p99']} ms",
            "p50 ≤ 8 ms, p99 ≤ 25 ms",
            stages["p50"] <= 8.0 and stages["p99"] <= 25.0,
        ),
        Row("… of it processor time", f"mean {crowd['cpu_ms']} ms"),
        Row("… and waiting for a turn", f"p50 {waiting['p50']} ms, p99 {waiting['p99']} ms"),
        Row("… alone", f"p50 {alone['stages']['p50']} ms, p99 {alone['stages']['p99']} ms"),
    ]


def _search(search: Mapping[str, float]) -> Row:
    return Row(
        "hybrid search, 43,000 passages",
        f"p95 {search['p95_ms']} ms (processor {search['cpu_p95_ms']} ms),"
        f" recall@10 {search['recall_at_10']}",
        "p95 ≤ 10 ms, recall ≥ 0.99",
        search["p95_ms"] <= 10.0 and search["recall_at_10"] >= 0.99,
    )


def _first(first: Mapping[str, Any]) -> list[Row]:
    crowd, alone = first["first_sentence_ms"], first["first_sentence_alone_ms"]
    return [
        Row(
            f"first governed sentence, specialist, 8 at once ({first['asks']} asks)",
            f"p50 {crowd['p50']} ms, p95 {crowd['p95']} ms",
            "p95 ≤ 400 ms",
            crowd["p95"] <= 400.0,
        ),
        Row("… alone", f"p50 {alone['p50']} ms, p95 {alone['p95']} ms"),
    ]


def _engine(engine: Mapping[str, Any]) -> list[Row]:
    rows = [
        Row(
            f"engine over llama.cpp's server, {crowd} at once",
            f"× {speed['ratio']} ({speed['ours']} and {speed['server']} tokens/s)",
            "≥ × 1.0",
            speed["ratio"] >= 1.0,
        )
        for crowd, speed in engine["tokens_per_s"].items()
    ]
    hour = engine["store_hour"]
    return [
        *rows,
        Row(
            f"first token on a store hour ({hour['asks']} asks), server over engine",
            f"× {hour['p95_ratio']} (p95 {hour['server_p95_ms']} and {hour['ours_p95_ms']} ms)",
            "≥ × 2",
            hour["p95_ratio"] >= 2.0,
        ),
    ]


def _process(process: Mapping[str, float]) -> list[Row]:
    mb = process["rss_without_weights_mib"] * 2**20 / 1e6
    cold_s = process["cold_start_to_first_answer_s"]
    return [
        Row("process without weights", f"{mb:.0f} MB", "≤ 250 MB", mb <= 250.0),
        Row("cold start to first answer", f"{cold_s} s", "≤ 5 s", cold_s <= 5.0),
    ]


def _golden(golden: Mapping[str, Any]) -> list[Row]:
    wrong = golden["wrong_values"]
    return [
        Row("values not equal to their source", f"{wrong}", "0", wrong == 0),
        Row("golden questions right", f"{golden['right']:.1%}", "≥ 85 %", golden["right"] >= 0.85),
        Row("golden questions wrong", f"{golden['wrong']:.1%}"),
    ]


def _serve(serve: Mapping[str, Any]) -> list[Row]:
    first, memory = serve["first_sentence_ms"], serve["memory_mib"]
    name = f"{serve['handhelds']} handhelds, {serve['minutes']:g} min"
    errors = sum(serve["errors"].values())
    back_s = serve["back_after_kill_s"]
    return [
        Row(f"{name}: errors", f"{errors} of {serve['asks']} asks", "0", errors == 0),
        Row("… first sentence, any lane", f"p50 {first['p50']} ms, p95 {first['p95']} ms"),
        Row(
            "… memory with weights, after warm-up and at the end",
            f"{memory['after warm-up']} and {memory['second half']} MiB",
        ),
        Row("… back after kill -9", f"{back_s} s", "≤ 5 s", back_s <= 5.0),
    ]


def _delta(delta: Mapping[str, Any]) -> Row:
    rebuilt, alone = delta["rebuilt"], delta["without_like"]
    return Row(
        f"index of {rebuilt['file_bytes'] / 1e6:.0f} MB built anew, 3 % of its rows changed",
        f"{rebuilt['share']:.2%} on the wire ({alone['share']:.2%} without --like)",
        "≤ 3 % of the file",
        rebuilt["share"] <= 0.03,
    )


def _size(release_bytes: int) -> Row:
    return Row(
        "demo release", f"{release_bytes / 1e6:.1f} MB", "≤ 45 MB", release_bytes <= 45_000_000
    )
