"""Usage records and where tests let them go."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timezone
from decimal import Decimal

from proxy.accounts.usage_record import UsageRecord
from proxy.errors import DatabaseAway

ARRIVED = datetime(2026, 1, 31, 12, 0, 0, 123456, timezone.utc)


def record(number: int, **fields: object) -> UsageRecord:
    given: dict[str, object] = {
        "id": f"{number:032x}",
        "time": ARRIVED,
        "account": "a",
        "key": "k",
        "model": "forii/bytes",
        "prompt_tokens": 10,
        "completion_tokens": number,
        "cached_tokens": 0,
        "reasoning_tokens": 0,
        "retried_prompt_tokens": 0,
        "retried_completion_tokens": 0,
        "cost": Decimal("0.000123"),
        "status": 200,
        "first_token_ms": 3,
        "total_ms": 9,
        "user": "somebody",
        "metadata": {"team": "blue"},
        **fields,
    }
    return UsageRecord(**given)  # type: ignore[arg-type]


class FakeStore:
    """A UsageStore in memory. away: what it answers with. slow: seconds that it takes."""

    def __init__(self) -> None:
        self.rows: dict[str, UsageRecord] = {}
        self.batches: list[int] = []
        self.inserted = 0
        self.away: Exception | None = None
        self.poison: str | None = None
        self.slow = 0.0

    async def insert(self, records: Sequence[UsageRecord]) -> None:
        await asyncio.sleep(self.slow)
        if self.away is not None:
            raise self.away
        if any(one.id == self.poison for one in records):
            raise ValueError("a row that no database takes")
        self.batches.append(len(records))
        self.inserted += len(records)
        for one in records:
            self.rows.setdefault(one.id, one)


AWAY = DatabaseAway("It is away.")
