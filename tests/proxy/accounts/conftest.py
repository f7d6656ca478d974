"""What limits are counted in, as fixtures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.program import need
from tests.proxy.accounts.limit_stores import MEMORY, REDIS
from tests.redis_server import RedisServer


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
