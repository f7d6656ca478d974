"""One suite for whoever keeps the counts."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.accounts.caller import Caller
from proxy.accounts.limits import LEASE_SECONDS, Charge, LimitName, LimitStore, Standing
from proxy.accounts.plan import UNLIMITED, Plan
from tests.proxy.accounts.limit_stores import limit_store

NOW = 1_700_000_000.0  # twenty seconds into a minute
LEFT = 40.0  # seconds of it


def caller(account: str = "a", key: str = "k", **limits: int) -> Caller:
    return Caller(account, key, Plan.model_validate(limits))


async def test_of_100_at_once_on_a_limit_of_60_exactly_60_pass(limit_url: str | None) -> None:
    async with limit_store(limit_url) as store:
        who = caller(requests_per_minute=60)
        standings = await asyncio.gather(*(store.arrive(who, NOW) for _ in range(100)))
    assert Counter(standing.over for standing in standings) == {None: 60, "requests_per_minute": 40}
    assert sorted(one.requests for one in standings if one.over is None) == list(range(1, 61))
    assert {one.requests for one in standings if one.over} == {60}


async def test_the_next_minute_begins_anew_and_the_last_second_of_this_one_does_not(limit_url: str | None) -> None:
    async with limit_store(limit_url) as store:
        who = caller(requests_per_minute=1)
        assert await store.arrive(who, NOW) == Standing(1)
        assert (await store.arrive(who, NOW + LEFT - 0.001)).over == "requests_per_minute"
        assert await store.arrive(who, NOW + LEFT) == Standing(1)


async def test_accounts_do_not_count_for_each_other_but_keys_of_one_do(limit_url: str | None) -> None:
    async with limit_store(limit_url) as store:
        assert (await store.arrive(caller("a", "1", requests_per_minute=1), NOW)).over is None
        assert (await store.arrive(caller("a", "2", requests_per_minute=1), NOW)).over == "requests_per_minute"
        assert (await store.arrive(caller("b", "3", requests_per_minute=1), NOW)).over is None


async def test_a_prompt_passes_if_it_fits_to_the_last_token(limit_url: str | None) -> None:
    async with limit_store(limit_url) as store:
        who = caller(prompt_tokens_per_minute=100)
        assert await store.begin(who, 99, None, NOW) is None
        assert await store.begin(who, 2, None, NOW) == "prompt_tokens_per_minute"
        assert await store.begin(who, 1, None, NOW) is None
        assert (await store.arrive(who, NOW)).over == "prompt_tokens_per_minute"


async def test_prompts_at_once_share_the_limit_exactly(limit_url: str | None) -> None:
    async with limit_store(limit_url) as store:
        who = caller(prompt_tokens_per_minute=100)
        begun = await asyncio.gather(*(store.begin(who, 7, None, NOW) for _ in range(40)))
    assert Counter(begun) == {None: 14, "prompt_tokens_per_minute": 26}


async def test_completion_tokens_bound_the_request_after_them(limit_url: str | None) -> None:
    async with limit_store(limit_url) as store:
        who = caller(completion_tokens_per_minute=10)
        await store.charge((Charge("a", NOW, completion_tokens=9),))
        assert (await store.arrive(who, NOW)).over is None
        await store.charge((Charge("a", NOW, completion_tokens=9),))
        assert (await store.arrive(who, NOW)).over == "completion_tokens_per_minute"
        assert (await store.arrive(who, NOW + LEFT)).over is None


async def test_streams_of_a_key_are_counted_until_they_are_released(limit_url: str | None) -> None:
    async with limit_store(limit_url) as store:
        who = caller(concurrent_streams=2)
        assert [await store.begin(who, 1, lease, NOW) for lease in ("x", "y")] == [None, None]
        assert await store.begin(who, 1, "z", NOW) == "concurrent_streams"
        assert await store.begin(caller("a", "other", concurrent_streams=2), 1, "z", NOW) is None
        await store.release(who, "x")
        await store.release(who, "never taken")
        assert await store.begin(who, 1, "z", NOW) is None


async def test_of_many_streams_at_once_as_many_pass_as_may(limit_url: str | None) -> None:
    async with limit_store(limit_url) as store:
        who = caller(concurrent_streams=5)
        begun = await asyncio.gather(*(store.begin(who, 1, str(number), NOW) for number in range(30)))
    assert Counter(begun) == {None: 5, "concurrent_streams": 25}


async def test_a_stream_that_nobody_renews_has_ended_and_one_that_is_renewed_has_not(
    limit_url: str | None,
) -> None:
    async with limit_store(limit_url) as store:
        who = caller(concurrent_streams=2)
        for lease in ("lost", "held"):
            assert await store.begin(who, 1, lease, NOW) is None
        await store.renew({"held": who}, NOW + LEASE_SECONDS - 1)
        assert await store.begin(who, 1, "next", NOW + LEASE_SECONDS - 0.01) == "concurrent_streams"
        assert await store.begin(who, 1, "next", NOW + LEASE_SECONDS) is None
        assert await store.begin(who, 1, "more", NOW + LEASE_SECONDS) == "concurrent_streams"


async def test_what_is_refused_is_not_charged(limit_url: str | None) -> None:
    async with limit_store(limit_url) as store:
        who = caller(concurrent_streams=1, prompt_tokens_per_minute=10)
        assert await store.begin(who, 1, "x", NOW) is None
        assert await store.begin(who, 9, "y", NOW) == "concurrent_streams"
        assert await store.begin(who, 10, None, NOW) == "prompt_tokens_per_minute"
        assert await store.begin(who, 9, None, NOW) is None


async def test_without_limits_nothing_is_in_the_way(limit_url: str | None) -> None:
    async with limit_store(limit_url) as store:
        who = Caller("a", "k", UNLIMITED)
        assert (await store.arrive(who, NOW)).over is None
        assert await store.begin(who, 10**9, "x", NOW) is None


PLAN = Plan(
    requests_per_minute=4, prompt_tokens_per_minute=20, completion_tokens_per_minute=15, concurrent_streams=2
)
ACCOUNTS, KEYS = st.sampled_from("ab"), st.sampled_from("kl")
TOKENS = st.integers(0, 12)
STEPS = st.one_of(
    st.tuples(st.just("arrive"), ACCOUNTS),
    st.tuples(st.just("begin"), ACCOUNTS, KEYS, TOKENS, st.booleans()),
    st.tuples(st.just("charge"), ACCOUNTS, st.integers(-2, 5)),
    st.tuples(st.just("release"), st.integers(0, 50)),
    st.tuples(st.just("renew"), st.integers(0, 50)),
    st.tuples(st.just("pass"), st.sampled_from([1.0, 7.0, 15.0, 61.0])),
)


class Reference:
    """The limits as one would write them down: a list of all that happened, counted anew each time."""

    def __init__(self) -> None:
        self.events: list[tuple[str, int, str, int]] = []
        self.leases: dict[str, tuple[str, str, float]] = {}

    def used(self, account: str, what: str, now: float) -> int:
        return sum(
            amount
            for one, minute, kind, amount in self.events
            if (one, minute, kind) == (account, now // 60, what)
        )

    def note(self, account: str, what: str, amount: int, now: float) -> None:
        self.events.append((account, int(now // 60), what, amount))

    def arrive(self, account: str, now: float) -> Standing:
        requests = self.used(account, "requests", now)
        over: LimitName | None = None
        if requests >= 4:
            over = "requests_per_minute"
        elif self.used(account, "prompt", now) >= 20:
            over = "prompt_tokens_per_minute"
        elif self.used(account, "completion", now) >= 15:
            over = "completion_tokens_per_minute"
        if over is None:
            self.note(account, "requests", 1, now)
        return Standing(requests + (over is None), over)

    def begin(self, account: str, key: str, tokens: int, lease: str | None, now: float) -> LimitName | None:
        if self.used(account, "prompt", now) + tokens > 20:
            return "prompt_tokens_per_minute"
        held = [one for one in self.leases.values() if one[:2] == (account, key) and one[2] > now]
        if lease is not None and len(held) >= 2:
            return "concurrent_streams"
        if lease is not None:
            self.leases[lease] = (account, key, now + LEASE_SECONDS)
        self.note(account, "prompt", tokens, now)
        return None


def leases_of(reference: Reference, number: int) -> Iterator[tuple[str, Caller]]:
    """One that was taken once, if any was."""
    if reference.leases:
        lease = list(reference.leases)[number % len(reference.leases)]
        account, key, _ = reference.leases[lease]
        yield lease, Caller(account, key, PLAN)


async def play(store: LimitStore, steps: list[tuple[object, ...]]) -> None:
    """Does the same to both and compares what they say."""
    reference, now = Reference(), NOW
    for number, step in enumerate(steps):
        match step:
            case ("arrive", str(account)):
                assert await store.arrive(Caller(account, "k", PLAN), now) == reference.arrive(account, now)
            case ("begin", str(account), str(key), int(tokens), bool(stream)):
                lease = str(number) if stream else None
                said = await store.begin(Caller(account, key, PLAN), tokens, lease, now)
                assert said == reference.begin(account, key, tokens, lease, now)
            case ("charge", str(account), int(tokens)):
                await store.charge((Charge(account, now, completion_tokens=tokens),))
                reference.note(account, "completion", tokens, now)
            case ("release", int(place)):
                for lease, who in leases_of(reference, place):
                    await store.release(who, lease)
                    del reference.leases[lease]
            case ("renew", int(place)):
                for lease, who in leases_of(reference, place):
                    await store.renew({lease: who}, now)
                    reference.leases[lease] = (who.account, who.key, now + LEASE_SECONDS)
            case ("pass", float(seconds)):
                now += seconds


@given(steps=st.lists(STEPS, max_size=40))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_decides_as_a_plain_reference_does(limit_url: str | None, steps: list[tuple[object, ...]]) -> None:
    async def both() -> None:
        async with limit_store(limit_url) as store:
            await play(store, steps)

    asyncio.run(both())


@pytest.mark.parametrize("account", ["{odd}", "a:b", "ü", "x" * 200])
async def test_an_account_may_be_called_anything(limit_url: str | None, account: str) -> None:
    async with limit_store(limit_url) as store:
        who = caller(account, requests_per_minute=1, concurrent_streams=1)
        assert (await store.arrive(who, NOW)).over is None
        assert (await store.arrive(who, NOW)).over == "requests_per_minute"
        assert await store.begin(who, 1, "x", NOW) is None
