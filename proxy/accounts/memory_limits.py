"""The counts of one process, in its memory."""

from __future__ import annotations

from collections.abc import Mapping

from .caller import Caller
from .limits import LEASE_SECONDS, MINUTE, Charge, LimitName, Standing, minute_limits


class MemoryLimits:
    """A LimitStore. Belongs to one event loop; nothing is awaited, so each call is whole."""

    def __init__(self) -> None:
        self._minute = 0
        # Account -> requests, prompt tokens, completion tokens of this minute.
        self._used: dict[str, list[int]] = {}
        # Account and key -> lease -> until when it holds.
        self._leases: dict[tuple[str, str], dict[str, float]] = {}

    async def arrive(self, caller: Caller, now: float) -> Standing:
        used = self._of(caller.account, now)
        for (name, limit), amount in zip(minute_limits(caller.plan), used, strict=True):
            if limit is not None and amount >= limit:
                return Standing(used[0], name)
        used[0] += 1
        return Standing(used[0])

    async def begin(self, caller: Caller, prompt_tokens: int, lease: str | None, now: float) -> LimitName | None:
        used, plan = self._of(caller.account, now), caller.plan
        most = plan.prompt_tokens_per_minute
        if most is not None and used[1] + prompt_tokens > most:
            return "prompt_tokens_per_minute"
        if lease is not None and plan.concurrent_streams is not None:
            held = self._held(caller, now)
            if len(held) >= plan.concurrent_streams:
                return "concurrent_streams"
            self._leases[caller.account, caller.key] = {**held, lease: now + LEASE_SECONDS}
        used[1] += prompt_tokens
        return None

    async def charge(self, charges: tuple[Charge, ...]) -> None:
        for one in charges:
            self.add(one)

    def add(self, charge: Charge) -> None:
        """One charge, at once."""
        if int(charge.now) // MINUTE >= self._minute:
            used = self._of(charge.account, charge.now)
            used[0] += charge.requests
            used[1] += charge.prompt_tokens
            used[2] += charge.completion_tokens

    async def renew(self, leases: Mapping[str, Caller], now: float) -> None:
        for lease, caller in leases.items():
            self._leases.setdefault((caller.account, caller.key), {})[lease] = now + LEASE_SECONDS

    async def release(self, caller: Caller, lease: str) -> None:
        self.let_go(caller, lease)

    def let_go(self, caller: Caller, lease: str) -> None:
        """``release``, at once."""
        held = self._leases.get((caller.account, caller.key), {})
        held.pop(lease, None)
        if not held:
            self._leases.pop((caller.account, caller.key), None)

    def _held(self, caller: Caller, now: float) -> dict[str, float]:
        held = self._leases.get((caller.account, caller.key), {})
        return {lease: until for lease, until in held.items() if until > now}

    def _of(self, account: str, now: float) -> list[int]:
        """The counts of the minute, which are forgotten with it."""
        minute = int(now) // MINUTE
        if minute > self._minute:
            self._minute = minute
            self._used = {}
        return self._used.setdefault(account, [0, 0, 0])
