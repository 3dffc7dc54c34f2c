"""Readings of a machine; a test names only the figure it is about."""

from __future__ import annotations

from dataclasses import replace

from appliance.monitoring.pressure import Vitals

CALM = Vitals(
    memory_available_share=0.6,
    disk_free_mib=40_000.0,
    temperature_c=55.0,
    steal_share=0.0,
    cpu_share=0.2,
    process_mib=240.0,
)


def some_vitals(**figures: float | None) -> Vitals:
    return replace(CALM, **figures)  # type: ignore[arg-type]
