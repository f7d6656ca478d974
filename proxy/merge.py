"""Several async generators in, one out: their items as they come, each with the place of the one it is from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TypeVar

Item = TypeVar("Item")


async def merge(streams: Sequence[AsyncGenerator[Item, None]]) -> AsyncGenerator[tuple[int, Item], None]:
    """Ends when all have ended. The first failure, and closing the merged generator, close them all."""
    if len(streams) == 1:
        async with aclosing(streams[0]) as only:
            async for item in only:
                yield 0, item
        return
    queue: asyncio.Queue[tuple[int, Item] | BaseException | None] = asyncio.Queue(maxsize=len(streams))
    pumps = [asyncio.ensure_future(_pump(place, stream, queue)) for place, stream in enumerate(streams)]
    try:
        open_streams = len(streams)
        while open_streams:
            got = await queue.get()
            if isinstance(got, BaseException):
                raise got
            if got is None:
                open_streams -= 1
            else:
                yield got
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(
    place: int, stream: AsyncGenerator[Item, None], queue: asyncio.Queue[tuple[int, Item] | BaseException | None]
) -> None:
    try:
        async with aclosing(stream):
            async for item in stream:
                await queue.put((place, item))
    except Exception as error:
        await queue.put(error)
    else:
        await queue.put(None)
