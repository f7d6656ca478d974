"""The usage of all requests: records in, sums out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timezone
from decimal import Decimal

from sqlalchemy import or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from .database import Database
from .money import Total
from .tables import usage
from .usage_record import LONGEST_USER, UsageRecord, storable

_IN_A_STATEMENT = 50
# Rows that are blanked in one transaction, so that no other writer waits long.
_AT_ONCE = 1000


class UsageRepository:
    """Its methods raise DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def insert(self, records: Sequence[UsageRecord]) -> None:
        """All of them or none, in one transaction. A record that is there already is left as it is. However many
        they are, no more than a millisecond or two of the event loop's time is taken at once."""
        if not records:
            return
        insert = sqlite.insert if self._database.dialect == "sqlite" else postgresql.insert
        statement = insert(usage).on_conflict_do_nothing()
        async with self._database.begin() as connection:
            for start in range(0, len(records), _IN_A_STATEMENT):
                some = records[start : start + _IN_A_STATEMENT]
                await connection.execute(statement, [_row(record) for record in some])

    async def spent(self, account: str) -> Decimal:
        """INR, of all time."""
        async with self._database.begin() as connection:
            found = await connection.execute(select(Total(usage.c.cost)).where(usage.c.account == account))
            spent: Decimal = found.scalar_one()
        return spent

    async def blank_personal(self, before: date) -> int:
        """Forgets user and metadata of all records of earlier days. Returns of how many."""
        personal = or_(usage.c.user.is_not(None), usage.c.metadata.is_not(None))
        some = select(usage.c.id).where(usage.c.day < before, personal).limit(_AT_ONCE)
        blank = update(usage).where(usage.c.id.in_(some)).values(user=None, metadata=None)
        total = 0
        while True:
            async with self._database.begin() as connection:
                blanked = (await connection.execute(blank)).rowcount
            total += blanked
            if blanked < _AT_ONCE:
                return total


def _row(record: UsageRecord) -> dict[str, object]:
    return {
        "id": record.id,
        "time": record.time,
        "day": record.time.astimezone(timezone.utc).date(),
        "account": record.account,
        "key": record.key,
        "model": record.model,
        "prompt_tokens": record.prompt_tokens,
        "completion_tokens": record.completion_tokens,
        "cached_tokens": record.cached_tokens,
        "reasoning_tokens": record.reasoning_tokens,
        "retried_prompt_tokens": record.retried_prompt_tokens,
        "retried_completion_tokens": record.retried_completion_tokens,
        "cost": record.cost,
        "status": record.status,
        "first_token_ms": record.first_token_ms,
        "total_ms": record.total_ms,
        # One row's odd character must not keep the others of its batch out.
        "user": None if record.user is None else storable(record.user[:LONGEST_USER]),
        "metadata": {storable(key): storable(value) for key, value in record.metadata.items()} or None,
    }
