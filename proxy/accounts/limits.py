"""What counts against a plan's limits, whoever keeps the counts: this process (``memory_limits.py``) or a Redis
that several proxies share (``redis_limits.py``).

A request is counted when it arrives. It is let through if its account has made fewer requests in this UTC minute
than the plan allows, and has used fewer prompt and completion tokens. Once its prompt is known, it begins: its
prompt tokens are charged if they still fit, and a stream takes a lease of its key. Completion tokens are charged
after they came, so they bound the next request and not the one that they are of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from .caller import Caller
from .plan import Plan

LimitName = Literal[
    "requests_per_minute", "prompt_tokens_per_minute", "completion_tokens_per_minute", "concurrent_streams"
]
# A stream that is not renewed for so long has ended, with the proxy that ran it.
LEASE_SECONDS = 15.0
MINUTE = 60


class LimitsAway(Exception):
    """Who keeps the counts does not answer."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands. requests: of this minute, this one included if it was let through. over: the limit
    that keeps it out."""

    requests: int
    over: LimitName | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """What is added to an account's counts in the minute of ``now`` (Unix seconds), or taken back from them."""

    account: str
    now: float
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class LimitStore(Protocol):
    """now: Unix seconds. Each call is one decision, whoever else asks at the same time. Raises LimitsAway."""

    async def arrive(self, caller: Caller, now: float) -> Standing:
        """Counts a request, unless a limit of its account is used up."""
        ...

    async def begin(self, caller: Caller, prompt_tokens: int, lease: str | None, now: float) -> LimitName | None:
        """Charges the prompt and takes the lease, if there is one to take: both, or neither and the limit that is
        in the way."""
        ...

    async def charge(self, charges: tuple[Charge, ...]) -> None: ...

    async def renew(self, leases: Mapping[str, Caller], now: float) -> None:
        """Holds on to leases (their names, and whose they are); one that was lost is taken again."""
        ...

    async def release(self, caller: Caller, lease: str) -> None: ...


class SharedLimits(LimitStore, Protocol):
    """A LimitStore that is somewhere else."""

    async def ping(self) -> None:
        """Raises LimitsAway."""
        ...

    async def close(self) -> None: ...


def reset(now: float) -> int:
    """Unix seconds of the next minute."""
    return (int(now) // MINUTE + 1) * MINUTE


def minute_limits(plan: Plan) -> tuple[tuple[LimitName, int | None], ...]:
    """The limits of a minute, in the order in which they are looked at."""
    return (
        ("requests_per_minute", plan.requests_per_minute),
        ("prompt_tokens_per_minute", plan.prompt_tokens_per_minute),
        ("completion_tokens_per_minute", plan.completion_tokens_per_minute),
    )
