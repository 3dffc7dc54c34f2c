"""The terminal page of `backroom status`, drawn from one answer of `/v1/status`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from appliance.meter import STAGES

COLOURS = {"calm": "green", "tight": "yellow", "critical": "red"}
STATES = {"closed": "green", "half_open": "yellow", "open": "red"}
BLOCKS = " ▁▂▃▄▅▆▇█"
BAR_CELLS = 8
SPARK_MINUTES = 20  # the page fits 80 columns
VITALS = {
    "memory_available_share": ("memory available", "{:.0%}"),
    "process_mib": ("this process", "{:.0f} MiB"),
    "disk_free_mib": ("disk free", "{:,.0f} MiB"),
    "temperature_c": ("processor", "{:.0f} °C"),
    "cpu_share": ("CPU used", "{:.0%}"),
    "steal_share": ("CPU stolen", "{:.0%}"),
}


def draw(status: dict[str, Any], *, address: str, fault: str = "") -> RenderableType:
    """Return the page.

    Args:
        status: The answer of `/v1/status`.
        address: Where it came from.
        fault: Why there is no newer one; '' when this one is new.
    """
    parts: list[RenderableType] = [_head(status, address)]
    if fault:
        parts.append(Text(f"{fault} What follows is as of {_hour(status['now'])}.", style="red"))
    parts += [_pressure(status), *_promise(status), "", _stages(status), "", _below(status)]
    return Group(*parts)


def sparkline(values: Sequence[float | None]) -> str:
    """Return values as blocks from the lowest to the highest eighth of the largest; None: a gap."""
    largest = max((v for v in values if v is not None), default=0.0)
    if largest <= 0:
        return " " * len(values)
    steps = len(BLOCKS) - 1
    return "".join(" " if v is None else BLOCKS[max(1, round(v / largest * steps))] for v in values)


def _head(status: dict[str, Any], address: str) -> Text:
    text = Text.assemble(
        ("Backroom", "bold"),
        f" store {status['store']} · release {status['release']} · {address}\n",
    )
    up = f"up since {_hour(status['began_at'])}, now {_hour(status['now'])} UTC"
    text.append(f"{status['model']} · {up}")
    return text


def _pressure(status: dict[str, Any]) -> Text:
    level = status["level"]
    text = Text.assemble((f" {level.upper()} ", f"bold reverse {COLOURS[level]}"), " ")
    text.append(status["why"] or "nothing presses this machine")
    if status["sheds"]:
        text.append(f"\nshed: {', '.join(status['sheds'])}", style=COLOURS[level])
    if status["calmer"]:
        text.append(f"; {status['calmer']} calmer readings in a row", style="dim")
    for breaker in status["breakers"]:
        if breaker["why"]:
            lane, state = breaker["lane"], breaker["state"].replace("_", "-")
            text.append(f"\n{lane}: breaker {state}, {breaker['why']}", style=STATES["open"])
            text.append(f"; next try in {breaker['retry_in_s']:.0f} s", style=STATES["open"])
    return text


def _promise(status: dict[str, Any]) -> list[Text]:
    """Return what the release promises; nothing of one that promises nothing, or is older."""
    said = status.get("promise", "")
    return [Text(said, style="dim")] if said else []


def _stages(status: dict[str, Any]) -> Table:
    hour = status["hour"]
    together, minutes = hour["together"], hour["minutes"][-SPARK_MINUTES:]
    table = Table(box=None, padding=(0, 2, 0, 0), title_justify="left", header_style="dim")
    for name in ("last hour", "p50 ms", "p95 ms", "share", "", f"p95, {SPARK_MINUTES} min"):
        table.add_column(name, justify="right" if name.endswith(("ms", "share")) else "left")
    for stage in STAGES:
        spread, share = together["stages"][stage], together["shares"].get(stage)
        line = sparkline([m["stages"][stage]["p95_ms"] for m in minutes])
        told = "" if share is None else f"{share:.0%}"
        bar = "█" * round((share or 0) * BAR_CELLS * 2)
        quantiles = (_ms(spread["p50_ms"]), _ms(spread["p95_ms"]))
        table.add_row(stage, *quantiles, told, bar, line)
    line = sparkline([m["p95_ms"] for m in minutes])
    whole = (_ms(together["p50_ms"]), _ms(together["p95_ms"]))
    table.add_row("an ask", *whole, "", "", line, style="bold")
    return table


def _below(status: dict[str, Any]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_row(_lanes(status), _figures(status))
    return grid


def _lanes(status: dict[str, Any]) -> Table:
    together = status["hour"]["together"]
    breakers = {b["lane"]: b for b in status["breakers"]}
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("lane", "replies", "", "breaker"):
        table.add_column(name, justify="right" if name == "replies" else "left")
    answered = together["lanes"]
    whole = sum(answered.values()) or 1
    for lane in dict.fromkeys((*answered, *breakers)):
        count, breaker = answered.get(lane, 0), breakers.get(lane)
        bar = "█" * round(count / whole * BAR_CELLS)
        state = breaker["state"] if breaker else ""
        told = Text(state.replace("_", "-"), style=STATES.get(state, ""))
        table.add_row(lane, str(count), bar, told)
    return table


def _figures(status: dict[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    queue, together, spool = status["queue"], status["hour"]["together"], status["spool"]
    errors = sum(together["errors"].values())
    table.add_row("asks, last hour", str(together["asks"]))
    table.add_row("in hand", f"{queue['in_hand']} of {queue['limit']}")
    table.add_row("waiting for the model", str(queue["waiting"]))
    table.add_row("fallbacks", str(together["fallbacks"]))
    table.add_row("errors", Text(str(errors), style="red" if errors else ""))
    table.add_row("owed to headquarters", "?" if spool["items"] is None else str(spool["items"]))
    for name, (said, form) in VITALS.items():
        if name in status["vitals"]:
            table.add_row(said, form.format(status["vitals"][name]))
    if not status["engine"]["is_alive"]:
        table.add_row("engine", Text("has died", style="bold red"))
    return table


def _ms(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def _hour(iso: str) -> str:
    return datetime.fromisoformat(iso).strftime("%H:%M:%S")
