"""The meter of one request: what it received from engines so far in, a record for the bill out.

The tokens themselves are counted where they pass (``proxy/metrics.py``), by an addition. What a meter says while
its request runs is never more than what was received.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from build_engines.recipe import PriceSection

from ..errors import ForiiError
from ..metrics import CLIENT_GONE, RequestMetrics
from ..openai.chunk import Usage
from .caller import Caller
from .usage_record import LONGEST_USER, UsageRecord, storable

# Of a record that came back from a checkpoint: the proxy was killed while it answered.
CUT = ForiiError.status
_PER = 1000  # tokens, of a price


class Meter:
    """prompt_tokens: of the request, once, however many samples it has. prices: of its model, at this time. user,
    metadata: the client's own words. id: of its record."""

    def __init__(
        self,
        caller: Caller,
        metrics: RequestMetrics,
        prompt_tokens: int,
        prices: PriceSection,
        user: str | None,
        metadata: Mapping[str, str],
    ) -> None:
        self.id = secrets.token_hex(16)
        self.caller = caller
        self._metrics = metrics
        self._prompt_tokens = prompt_tokens
        self._prices = prices
        # Cut here: each checkpoint writes it again.
        self._user = None if user is None else storable(user[:LONGEST_USER])
        self._metadata = {storable(name): storable(value) for name, value in metadata.items()}
        self._usage: Usage | None = None
        self._status = CUT
        self._charged = 0
        self._paid = Decimal(0)
        elapsed = timedelta(seconds=time.perf_counter() - metrics.started)
        self._time = datetime.now(timezone.utc) - elapsed

    def seal(self, status: int, usage: Usage | None) -> None:
        """The last token is in, or no more will come; its client is about to be told."""
        self._status, self._usage = status, usage

    def uncharged(self) -> int:
        """Tokens that came since the last call."""
        received = self._metrics.received
        new, self._charged = received - self._charged, received
        return new

    def unpaid(self, record: UsageRecord | None = None) -> Decimal:
        """What its tokens cost since the last call. record: the final one."""
        if record is None:
            cost = self._cost(self._prompt_tokens, self._metrics.received - self._metrics.retried_tokens)
        else:
            cost = record.cost
        new, self._paid = cost - self._paid, cost
        return new

    def checkpoint(self) -> UsageRecord:
        """The record as it is now, as if the proxy died. May be called from another thread."""
        return self.record(self._status)

    def record(self, status: int) -> UsageRecord:
        """The record of a request that ended so: the status of the HTTP answer, or of the error after it."""
        counts, usage = self._metrics, self._usage
        # In this order: tokens are received before they are thrown away.
        thrown, retries = counts.retried_tokens, counts.retries
        completion = counts.received - thrown
        prompt = 0 if not completion and _failed(status) else self._prompt_tokens
        return UsageRecord(
            id=self.id,
            time=self._time,
            account=self.caller.account,
            key=self.caller.key,
            model=counts.model,
            prompt_tokens=prompt,
            completion_tokens=completion,
            cached_tokens=usage.cached if usage else 0,
            reasoning_tokens=usage.reasoning if usage else 0,
            retried_prompt_tokens=retries * self._prompt_tokens,
            retried_completion_tokens=thrown,
            cost=self._cost(prompt, completion),
            status=status,
            first_token_ms=None if counts.first_token is None else round(counts.first_token * 1000),
            total_ms=round((time.perf_counter() - counts.started) * 1000),
            user=self._user,
            metadata=self._metadata,
        )

    def _cost(self, prompt: int, completion: int) -> Decimal:
        return (prompt * self._prices.prompt + completion * self._prices.completion) / _PER


def _failed(status: int) -> bool:
    """Whether nobody got anything for the prompt, nor left before they could."""
    return status >= 400 and status != CLIENT_GONE
