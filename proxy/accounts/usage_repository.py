"""The usage of all requests: records in, sums out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timezone
from decimal import Decimal

from sqlalchemy import Table, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from .database import Database
from .money import joined, split
from .tables import spent, usage
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
        insert = self._insert(usage).on_conflict_do_nothing()
        statement = insert.returning(usage.c.account, usage.c.day, usage.c.cost)
        costs: dict[tuple[str, date], Decimal] = {}
        async with self._database.begin() as connection:
            for start in range(0, len(records), _IN_A_STATEMENT):
                some = records[start : start + _IN_A_STATEMENT]
                for account, day, cost in await connection.execute(statement, [_row(record) for record in some]):
                    costs[account, day] = costs.get((account, day), Decimal(0)) + cost
            if costs:
                await self._add(connection, costs)

    async def spent(self, account: str) -> Decimal:
        """INR, of all time; a row is read for each day."""
        statement = select(spent.c.rupees, spent.c.rest).where(spent.c.account == account)
        async with self._database.begin() as connection:
            days = (await connection.execute(statement)).all()
        return joined(sum(rupees for rupees, _ in days), sum(rest for _, rest in days))

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

    async def _add(self, connection: AsyncConnection, costs: Mapping[tuple[str, date], Decimal]) -> None:
        """What was inserted, to what was spent."""
        insert = self._insert(spent)
        sums = {name: spent.c[name] + insert.excluded[name] for name in ("rupees", "rest")}
        statement = insert.on_conflict_do_update(index_elements=["account", "day"], set_=sums)
        parts = []
        # In one order everywhere, so that two proxies cannot wait for each other.
        for (account, day), cost in sorted(costs.items()):
            rupees, rest = split(cost)
            parts.append({"account": account, "day": day, "rupees": rupees, "rest": rest})
        await connection.execute(statement, parts)

    def _insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        return sqlite.insert(table) if self._database.dialect == "sqlite" else postgresql.insert(table)


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
