"""What the proxy knows of accounts, put together: the settings in, repositories and the authorizer out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone

from ..errors import DatabaseAway
from ..settings import Settings
from .account_repository import AccountRepository
from .authorizer import WATCH_SECONDS, Authorizer
from .database import Database
from .database_url import database_url
from .directory import Directory
from .key_repository import KeyRepository
from .plans import Plans
from .usage_report import UsageReport
from .usage_repository import UsageRepository

logger = logging.getLogger(__name__)

_LAST_USED_SECONDS = 10.0
_RETENTION_SECONDS = 3600.0


class Accounts:
    """The database is opened when it is needed first."""

    def __init__(self, settings: Settings) -> None:
        self.database = Database(database_url(settings.database_url))
        self.plans = Plans(settings.plans)
        self.accounts = AccountRepository(self.database)
        self.keys = KeyRepository(self.database)
        self.usage = UsageRepository(self.database)
        self.report = UsageReport(self.database)
        operator_key = None if settings.api_key is None else settings.api_key.get_secret_value()
        directory = Directory(self.database, self.plans, operator_key, may_be_open=settings.on_loopback)
        self.authorizer = Authorizer(directory)
        self._personal_days = settings.usage_personal_days

    @asynccontextmanager
    async def looked_after(self) -> AsyncIterator[None]:
        """While the block runs, revoked keys' requests end, the last use of keys is written down, and what is
        personal is forgotten in time. The database is closed at its end."""
        tasks = [
            asyncio.ensure_future(_every(WATCH_SECONDS, self.authorizer.watch)),
            asyncio.ensure_future(_every(_LAST_USED_SECONDS, self._write_used)),
            asyncio.ensure_future(_every(_RETENTION_SECONDS, self._forget_personal)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await _tried(self._write_used)
            await self.database.close()

    async def _write_used(self) -> None:
        used = self.authorizer.take_used()
        try:
            await self.keys.mark_used(used)
        except DatabaseAway:
            self.authorizer.put_back_used(used)
            raise

    async def _forget_personal(self) -> None:
        if self._personal_days is None or self.database.is_new:
            return
        today = datetime.now(timezone.utc).date()
        forgotten = await self.usage.blank_personal(today - timedelta(days=self._personal_days))
        if forgotten:
            logger.info("user and metadata of old usage are forgotten", extra={"records": forgotten})


async def _every(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await _tried(work)
        await asyncio.sleep(seconds)


async def _tried(work: Callable[[], Awaitable[None]]) -> None:
    """A failure is logged; the work is done again at its next time."""
    try:
        await work()
    except DatabaseAway as error:
        logger.warning("the database of accounts is away", extra={"cause": type(error.__cause__).__name__})
    except Exception:
        logger.exception("unhandled error in what is done in the background")
