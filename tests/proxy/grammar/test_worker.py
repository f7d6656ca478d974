from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator

import psutil
import pytest

from proxy.grammar import compile_schema
from proxy.grammar.invalid import InvalidSchema
from proxy.grammar.worker import TooCostly, Worker, WorkerDied


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    found = Worker(0.3)
    yield found
    found.close()


async def process(worker: Worker) -> int:
    return await worker.run(os.getpid)


async def test_it_works_in_a_process_of_its_own_that_stays(worker: Worker) -> None:
    assert await worker.run(divmod, 7, 2) == (3, 1)
    assert await worker.run(sorted, [2, 1], reverse=True) == [2, 1]
    assert await process(worker) == await process(worker) != os.getpid()


async def test_a_refusal_comes_through_with_its_place(worker: Worker) -> None:
    for _ in range(2):
        with pytest.raises(InvalidSchema, match="5 is not one of null") as caught:
            await worker.run(compile_schema, {"items": {"type": 5}})
        assert (caught.value.path, caught.value.keyword) == ("#/items", "type")


async def test_work_without_end_is_ended_and_the_next_goes_well(worker: Worker) -> None:
    before = await process(worker)
    started = time.monotonic()
    with pytest.raises(TooCostly):
        await worker.run(pow, 7, 10**9)
    assert time.monotonic() - started < 5
    assert await process(worker) != before


async def test_work_that_stands_still_is_ended_too() -> None:
    worker = Worker(0.05)
    with pytest.raises(TooCostly):
        await worker.run(time.sleep, 60)
    worker.close()


async def test_one_that_was_killed_while_it_was_idle_is_not_noticed(worker: Worker) -> None:
    os.kill(await process(worker), signal.SIGKILL)
    assert await worker.run(divmod, 7, 2) == (3, 1)


async def test_work_that_kills_it_is_told(worker: Worker) -> None:
    with pytest.raises(WorkerDied):
        await worker.run(os._exit, 3)
    assert await worker.run(divmod, 7, 2) == (3, 1)


async def test_a_fault_of_the_work_costs_no_process(worker: Worker) -> None:
    before = await process(worker)
    with pytest.raises(InvalidSchema, match="cannot work on it"):
        await worker.run(divmod, 7, 0)
    assert await process(worker) == before


async def test_what_prints_does_not_disturb_the_answers(worker: Worker) -> None:
    assert await worker.run(os.write, 1, b"noise\n") == 6
    assert await worker.run(divmod, 7, 2) == (3, 1)


async def test_the_loop_goes_on_while_it_works(worker: Worker) -> None:
    await process(worker)
    working = asyncio.ensure_future(worker.run(time.sleep, 0.2))
    turns = 0
    while not working.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 20


async def test_closing_it_ends_its_process_in_the_middle_of_work() -> None:
    worker = Worker(60)
    number = await process(worker)
    working = asyncio.ensure_future(worker.run(time.sleep, 60))
    await asyncio.sleep(0.05)
    worker.close()
    with pytest.raises(WorkerDied):
        await working
    assert not psutil.pid_exists(number)


async def test_its_process_ends_when_nobody_can_ask_it_any_more() -> None:
    worker = Worker(60)
    child = psutil.Process(await process(worker))
    assert worker._process is not None
    assert worker._process.stdin is not None
    worker._process.stdin.close()
    assert child.wait(5) == 0
    worker.close()
