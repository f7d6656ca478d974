"""Where usage records go: what the recorder asks of a database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .usage_record import UsageRecord


class UsageStore(Protocol):
    async def insert(self, records: Sequence[UsageRecord]) -> None:
        """All or none of them. A record whose id is there already is left as it is. Raises DatabaseAway."""
        ...
