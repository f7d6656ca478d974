"""What accounts have spent, against the credits of their plans.

The database is asked every few seconds at most. In between, and while it is away, what this process has metered
since counts on top: so the sum is exact for one process, and a few seconds late for what others meter.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Protocol

from ..errors import DatabaseAway, InsufficientQuota
from .caller import Caller
from .usage_record import UsageRecord

logger = logging.getLogger(__name__)

FRESH_SECONDS = 2.0
# How long a request waits for the first answer of the database about its account.
_PATIENCE_SECONDS = 1.0


class Ledger(Protocol):
    async def spent(self, account: str) -> Decimal:
        """INR, of all time. Raises DatabaseAway."""
        ...


class _Account:
    """metered: by this process, written: how much of it is in the database. others: what the database
    had beside that, when it was asked last, at ``asked``."""

    def __init__(self) -> None:
        self.metered = Decimal(0)
        self.written = Decimal(0)
        self.others: Decimal | None = None
        self.asked = -FRESH_SECONDS
        self.asking: asyncio.Task[None] | None = None


class Quotas:
    """ledger: None where there is no database, and nothing to spend. clock: seconds that only grow."""

    def __init__(self, ledger: Ledger | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._clock = clock
        self._accounts: dict[str, _Account] = {}

    async def check(self, caller: Caller) -> None:
        """Raises InsufficientQuota. Of an account that nobody knows anything about, because the database is away,
        requests go on."""
        credits = caller.plan.credits_inr
        if credits is None or self._ledger is None:
            return
        account = self._accounts.setdefault(caller.account, _Account())
        if account.asking is None and self._clock() - account.asked >= FRESH_SECONDS:
            account.asked = self._clock()
            account.asking = asyncio.ensure_future(self._ask(self._ledger, caller.account, account))
        if account.others is None and account.asking is not None:
            await asyncio.wait({account.asking}, timeout=_PATIENCE_SECONDS)
        if (account.others or 0) + account.metered >= credits:
            raise InsufficientQuota(
                f"The account has spent its plan's {credits:f} INR; ask the operator for more credits."
            )

    def add(self, account: str, amount: Decimal) -> None:
        """INR that were metered."""
        self._accounts.setdefault(account, _Account()).metered += amount

    def written(self, records: Sequence[UsageRecord]) -> None:
        """Records that this process had metered are in the database."""
        for record in records:
            self._accounts.setdefault(record.account, _Account()).written += record.cost

    async def close(self) -> None:
        asking = [account.asking for account in self._accounts.values() if account.asking is not None]
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def _ask(self, ledger: Ledger, name: str, account: _Account) -> None:
        try:
            spent = await ledger.spent(name)
            account.others = spent - account.written
        except DatabaseAway:
            logger.warning("what an account has spent cannot be read now", extra={"account": name})
        except Exception:
            logger.exception("what an account has spent cannot be read", extra={"account": name})
        finally:
            account.asking = None
