"""The meters of a process, its journal and its recorder together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from build_engines.recipe import PriceSection
from proxy.accounts import metering as metering_module
from proxy.accounts import recorder as recorder_module
from proxy.accounts.caller import ANYBODY
from proxy.accounts.journal import Journal, Segment, abandoned, replay
from proxy.accounts.limiter import Limiter
from proxy.accounts.meter import Meter
from proxy.accounts.metering import Metering
from proxy.accounts.quotas import Quotas
from proxy.accounts.usage_record import UsageRecord
from proxy.metrics import Metrics, RequestMetrics
from proxy.openai.chunk import Usage
from tests.proxy.accounts.usage import AWAY, FakeStore
from tests.proxy.served import soon

USAGE = Usage(prompt=7, completion=3)


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "_GATHER_SECONDS", 0.01)
    monkeypatch.setattr(metering_module, "CHECKPOINT_SECONDS", 0.02)
    monkeypatch.setattr(metering_module, "DRAIN_SECONDS", 0.05)


def request(metrics: Metrics, tokens: int) -> tuple[RequestMetrics, Meter]:
    counts = RequestMetrics(metrics)
    counts.model = "forii/bytes"
    counts.begin(7, 1)
    counts.sample().tokens(tokens)
    return counts, Meter(ANYBODY, counts, 7, PriceSection(completion=Decimal(1)), None, {})


def make(store: FakeStore, folder: Path | None, metrics: Metrics | None = None) -> Metering:
    metrics = metrics or Metrics()
    return Metering(store, folder, Limiter(metrics), Quotas(None), metrics)


@asynccontextmanager
async def running(
    store: FakeStore, folder: Path | None, metrics: Metrics | None = None
) -> AsyncIterator[Metering]:
    made = make(store, folder, metrics)
    async with made.looked_after():
        yield made


def on_disk(folder: Path) -> list[UsageRecord]:
    try:
        return list(replay(sorted(folder.rglob("*.jsonl")), checkpoints=True))
    except FileNotFoundError:
        return on_disk(folder)  # one has just gone


async def test_how_an_answer_ends_is_on_disk_before_its_client_is_told(tmp_path: Path) -> None:
    store = FakeStore()
    async with running(store, tmp_path) as made:
        await asyncio.sleep(0)
        for number in range(20):
            _, meter = request(Metrics(), number)
            made.begin(meter)
            await made.seal(meter, 200, USAGE)
            found = {one.id: one for one in on_disk(tmp_path)}
            assert (found[meter.id].completion_tokens, found[meter.id].status) == (number, 200)
            made.end(meter, 200)
    assert len(store.rows) == 20
    assert on_disk(tmp_path) == []


async def test_what_runs_is_on_disk_after_a_while_and_never_more_than_came(tmp_path: Path) -> None:
    async with running(FakeStore(), tmp_path) as made:
        counts, meter = request(Metrics(), 3)
        made.begin(meter)
        await soon(lambda: [one.completion_tokens for one in on_disk(tmp_path)] == [3])
        counts.sample().tokens(2)
        await soon(lambda: [one.completion_tokens for one in on_disk(tmp_path)] == [5])
        assert [one.status for one in on_disk(tmp_path)] == [500]


async def test_checkpoints_do_not_wait_for_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Redis that takes its time keeps nothing off the disk."""
    asked = asyncio.Event()

    async def settle(_: Limiter) -> None:
        asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Limiter, "settle", settle)
    async with running(FakeStore(), tmp_path) as made:
        await asyncio.wait_for(asked.wait(), 10)
        _, meter = request(Metrics(), 3)
        made.begin(meter)
        await soon(lambda: [one.completion_tokens for one in on_disk(tmp_path)] == [3])


async def test_a_disk_that_hangs_holds_nobody_up_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs, writes = threading.Event(), Journal.write

    def write(
        self: Journal,
        records: Sequence[UsageRecord],
        marks: Sequence[Meter],
        running: Sequence[Meter],
        *,
        kept: bool,
        obsolete: Sequence[Segment] = (),
    ) -> Segment | None:
        hangs.wait(20)
        return writes(self, records, marks, running, kept=kept, obsolete=obsolete)

    monkeypatch.setattr(Journal, "write", write)
    store = FakeStore()
    async with running(store, tmp_path) as made:
        await asyncio.sleep(0)
        for _ in range(3):
            _, meter = request(Metrics(), 1)
            made.begin(meter)
            await made.seal(meter, 200, USAGE)
            made.end(meter, 200)
        assert store.rows == {}
        hangs.set()
        await soon(lambda: len(store.rows) == 3)


async def test_what_nobody_foresaw_about_the_journal_loses_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def write(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Journal, "write", write)
    store = FakeStore()
    async with running(store, tmp_path) as made:
        _, meter = request(Metrics(), 1)
        made.begin(meter)
        made.end(meter, 200)
        await soon(lambda: len(store.rows) == 1)
    assert "unhandled error in the usage journal" in caplog.text


async def test_records_that_nobody_takes_are_lost_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metering_module, "_MOST_ENDED", 5)
    metrics = Metrics()
    made = make(FakeStore(), None, metrics)
    for _ in range(8):
        _, meter = request(metrics, 1)
        made.begin(meter)
        made.end(meter, 200)
        made.end(meter, 200)  # which is nothing new
    assert b"forii_usage_lost_total 3.0" in metrics.text()


async def test_one_that_never_began_leaves_nothing() -> None:
    store = FakeStore()
    async with running(store, None) as made:
        made.end(request(Metrics(), 0)[1], 429)
        assert not store.rows
    assert not store.rows


async def test_what_the_database_did_not_take_is_written_by_the_next_process(tmp_path: Path) -> None:
    store = FakeStore()
    store.away = AWAY
    async with running(store, tmp_path) as made:
        for tokens in (1, 2):
            _, meter = request(Metrics(), tokens)
            made.begin(meter)
            if tokens == 1:
                made.end(meter, 200)
    left = on_disk(tmp_path)
    assert sorted((one.completion_tokens, one.status) for one in left) == [(1, 200), (2, 500)]
    store.away = None
    async with running(store, tmp_path):
        await soon(lambda: len(store.rows) == 2)
        await soon(lambda: on_disk(tmp_path) == [])
    assert sorted(store.rows) == sorted(one.id for one in left)
    assert store.inserted == 2
    assert abandoned(tmp_path) == []


async def test_limits_and_credits_hear_of_tokens_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    charged: list[int] = []
    added: list[Decimal] = []
    metrics = Metrics()
    limiter, quotas = Limiter(metrics), Quotas(None)
    monkeypatch.setattr(limiter, "charge", lambda _, tokens: charged.append(tokens))
    monkeypatch.setattr(quotas, "add", lambda _, amount: added.append(amount))
    made = Metering(FakeStore(), tmp_path, limiter, quotas, metrics)
    async with made.looked_after():
        counts, meter = request(metrics, 3)
        made.begin(meter)
        await soon(lambda: sum(charged) == 3)
        counts.sample().tokens(2)
        await made.seal(meter, 200, USAGE)
        made.end(meter, 200)
    assert sum(charged) == 5
    assert sum(added) == Decimal("0.005")
