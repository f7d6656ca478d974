"""An open database of each kind, and what limits are counted in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from proxy.accounts.database import Database
from proxy.accounts.database_url import database_url
from tests.program import need
from tests.proxy.accounts.limit_stores import MEMORY, REDIS
from tests.redis_server import RedisServer


@pytest_asyncio.fixture
async def opened(database: str) -> AsyncIterator[Database]:
    made = Database(database_url(database))
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    need("redis-server")
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """One to be broken."""
    need("redis-server")
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture(params=[MEMORY, REDIS])
def limit_url(request: pytest.FixtureRequest) -> str | None:
    """Of the store of limits: None is memory."""
    if request.param == MEMORY:
        return None
    server = request.getfixturevalue("redis_server")
    assert isinstance(server, RedisServer)
    return server.url
