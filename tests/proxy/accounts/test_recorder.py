"""Records on their way to a database that comes and goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxy.accounts import recorder as recorder_module
from proxy.accounts.journal import Journal, abandoned
from proxy.accounts.recorder import BATCH, Recorder
from proxy.accounts.usage_record import UsageRecord
from proxy.metrics import Metrics
from tests.proxy.accounts.test_journal import leave
from tests.proxy.accounts.usage import AWAY, FakeStore, record
from tests.proxy.served import soon


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits as long as for real, but shorter."""
    monkeypatch.setattr(recorder_module, "_GATHER_SECONDS", 0.01)
    monkeypatch.setattr(recorder_module, "_FIRST_WAIT", 0.005)
    monkeypatch.setattr(recorder_module, "_LONGEST_WAIT", 0.02)


class Line:
    """A recorder with its journal, as the metering uses both."""

    def __init__(self, store: FakeStore, folder: Path, memory: int) -> None:
        self.metrics = Metrics()
        self.told: list[UsageRecord] = []
        self.recorder = Recorder(store, self.metrics, self.told.extend, memory)
        self.journal = Journal(folder)

    def end(self, *records: UsageRecord) -> None:
        kept = self.recorder.keeps(len(records))
        segment = self.journal.write(records, [], [], kept=kept, obsolete=self.recorder.obsolete())
        self.recorder.put(records, segment)

    def value(self, name: str) -> float:
        lines = self.metrics.text().decode().splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


@asynccontextmanager
async def line(store: FakeStore, folder: Path, memory: int = 10_000) -> AsyncIterator[Line]:
    made = Line(store, folder, memory)
    task = asyncio.ensure_future(made.recorder.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        leave(made.journal)


def files(root: Path) -> int:
    return sum(path.is_file() for path in root.rglob("*"))


async def test_records_are_written_in_batches(tmp_path: Path) -> None:
    store = FakeStore()
    async with line(store, tmp_path) as made:
        for number in range(3 * BATCH):
            made.end(record(number))
        assert made.value("forii_usage_pending") == 3 * BATCH
        await soon(lambda: len(store.rows) == 3 * BATCH)
        assert max(store.batches) == BATCH
        assert len(store.batches) < 10
        assert made.value("forii_usage_pending") == 0
        assert made.value("forii_usage_written_total") == 3 * BATCH
        assert made.told == list(store.rows.values())


async def test_a_database_that_is_away_loses_nothing_and_memory_stays_bounded(tmp_path: Path) -> None:
    store = FakeStore()
    store.away = AWAY
    async with line(store, tmp_path, memory=20) as made:
        for number in range(300):
            made.end(record(number))
            assert len(made.recorder._waiting) <= 20
            if number % 50 == 0:
                await asyncio.sleep(0.01)
        assert made.value("forii_usage_pending") == 300
        assert made.value("forii_usage_failures_total") >= 2
        store.away = None
        # What ticks every second in the metering: the files that only the journal knows are closed by it.
        await soon(lambda: not made.recorder._waiting)
        made.end()
        made.end(record(300))
        await soon(lambda: len(store.rows) == 301)
        assert made.value("forii_usage_pending") == 0
        assert store.inserted == 301
        assert sorted(one.id for one in made.told) == sorted(store.rows)


async def test_one_that_comes_and_goes_gets_each_record_once(tmp_path: Path) -> None:
    store = FakeStore()
    async with line(store, tmp_path, memory=15) as made:
        for number in range(400):
            if number % 37 == 0:
                store.away = AWAY if store.away is None else None
            made.end(record(number))
            await asyncio.sleep(0.001)
        store.away = None
        for _ in range(200):
            made.end()
            await asyncio.sleep(0.01)
            if len(store.rows) == 400:
                break
        assert len(store.rows) == 400
        assert store.inserted == 400
        made.end()
        assert files(tmp_path) <= 2


async def test_what_is_left_of_another_process_is_written_too_and_its_files_go(tmp_path: Path) -> None:
    dead, store = Journal(tmp_path), FakeStore()
    dead.write([record(number) for number in range(1200)], [], [], kept=True)
    leave(dead)
    async with line(store, tmp_path) as made:
        backlogs = abandoned(tmp_path)
        made.recorder.take_over(backlogs, sum(one.count() for one in backlogs))
        assert made.value("forii_usage_pending") == 1200
        await soon(lambda: made.value("forii_usage_pending") == 0)
        assert len(store.rows) == 1200
        # They are not of this process.
        assert made.told == []
        made.end(record(1200))
        await soon(lambda: files(tmp_path) == 1)


async def test_a_backlog_waits_for_a_database_that_is_away(tmp_path: Path) -> None:
    dead, store = Journal(tmp_path), FakeStore()
    dead.write([record(number) for number in range(600)], [], [], kept=True)
    leave(dead)
    store.away = AWAY
    async with line(store, tmp_path) as made:
        made.recorder.take_over(abandoned(tmp_path), 600)
        made.end(record(600))
        await soon(lambda: made.value("forii_usage_failures_total") > 3)
        store.away = None
        await soon(lambda: len(store.rows) == 601)


async def test_a_row_that_the_database_refuses_does_not_keep_the_others_out(tmp_path: Path) -> None:
    store = FakeStore()
    store.poison = record(3).id
    async with line(store, tmp_path) as made:
        made.end(*(record(number) for number in range(10)))
        await soon(lambda: made.value("forii_usage_pending") == 0)
        assert len(store.rows) == 9
        assert made.value("forii_usage_lost_total") == 1


async def test_without_journal_and_database_what_does_not_fit_is_lost_and_counted() -> None:
    store, metrics = FakeStore(), Metrics()
    store.away = AWAY
    told: list[Sequence[UsageRecord]] = []
    recorder = Recorder(store, metrics, told.append, memory=10)
    for number in range(25):
        recorder.put([record(number)], None)
    assert b"forii_usage_lost_total 15.0" in metrics.text()
    assert recorder.pending == 10


async def test_it_is_drained_within_its_time(tmp_path: Path) -> None:
    store = FakeStore()
    async with line(store, tmp_path) as made:
        made.end(record(1))
        assert await made.recorder.drain(5)
        assert len(store.rows) == 1
        store.away = AWAY
        made.end(record(2))
        assert not await made.recorder.drain(0.05)
    assert [one.id for one in abandoned(tmp_path)[0].take(10)] == [record(1).id, record(2).id]


async def test_a_database_that_hangs_is_as_good_as_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "_INSERT_SECONDS", 0.01)
    store = FakeStore()
    store.slow = 60
    async with line(store, tmp_path) as made:
        made.end(record(1))
        await soon(lambda: made.value("forii_usage_failures_total") > 0)
        store.slow = 0
        await soon(lambda: len(store.rows) == 1)
