"""The watch over the machine: one thread that reads memory, disk, heat and CPU every few seconds.

It covers the machine as the kernel tells it. A limit put on this process alone (a container's
memory) is not seen; the process' own size is, and is shown.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from appliance.monitoring.pressure import Pressure, Vitals
from appliance.recurring import recurring

log = logging.getLogger(__name__)

EVERY_S = 2.0  # one reading costs under a millisecond; memory can be gone in a few seconds
CPU_OVER = 15  # readings that CPU shares are taken over: half a minute
MIB = 2**20
# The processor's own sensors: a drive or a battery that is warm says nothing of throttling.
CPU_SENSORS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu-thermal", "soc_thermal")


class Machine:
    """Reads this machine; one thread at a time."""

    def __init__(self, folder: Path) -> None:
        """Read the disk that `folder` is on."""
        self._folder = folder
        self._process = psutil.Process()
        self._cpu: deque[tuple[float, float, float]] = deque([_cpu_times()], maxlen=CPU_OVER + 1)

    def __call__(self) -> Vitals:
        """Return one reading.

        Raises:
            OSError: The kernel did not tell.
            psutil.Error: The same.
        """
        memory = psutil.virtual_memory()
        steal_share, cpu_share = self._cpu_shares()
        return Vitals(
            memory_available_share=memory.available / memory.total,
            disk_free_mib=psutil.disk_usage(str(self._folder)).free / MIB,
            temperature_c=_hottest(),
            steal_share=steal_share,
            cpu_share=cpu_share,
            process_mib=self._process.memory_info().rss / MIB,
        )

    def _cpu_shares(self) -> tuple[float, float]:
        """Return the shares stolen and used, over the last half minute."""
        self._cpu.append(_cpu_times())
        (whole, stolen, used), now = self._cpu[0], self._cpu[-1]
        passed = now[0] - whole
        if passed <= 0:
            return 0.0, 0.0
        return max(0.0, now[1] - stolen) / passed, max(0.0, now[2] - used) / passed


class Watch:
    """Tells of each reading and where it leaves the machine; `step` is one round of its thread."""

    def __init__(
        self,
        read: Callable[[], Vitals],
        tell: Callable[[Vitals, Pressure], None],
        *,
        every_s: float = EVERY_S,
    ) -> None:
        self._read = read
        self._tell = tell
        self._every_s = every_s
        self._pressure = Pressure()
        self._is_blind = False

    def step(self) -> None:
        """Read once and tell; a machine that cannot be read stays at the level it had.

        Never raises: a watch that falls over would leave the store at that level for good.
        """
        try:
            vitals = self._read()
            before, self._pressure = self._pressure, self._pressure.next(vitals)
            if before.level is not self._pressure.level:
                level, why = self._pressure.level.word, self._pressure.why
                log.warning("pressure: %s, was %s. %s", level, before.level.word, why)
            self._tell(vitals, self._pressure)
            self._is_blind = False
        # The outermost loop of the watch's thread. It goes on because the next reading may do; it
        # says so once, and again only after one that did.
        except Exception:
            if not self._is_blind:
                log.exception("watch: this machine could not be read")
            self._is_blind = True

    @contextmanager
    def running(self) -> Iterator[None]:
        """Watch in a thread of its own while the block runs."""
        with recurring(self.step, every_s=self._every_s, name="watch"):
            yield


def _cpu_times() -> tuple[float, float, float]:
    """Return CPU seconds since boot: all, stolen, used."""
    times = psutil.cpu_times()
    stolen = float(getattr(times, "steal", 0.0))
    idle = float(times.idle) + float(getattr(times, "iowait", 0.0))
    # A guest's time is within user's and nice's already.
    guests = float(getattr(times, "guest", 0.0)) + float(getattr(times, "guest_nice", 0.0))
    whole = float(sum(times)) - guests
    return whole, stolen, whole - idle - stolen


def _hottest() -> float | None:
    """Return the hottest CPU sensor in °C; None where there is none, as in most guests."""
    tell: Callable[[], dict[str, list[Any]]] = getattr(psutil, "sensors_temperatures", dict)
    sensors = tell()
    found = [s.current for name in CPU_SENSORS for s in sensors.get(name, ())]
    return max(found, default=None)
