"""An open database of each kind."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from proxy.accounts.database import Database
from proxy.accounts.database_url import database_url


@pytest_asyncio.fixture
async def opened(database: str) -> AsyncIterator[Database]:
    made = Database(database_url(database))
    try:
        yield made
    finally:
        await made.close()
