"""What an account has spent, as this process knows it."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from proxy.accounts.caller import ANYBODY, Caller
from proxy.accounts.plan import Plan
from proxy.accounts.quotas import FRESH_SECONDS, Quotas
from proxy.errors import DatabaseAway, InsufficientQuota
from tests.proxy.accounts.usage import AWAY, record

CALLER = Caller("a", "k", Plan(credits_inr=Decimal(10)))


class FakeLedger:
    def __init__(self, spent: str = "0") -> None:
        self.total = Decimal(spent)
        self.asked = 0
        self.away: Exception | None = None
        self.slow = 0.0

    async def spent(self, account: str) -> Decimal:
        self.asked += 1
        await asyncio.sleep(self.slow)
        if self.away is not None:
            raise self.away
        return self.total


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def passes(quotas: Quotas, caller: Caller = CALLER) -> bool:
    try:
        await quotas.check(caller)
    except InsufficientQuota:
        return False
    return True


async def later(quotas: Quotas, clock: Clock) -> None:
    """The database has been asked again."""
    clock.now += FRESH_SECONDS
    await passes(quotas)
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("spent", "goes"), [("0", True), ("9.999999999999", True), ("10", False), ("12", False)])
async def test_it_goes_until_the_credits_are_spent(spent: str, goes: bool) -> None:
    assert await passes(Quotas(FakeLedger(spent))) == goes


async def test_without_credits_in_the_plan_nobody_is_asked() -> None:
    ledger = FakeLedger("1000")
    assert await passes(Quotas(ledger), ANYBODY)
    assert ledger.asked == 0


async def test_what_was_metered_counts_at_once_and_only_once_when_it_is_written() -> None:
    ledger, clock = FakeLedger("4"), Clock()
    quotas = Quotas(ledger, clock)
    assert await passes(quotas)
    quotas.add("a", Decimal(5))
    assert await passes(quotas)
    quotas.add("a", Decimal(1))
    assert not await passes(quotas)
    quotas.add("a", Decimal(-1))
    ledger.total = Decimal(9)
    quotas.written([record(1, account="a", cost=Decimal(5))])
    assert await passes(quotas)
    await later(quotas, clock)
    assert await passes(quotas)
    quotas.add("a", Decimal("0.999"))
    assert await passes(quotas)
    quotas.add("a", Decimal("0.001"))
    assert not await passes(quotas)


async def test_what_others_spend_counts_when_the_database_is_asked_again() -> None:
    ledger, clock = FakeLedger(), Clock()
    quotas = Quotas(ledger, clock)
    assert await passes(quotas)
    ledger.total = Decimal(10)
    assert await passes(quotas)
    await later(quotas, clock)
    assert not await passes(quotas)
    assert ledger.asked == 2


async def test_many_at_once_ask_the_database_once() -> None:
    ledger = FakeLedger("10")
    ledger.slow = 0.01
    quotas = Quotas(ledger)
    assert await asyncio.gather(*(passes(quotas) for _ in range(50))) == [False] * 50
    assert ledger.asked == 1


@pytest.mark.parametrize("error", [AWAY, DatabaseAway("x"), ValueError("a bug")])
async def test_while_the_database_is_away_what_was_known_counts(error: Exception) -> None:
    ledger, clock = FakeLedger("4"), Clock()
    quotas = Quotas(ledger, clock)
    assert await passes(quotas)
    ledger.away = error
    await later(quotas, clock)
    assert await passes(quotas)
    quotas.add("a", Decimal(6))
    assert not await passes(quotas)


async def test_of_an_account_that_nobody_knows_requests_go_on() -> None:
    ledger = FakeLedger()
    ledger.away = AWAY
    quotas = Quotas(ledger)
    assert await passes(quotas)
    quotas.add("a", Decimal(10))
    assert not await passes(quotas)
    await quotas.close()
