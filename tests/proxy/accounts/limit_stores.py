"""The stores of limits, each as its tests want it: empty."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from proxy.accounts.limits import LimitStore
from proxy.accounts.memory_limits import MemoryLimits
from proxy.accounts.redis_limits import RedisLimits


@asynccontextmanager
async def limit_store(url: str | None) -> AsyncIterator[LimitStore]:
    """url: of an emptied Redis; None is memory."""
    if url is None:
        yield MemoryLimits()
        return
    async with Redis.from_url(url) as redis:
        await redis.flushall()
    store = RedisLimits(url)
    try:
        yield store
    finally:
        await store.close()
