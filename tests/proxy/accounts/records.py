"""Records of usage, as short as tests want them."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime, timezone
from decimal import Decimal

from proxy.accounts.usage_record import UsageRecord

NOON = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)


def record(**fields: object) -> UsageRecord:
    """One of 10 prompt and 5 completion tokens; each has an id of its own."""
    plain = UsageRecord(
        id=secrets.token_hex(16),
        time=NOON,
        account="alice",
        key="key_0000000000000001",
        model="forii/bytes",
        prompt_tokens=10,
        completion_tokens=5,
        cached_tokens=4,
        reasoning_tokens=3,
        retried_prompt_tokens=2,
        retried_completion_tokens=1,
        cost=Decimal("0.0125"),
        status=200,
        first_token_ms=7,
        total_ms=9,
    )
    return replace(plain, **fields)  # type: ignore[arg-type]
