"""What metering costs the proxy: CPU with and without it, in the same run, by turns."""

from __future__ import annotations

import asyncio
import tempfile
import time
import timeit
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.metering.clients import ask
from benchmarks.metering.fleet import Fleet
from proxy.metrics import Metrics, RequestMetrics
from tests.proxy.byte_model import write_build

_MODEL = "forii/bytes"
_ROUNDS = 16
_REQUESTS = 300
_AT_ONCE = 16
_ADDITIONS = 1_000_000


@dataclass(frozen=True)
class Cost:
    """Microseconds of the proxy's CPU a request in each round, with and without; token: of the addition that each
    message of the engine takes."""

    metered: list[float]
    unmetered: list[float]
    token: float

    @property
    def differences(self) -> list[float]:
        """Of rounds with the same requests."""
        return sorted(one - other for one, other in zip(self.metered, self.unmetered, strict=True))


def measure() -> Cost:
    metered, unmetered = asyncio.run(_measure())
    metrics = RequestMetrics(Metrics())
    seconds = min(timeit.repeat("metrics.received += 1", globals={"metrics": metrics}, number=_ADDITIONS))
    return Cost(metered, unmetered, seconds / _ADDITIONS * 1e6)


def table(cost: Cost) -> str:
    differences = cost.differences
    half = f"{differences[len(differences) // 4]:.0f} to {differences[-1 - len(differences) // 4]:.0f}"
    return (
        f"\n| proxy's CPU a request, µs; medians of {len(differences)} rounds of {_REQUESTS} | metered | not metered "
        "| difference | half of the differences |\n|---|---|---|---|---|\n"
        f"| | {median(cost.metered):.0f} | {median(cost.unmetered):.0f} | {median(differences):.0f} | {half} |\n\n"
        f"Each message of the engine: {cost.token:.3f} µs more.\n"
    )


async def _measure() -> tuple[list[float], list[float]]:
    found: dict[bool, list[float]] = {True: [], False: []}
    count = _ROUNDS * _REQUESTS
    with tempfile.TemporaryDirectory(prefix="forii-meterbench-") as folder:
        fleets = {}
        for metered in found:
            own = Path(folder) / str(metered)
            own.mkdir()
            fleets[metered] = Fleet(own, write_build(own / "build", _MODEL), count, 1, metered, 0.0)
        try:
            for fleet in fleets.values():
                await fleet.ready()
            for number in range(_ROUNDS):
                for metered, fleet in sorted(fleets.items(), reverse=bool(number % 2)):
                    found[metered].append(await _round(fleet, number * _REQUESTS))
        finally:
            for fleet in fleets.values():
                fleet.stop()
    # The first round warms up.
    return found[True][1:], found[False][1:]


async def _round(fleet: Fleet, first: int) -> float:
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int) -> None:
        async with places:
            await ask(number, 0, fleet.ports[0], _MODEL)

    before = _cpu(fleet.pid(0))
    await asyncio.gather(*(one(first + number) for number in range(_REQUESTS)))
    # Rows are written within the second.
    await asyncio.sleep(1.2)
    return (_cpu(fleet.pid(0)) - before) / _REQUESTS * 1e6


def _cpu(pid: int) -> float:
    """CPU seconds of a process, as <linux/posix-timers.h> numbers its clock."""
    return time.clock_gettime((~pid << 3) | 2)
