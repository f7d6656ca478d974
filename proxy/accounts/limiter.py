"""Who may ask now: a caller in, how their account stands or a refusal out.

The counts of this process are always kept. What they refuse is refused; what they let through, a shared Redis is
asked about too, if there is one. So when Redis does not answer, the process goes on with the counts that it has,
at once: after the first failure nobody asks Redis any more until a probe in the background has an answer of it.
And a Redis that comes back with nothing in it lets nobody have what they have had from this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from ..errors import RateLimited
from ..metrics import Metrics
from .caller import Caller
from .limits import Charge, LimitName, LimitsAway, LimitStore, SharedLimits, Standing, reset
from .memory_limits import MemoryLimits
from .plan import Plan

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_PROBE_SECONDS = 0.5
# How many ask Redis at once; the others wait for them, and find out with them that it is away.
_AT_ONCE = 32
# Charges that are kept for a Redis that is away; it would forget them after their minute anyway.
_OWED = 10_000
_RENEWED_EVERY = 5.0  # seconds; a lease lasts three times as long
_UNITS = {
    "requests_per_minute": "requests",
    "prompt_tokens_per_minute": "prompt tokens",
    "completion_tokens_per_minute": "completion tokens",
}


class Limiter:
    """The limits of one process. shared: the counts that it shares with others, if any. clock: Unix seconds.
    Belongs to one event loop."""

    def __init__(
        self, metrics: Metrics, shared: SharedLimits | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._metrics = metrics
        self._own = MemoryLimits()
        self._shared = shared
        self._clock = clock
        self._asking = asyncio.Semaphore(_AT_ONCE)
        self._away = False
        self._probe: asyncio.Task[None] | None = None
        self._leases: dict[str, Caller] = {}
        self._renewed = 0.0
        self._owed: dict[tuple[str, int], Charge] = {}
        self._releasing: set[asyncio.Task[None]] = set()

    async def arrive(self, caller: Caller) -> tuple[dict[str, str], RateLimited | None]:
        """Counts a request. Returns the headers that say how its account stands, none where its plan does not
        limit requests, and what keeps it out, if anything."""
        plan, now = caller.plan, self._clock()
        if not _limits_minutes(plan):
            return {}, None
        standing = await self._own.arrive(caller, now)
        if standing.over is None:
            shared = await self._ask(lambda store: store.arrive(caller, now))
            if shared is not None:
                standing = shared
                if standing.over is not None:
                    self._own.add(Charge(caller.account, now, requests=-1))
        return _headers(plan, standing, now), self._refusal(standing.over, plan, now)

    async def begin(self, caller: Caller, prompt_tokens: int, *, stream: bool) -> Hold:
        """Charges a request's prompt and takes a lease for a stream. Raises RateLimited."""
        plan, now = caller.plan, self._clock()
        most = plan.prompt_tokens_per_minute
        if most is not None and prompt_tokens > most:
            self._metrics.limited.labels("prompt_tokens_per_minute").inc()
            raise RateLimited(
                f"The prompt takes {prompt_tokens} tokens, but your plan allows {most} prompt tokens per minute, "
                "so it can never pass; send a shorter one.",
                retry_after=_seconds_left(now),
                hopeless=True,
            )
        lease = secrets.token_hex(8) if stream and plan.concurrent_streams is not None else None
        charge = Charge(caller.account, now, prompt_tokens=prompt_tokens)
        hold = Hold(self, caller, lease, charge)
        if most is None and lease is None:
            return hold
        over = await self._own.begin(caller, prompt_tokens, lease, now)
        if over is None:
            try:
                over = await self._ask(lambda store: store.begin(caller, prompt_tokens, lease, now))
            except BaseException:
                # Nobody knows what Redis had done by then: the lease goes, the charge stays.
                hold.release(unused=False)
                raise
            if over is not None:
                self._own.add(replace(charge, prompt_tokens=-prompt_tokens))
                if lease is not None:
                    self._own.let_go(caller, lease)
        if (refusal := self._refusal(over, plan, now)) is not None:
            raise refusal
        if lease is not None:
            self._leases[lease] = caller
        return hold

    def charge(self, caller: Caller, completion_tokens: int) -> None:
        """Counts tokens that came; a shared Redis hears of them with the next ``settle``."""
        if completion_tokens and caller.plan.completion_tokens_per_minute is not None:
            self._add(Charge(caller.account, self._clock(), completion_tokens=completion_tokens))

    async def settle(self) -> None:
        """Tells Redis what it has to know and does not decide on; to be called every second or so."""
        now = self._clock()
        if abs(now - self._renewed) >= _RENEWED_EVERY and self._leases:
            self._renewed = now
            await self._own.renew(self._leases, now)
            await self._ask(lambda store: store.renew(dict(self._leases), now))
        owed = tuple(self._owed.values())
        if owed and not self._away and self._shared is not None:
            self._owed = {}
            await self._ask(lambda store: store.charge(owed))

    async def settled(self) -> None:
        """Returns when all that was released by now is."""
        await asyncio.gather(*self._releasing, return_exceptions=True)

    async def close(self) -> None:
        if self._probe is not None:
            self._probe.cancel()
        await self.settled()
        if self._shared is not None:
            await self.settle()
            await self._shared.close()

    def _add(self, charge: Charge) -> None:
        self._own.add(charge)
        if self._shared is None:
            return
        key = charge.account, reset(charge.now)
        owed = self._owed.get(key)
        if owed is not None:
            charge = replace(
                charge,
                prompt_tokens=owed.prompt_tokens + charge.prompt_tokens,
                completion_tokens=owed.completion_tokens + charge.completion_tokens,
            )
        elif len(self._owed) >= _OWED:
            # Of a minute that is over, as good as always.
            del self._owed[next(iter(self._owed))]
        self._owed[key] = charge

    def give_back(self, caller: Caller, lease: str | None, charge: Charge | None) -> None:
        """What a Hold had, without anybody waiting for Redis."""
        if charge is not None:
            self._add(replace(charge, prompt_tokens=-charge.prompt_tokens))
        if lease is not None:
            self._leases.pop(lease, None)
            self._own.let_go(caller, lease)
            task = asyncio.ensure_future(self._ask(lambda store: store.release(caller, lease)))
            self._releasing.add(task)
            task.add_done_callback(self._releasing.discard)

    async def _ask(self, question: Callable[[LimitStore], Awaitable[Result]]) -> Result | None:
        """What the shared counts say; None where there are none, or they are away."""
        if self._shared is None or self._away:
            return None
        async with self._asking:
            if self._away:
                return None
            try:
                return await question(self._shared)
            except LimitsAway as error:
                self._fall_back(self._shared, error)
                return None

    def _fall_back(self, shared: SharedLimits, error: LimitsAway) -> None:
        if self._away:
            return
        logger.warning("limits: Redis does not answer, this process goes on by itself: %s", error)
        self._away = True
        self._metrics.limits_degraded.set(1)
        self._probe = asyncio.ensure_future(self._heal(shared))

    async def _heal(self, shared: SharedLimits) -> None:
        while self._away:
            await asyncio.sleep(_PROBE_SECONDS)
            with contextlib.suppress(LimitsAway):
                await shared.ping()
                self._away = False
        # It may have lost the leases.
        self._renewed = 0.0
        self._metrics.limits_degraded.set(0)
        logger.info("limits: Redis answers again")

    def _refusal(self, over: LimitName | None, plan: Plan, now: float) -> RateLimited | None:
        if over is None:
            return None
        self._metrics.limited.labels(over).inc()
        if over == "concurrent_streams":
            return RateLimited(
                f"As many streams as your plan allows run with this key: {plan.concurrent_streams} concurrent "
                "streams; send the request again when one has ended."
            )
        seconds = _seconds_left(now)
        return RateLimited(
            f"The account has no room left in its plan's limit of {getattr(plan, over)} {_UNITS[over]} per "
            f"minute; send the request again in {seconds} seconds.",
            retry_after=seconds,
        )


class Hold:
    """What one request holds of the limits, until it is released."""

    def __init__(self, limiter: Limiter, caller: Caller, lease: str | None, charge: Charge) -> None:
        self._limiter = limiter
        self._caller = caller
        self._lease = lease
        self._charge = charge

    def release(self, *, unused: bool) -> None:
        """At once, without waiting for Redis. unused: the prompt never got to an engine and is not charged."""
        back = self._charge if unused and self._caller.plan.prompt_tokens_per_minute is not None else None
        if back is not None or self._lease is not None:
            self._limiter.give_back(self._caller, self._lease, back)


def _limits_minutes(plan: Plan) -> bool:
    return not (
        plan.requests_per_minute is None
        and plan.prompt_tokens_per_minute is None
        and plan.completion_tokens_per_minute is None
    )


def _headers(plan: Plan, standing: Standing, now: float) -> dict[str, str]:
    """Source: API contract, section 9."""
    if plan.requests_per_minute is None:
        return {}
    return {
        "x-ratelimit-limit-requests": str(plan.requests_per_minute),
        "x-ratelimit-remaining-requests": str(max(0, plan.requests_per_minute - standing.requests)),
        "x-ratelimit-reset": str(reset(now)),
    }


def _seconds_left(now: float) -> int:
    """Until the next minute, at least one."""
    return max(1, math.ceil(reset(now) - now))
