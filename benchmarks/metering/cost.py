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
from build_engines.recipe import PriceSection
from proxy.accounts.caller import ANYBODY
from proxy.accounts.database import Database
from proxy.accounts.database_url import database_url
from proxy.accounts.limiter import Limiter
from proxy.accounts.meter import Meter
from proxy.accounts.metering import Metering
from proxy.accounts.quotas import Quotas
from proxy.accounts.usage_repository import UsageRepository
from proxy.metrics import Metrics, RequestMetrics
from proxy.openai.chunk import Usage
from tests.proxy.byte_model import write_build

_MODEL = "forii/bytes"
_ROUNDS = 16
_REQUESTS = 300
_AT_ONCE = 16
_ADDITIONS = 1_000_000
_TRIES = 3


@dataclass(frozen=True)
class Cost:
    """Microseconds of the proxy's CPU a request in each round, with and without. alone: of a request's metering
    by itself, journal and database included. token: of the addition that each message of the engine takes."""

    metered: list[float]
    unmetered: list[float]
    alone: float
    token: float

    @property
    def differences(self) -> list[float]:
        """Of rounds with the same requests."""
        return sorted(one - other for one, other in zip(self.metered, self.unmetered, strict=True))


def measure() -> Cost:
    metered, unmetered = asyncio.run(_measure())
    metrics = RequestMetrics(Metrics())
    seconds = min(timeit.repeat("metrics.received += 1", globals={"metrics": metrics}, number=_ADDITIONS))
    alone = min(asyncio.run(_alone()) for _ in range(_TRIES))
    return Cost(metered, unmetered, alone, seconds / _ADDITIONS * 1e6)


def table(cost: Cost) -> str:
    differences = cost.differences
    half = f"{differences[len(differences) // 4]:.0f} to {differences[-1 - len(differences) // 4]:.0f}"
    rounds = f"medians of {len(differences)} rounds of {_REQUESTS}"
    return (
        "\n| proxy's CPU a request, µs | metered | not metered | difference | half of the differences are |\n"
        "|---|---|---|---|---|\n"
        f"| {rounds} | {median(cost.metered):.0f} | {median(cost.unmetered):.0f} | {median(differences):.0f} "
        f"| {half} |\n\n"
        f"The metering of a request by itself, journal and SQLite included: {cost.alone:.0f} µs of CPU. Each "
        f"message of the engine: {cost.token:.3f} µs more.\n"
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


async def _alone() -> float:
    """The metering of requests without requests, so many at a time."""
    metrics = Metrics()
    with tempfile.TemporaryDirectory(prefix="forii-meterbench-") as folder:
        database = Database(database_url(f"sqlite:///{folder}/forii.db"))
        store = UsageRepository(database)
        await store.insert([])
        metering = Metering(store, Path(folder) / "journal", Limiter(metrics), Quotas(store), metrics)

        async def worker() -> None:
            for _ in range(_REQUESTS // _AT_ONCE):
                counts = RequestMetrics(metrics)
                counts.begin(100, 1)
                meter = Meter(ANYBODY, counts, 100, PriceSection(), "somebody", {"team": "blue"})
                metering.begin(meter)
                await metering.seal(meter, 200, Usage(prompt=100, completion=0))
                metering.end(meter, 200)

        async with metering.looked_after():
            await worker()
            before = time.process_time()
            await asyncio.gather(*(worker() for _ in range(_AT_ONCE)))
        spent = time.process_time() - before
        await database.close()
    return spent / (_REQUESTS // _AT_ONCE * _AT_ONCE) * 1e6
