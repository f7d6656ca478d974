from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from proxy.merge import merge


class Stream:
    """Counts up to an end, with a pause before each number; knows whether it was closed."""

    def __init__(self, name: str, end: int, pause: float = 0.0, error: Exception | None = None) -> None:
        self.closed = False
        self.name, self._end, self._pause, self._error = name, end, pause, error

    async def run(self) -> AsyncGenerator[tuple[str, int], None]:
        try:
            for number in range(self._end):
                await asyncio.sleep(self._pause)
                yield self.name, number
            if self._error is not None:
                raise self._error
        finally:
            self.closed = True


async def collect(*streams: Stream) -> list[tuple[str, int]]:
    async with aclosing(merge([stream.run() for stream in streams])) as merged:
        found = []
        async for place, item in merged:
            assert item[0] == streams[place].name
            found.append(item)
        return found


@pytest.mark.parametrize("count", [1, 2, 5])
async def test_all_items_come_and_each_streams_order_is_kept(count: int) -> None:
    streams = [Stream(str(index), 20) for index in range(count)]
    items = await collect(*streams)
    for index in range(count):
        assert [number for name, number in items if name == str(index)] == list(range(20))
    assert all(stream.closed for stream in streams)


async def test_a_slow_stream_does_not_hold_up_a_fast_one() -> None:
    items = await collect(Stream("slow", 1, pause=0.2), Stream("fast", 20, pause=0.001))
    assert items[-1] == ("slow", 0)


@pytest.mark.parametrize("count", [1, 3])
async def test_the_first_failure_comes_through_and_closes_the_others(count: int) -> None:
    others = [Stream(str(index), 1000, pause=0.01) for index in range(count - 1)]
    failing = Stream("failing", 2, error=ValueError("oh"))
    with pytest.raises(ValueError, match="oh"):
        await collect(failing, *others)
    assert failing.closed
    assert all(stream.closed for stream in others)


@pytest.mark.parametrize("count", [1, 3])
async def test_closing_it_closes_them_all_before_it_returns(count: int) -> None:
    streams = [Stream(str(index), 1000, pause=0.001) for index in range(count)]
    async with aclosing(merge([stream.run() for stream in streams])) as merged:
        for _ in range(5):
            await merged.__anext__()
    assert all(stream.closed for stream in streams)


@pytest.mark.parametrize("count", [1, 3])
async def test_cancelling_the_reader_closes_them_all(count: int) -> None:
    streams = [Stream(str(index), 1000, pause=0.001) for index in range(count)]
    task = asyncio.ensure_future(collect(*streams))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all(stream.closed for stream in streams)


async def test_a_reader_that_does_not_read_holds_the_streams_back() -> None:
    produced = 0

    async def eager() -> AsyncGenerator[int, None]:
        nonlocal produced
        for number in range(1000):
            produced += 1
            yield number

    async with aclosing(merge([eager(), eager()])) as merged:
        await merged.__anext__()
        await asyncio.sleep(0.02)
        assert produced < 10
