"""The database: an address in, transactions out, on SQLite or PostgreSQL.

It is opened by the first transaction, which also brings the tables up to date (``migration.py``); where it cannot
be reached, the next transaction tries anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from .connections import connect
from .faults import translated
from .migration import migrate


class Database:
    """url: of ``database_url``. Belongs to one event loop."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._engine: AsyncEngine | None = None
        self._opening = asyncio.Lock()

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._url.get_backend_name()

    @property
    def address(self) -> str:
        """For people: without the password."""
        return self._url.set(drivername=self.dialect).render_as_string(hide_password=True)

    @property
    def is_new(self) -> bool:
        """Whether it is a file that nobody has made yet, in which there can be nothing."""
        return self.dialect == "sqlite" and not Path(self._url.database or "").exists()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, which is committed when the block ends well. Raises DatabaseAway, from within the block
        too."""
        with translated():
            engine = self._engine or await self._open()
            async with engine.begin() as connection:
                yield connection

    async def close(self) -> None:
        """Transactions that begin later open it again."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()

    async def _open(self) -> AsyncEngine:
        async with self._opening:
            if self._engine is None:
                # In a thread: it imports and compiles for a tenth of a second.
                await asyncio.to_thread(migrate, self._url)
                self._engine = connect(self._url)
            return self._engine
