"""The counts of several proxies, in a Redis that they share. One script for each decision, which Redis runs whole.

Keys, with the account as hash tag, so that they lie together in a cluster::

    forii:limits:{ACCOUNT}:MINUTE   hash: r requests, p prompt tokens, c completion tokens; kept for two minutes
    forii:streams:{ACCOUNT}:KEY     sorted set: leases by the millisecond until which they hold

The minute is that of the proxy's clock; proxies whose clocks differ by a second differ by it at a minute's edge.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import TypeVar, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from .caller import Caller
from .limits import LEASE_SECONDS, MINUTE, Charge, LimitName, LimitsAway, Standing, minute_limits

Result = TypeVar("Result")

# How long Redis may take to answer, in seconds; it takes less than a millisecond.
_ANSWERS_WITHIN = 0.25
_KEPT_SECONDS = 2 * MINUTE
_NONE = -1
_ARRIVE = """
local used = redis.call('HMGET', KEYS[1], 'r', 'p', 'c')
local requests = tonumber(used[1]) or 0
for place = 1, 3 do
    local limit = tonumber(ARGV[place])
    if limit >= 0 and (tonumber(used[place]) or 0) >= limit then return {requests, place} end
end
redis.call('HINCRBY', KEYS[1], 'r', 1)
redis.call('EXPIRE', KEYS[1], ARGV[4])
return {requests + 1, 0}
"""
_BEGIN = """
local used = tonumber(redis.call('HGET', KEYS[1], 'p')) or 0
local tokens, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
if limit >= 0 and used + tokens > limit then return 2 end
if ARGV[4] ~= '' then
    redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[5])
    if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[6]) then return 4 end
    redis.call('ZADD', KEYS[2], ARGV[7], ARGV[4])
    redis.call('EXPIRE', KEYS[2], ARGV[3])
end
redis.call('HINCRBY', KEYS[1], 'p', tokens)
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 0
"""
_NAMES: tuple[LimitName, ...] = (
    "requests_per_minute",
    "prompt_tokens_per_minute",
    "completion_tokens_per_minute",
    "concurrent_streams",
)


class RedisLimits:
    """A LimitStore. url: ``redis://[[user]:password@]host[:port][/database]``, ``rediss://`` for TLS. Raises
    ValueError for one that is none."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(
            url,
            socket_timeout=_ANSWERS_WITHIN,
            socket_connect_timeout=_ANSWERS_WITHIN,
            retry=Retry(NoBackoff(), 0),
        )
        self._arrive = self._redis.register_script(_ARRIVE)
        self._begin = self._redis.register_script(_BEGIN)

    async def arrive(self, caller: Caller, now: float) -> Standing:
        limits = [_NONE if limit is None else limit for _, limit in minute_limits(caller.plan)]
        keys = [_counts(caller.account, now)]
        requests, over = await _answer(self._arrive(keys=keys, args=[*limits, _KEPT_SECONDS]))
        return Standing(requests, _NAMES[over - 1] if over else None)

    async def begin(self, caller: Caller, prompt_tokens: int, lease: str | None, now: float) -> LimitName | None:
        plan = caller.plan
        most = _NONE if plan.prompt_tokens_per_minute is None else plan.prompt_tokens_per_minute
        arguments: list[int | str] = [prompt_tokens, most, _KEPT_SECONDS, ""]
        if lease is not None and plan.concurrent_streams is not None:
            arguments[3:] = [lease, _milliseconds(now), plan.concurrent_streams, _until(now)]
        keys = [_counts(caller.account, now), _streams(caller)]
        over = await _answer(self._begin(keys=keys, args=arguments))
        return _NAMES[over - 1] if over else None

    async def charge(self, charges: tuple[Charge, ...]) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            for one in charges:
                key = _counts(one.account, one.now)
                amounts = {"r": one.requests, "p": one.prompt_tokens, "c": one.completion_tokens}
                for field, amount in amounts.items():
                    if amount:
                        pipe.hincrby(key, field, amount)
                pipe.expire(key, _KEPT_SECONDS)
            await _answer(pipe.execute())

    async def renew(self, leases: Mapping[str, Caller], now: float) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            for lease, caller in leases.items():
                pipe.zadd(_streams(caller), {lease: _until(now)})
                pipe.expire(_streams(caller), _KEPT_SECONDS)
            await _answer(pipe.execute())

    async def release(self, caller: Caller, lease: str) -> None:
        await _answer(self._redis.zrem(_streams(caller), lease))

    async def ping(self) -> None:
        """Raises LimitsAway."""
        await _answer(self._redis.ping())

    async def close(self) -> None:
        await self._redis.aclose()


async def _answer(asked: Awaitable[Result] | Sequence[object]) -> Result:
    """Raises LimitsAway for whatever Redis, the network or time has against it."""
    try:
        return await cast("Awaitable[Result]", asked)
    except (RedisError, OSError, TimeoutError) as error:
        raise LimitsAway(f"{type(error).__name__}: {error}") from error


def _counts(account: str, now: float) -> str:
    return f"forii:limits:{{{account}}}:{int(now) // MINUTE}"


def _streams(caller: Caller) -> str:
    return f"forii:streams:{{{caller.account}}}:{caller.key}"


def _milliseconds(now: float) -> int:
    return round(now * 1000)


def _until(now: float) -> int:
    return _milliseconds(now + LEASE_SECONDS)
