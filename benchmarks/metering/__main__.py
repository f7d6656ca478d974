"""``python -m benchmarks.metering [--requests N] [--kills N] [--outage SECONDS] [--seed N] [--no-cost]``"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.metering import cost
from benchmarks.metering.asked import PACE
from benchmarks.metering.clients import Outcome, ask
from benchmarks.metering.fleet import Fleet
from benchmarks.metering.judge import Verdict, judge
from tests.proxy.byte_model import write_build

_MODEL = "forii/bytes"
_AT_ONCE = 96
# What a checkpoint may be behind: a second, and a machine that is busy.
_BEHIND_SECONDS = 2.5
# Ids of the largest message of the engine, for each of two samples.
_IDS = 8
_DONE_WITHIN = 900.0


async def run(folder: Path, requests: int, kills: int, outage: float, seed: int) -> Verdict:
    """The whole run, in a folder that is empty. outage: seconds that the database is away."""
    fleet = Fleet(folder, write_build(folder / "build", _MODEL), requests)
    try:
        await fleet.ready()
        outcomes = await asyncio.wait_for(_load(fleet, requests, kills, outage, random.Random(seed)), _DONE_WITHIN)
    finally:
        fleet.stop()
    await _collect(fleet)
    verdict = judge(fleet, outcomes, limit=round(_BEHIND_SECONDS / PACE) * _IDS)
    left = [path for path in (fleet.state / "journal").rglob("*") if path.is_file()]
    if left:
        verdict.wrong.append(f"the journal still has {left}")
    if len(fleet.kills) != kills:
        verdict.wrong.append(f"{len(fleet.kills)} proxies were killed, not {kills}")
    return verdict


async def _load(fleet: Fleet, requests: int, kills: int, outage: float, choice: random.Random) -> list[Outcome]:
    """Asks all, a fixed number at a time; kills and the outage come after so many of them."""
    slots, outcomes = asyncio.Semaphore(_AT_ONCE), list[Outcome]()
    due = sorted(choice.randrange(requests // 10, requests) for _ in range(kills))
    away: asyncio.Task[None] | None = None

    async def one(number: int) -> None:
        try:
            proxy = number % fleet.size
            outcomes.append(await ask(number, proxy, fleet.ports[proxy], _MODEL))
        finally:
            slots.release()

    asking = []
    for number in range(requests):
        await slots.acquire()
        asking.append(asyncio.ensure_future(one(number)))
        if number == requests // 3:
            away = asyncio.ensure_future(_outage(fleet, outage))
        while due and number >= due[0]:
            due.pop(0)
            await asyncio.to_thread(fleet.kill, choice.randrange(fleet.size))
    await asyncio.gather(*asking)
    if away is not None:
        await away
    return outcomes


async def _outage(fleet: Fleet, seconds: float) -> None:
    async with fleet.database_away():
        await asyncio.sleep(seconds)


async def _collect(fleet: Fleet) -> None:
    """Starts one more time, so that what was left in the journal goes where it belongs."""
    last = Fleet(fleet.folder, fleet.build, fleet.count, size=1)
    try:
        await last.ready()
        journal = fleet.state / "journal"
        for _ in range(200):
            if len(list(journal.iterdir())) <= 1:
                break
            await asyncio.sleep(0.1)
    finally:
        last.stop()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.metering")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--outage", type=float, default=20.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-cost", action="store_true", help="leave the measurement of what it costs out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="forii-meterbench-") as folder:
        started = time.monotonic()
        verdict = asyncio.run(run(Path(folder), options.requests, options.kills, options.outage, options.seed))
        seconds = time.monotonic() - started
    sys.stdout.write(
        f"{options.requests:,} requests, {options.kills} SIGKILLs, the database away for {options.outage:g} s, "
        f"in {seconds:.0f} s:\n\n{verdict.table()}\n"
    )
    sys.stdout.write("".join(f"WRONG: {line}\n" for line in verdict.wrong[:20]))
    if not options.no_cost:
        sys.stdout.write(cost.table(cost.measure()))
    return int(bool(verdict.wrong))


if __name__ == "__main__":
    sys.exit(main())
