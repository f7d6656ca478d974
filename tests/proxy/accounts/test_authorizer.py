"""Who is let in, over time: with a clock of its own and a database that can be away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import suppress

import pytest
import pytest_asyncio
from starlette.types import Scope

from proxy.accounts.authorizer import FRESH_SECONDS, GRACE_SECONDS, Authorizer, Known, end_of
from proxy.accounts.caller import Caller
from proxy.accounts.database import Database
from proxy.accounts.directory import OPERATOR, Directory
from proxy.accounts.key_repository import KeyRepository
from proxy.accounts.plan import UNLIMITED, Plan
from proxy.accounts.plans import Plans
from proxy.errors import AuthenticationFailed, DatabaseAway

FREE = Plan(requests_per_minute=60)
OPERATORS = "the operator's own"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Counted(Directory):
    """Counts what it is asked, and can be away or never answer."""

    def __init__(self, database: Database, operator_key: str | None = None, *, may_be_open: bool = False) -> None:
        super().__init__(database, Plans({"free": FREE}), operator_key, may_be_open)
        self.asked: list[int] = []
        self.away = False
        self.silent = False
        self.at_once = self._now = 0

    async def callers(self, hashes: Collection[str]) -> dict[str, Caller]:
        self._now += 1
        self.at_once = max(self.at_once, self._now)
        try:
            await self._answer(len(hashes))
            return await super().callers(hashes)
        finally:
            self._now -= 1

    async def has_keys(self) -> bool:
        await self._answer(0)
        return await super().has_keys()

    async def _answer(self, count: int) -> None:
        self.asked.append(count)
        if self.silent:
            await asyncio.Event().wait()
        if self.away:
            raise DatabaseAway("away")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def directory(opened: Database) -> Counted:
    return Counted(opened)


@pytest.fixture
def keys(opened: Database) -> KeyRepository:
    return KeyRepository(opened)


@pytest_asyncio.fixture
async def authorizer(directory: Counted, clock: Clock) -> AsyncIterator[Authorizer]:
    yield Authorizer(directory, clock)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def refused(authorizer: Authorizer, secret: str) -> bool:
    try:
        await authorizer.authorize(secret)
    except AuthenticationFailed:
        return True
    return False


async def run(known: Known, scope: Scope) -> None:
    """A request with the key, which lasts."""
    with known.running(scope):
        await asyncio.sleep(60)


async def test_a_key_is_looked_up_once_a_second_however_many_requests_come(
    authorizer: Authorizer, directory: Counted, keys: KeyRepository, clock: Clock
) -> None:
    key, secret = await keys.create("local", "laptop")
    for _ in range(3):
        found = await asyncio.gather(*(authorizer.authorize(secret) for _ in range(20)))
        assert {known.caller for known in found} == {Caller("local", key.id, UNLIMITED)}
        clock.now += FRESH_SECONDS + 0.01
    assert directory.asked == [1, 1, 1]


async def test_however_many_keys_come_at_once_the_database_has_one_question_at_a_time(
    authorizer: Authorizer, directory: Counted, keys: KeyRepository
) -> None:
    """A flood of guesses must not take all connections."""
    made = [await keys.create("local", f"key {number}") for number in range(3)]
    guesses = ["forii_sk_" + f"{number:043}" for number in range(100)]
    asked = [refused(authorizer, secret) for secret in [*guesses, *(secret for _, secret in made)]]
    assert await asyncio.gather(*asked) == [True] * 100 + [False] * 3
    assert directory.asked == [103]
    assert directory.at_once == 1


async def test_a_revoked_key_is_refused_within_a_second(
    authorizer: Authorizer, keys: KeyRepository, clock: Clock
) -> None:
    key, secret = await keys.create("local", "laptop")
    await authorizer.authorize(secret)
    await keys.revoke(key.id)
    clock.now += FRESH_SECONDS + 0.01
    assert await refused(authorizer, secret)


async def test_who_revoked_it_here_need_not_wait(authorizer: Authorizer, keys: KeyRepository) -> None:
    key, secret = await keys.create("local", "laptop")
    scope: Scope = {}
    running = asyncio.ensure_future(run(await authorizer.authorize(secret), scope))
    await asyncio.sleep(0)
    await keys.revoke(key.id)
    authorizer.forget(key.id)
    await asyncio.wait({running})
    assert running.cancelled()
    assert isinstance(end_of(scope), AuthenticationFailed)
    assert await refused(authorizer, secret)


async def test_the_watcher_ends_what_runs_with_a_revoked_key_and_nothing_else(
    authorizer: Authorizer, directory: Counted, keys: KeyRepository, clock: Clock
) -> None:
    (bad, secret), (_, other) = await keys.create("local", "a"), await keys.create("local", "b")
    scopes: list[Scope] = [{}, {}, {}]
    owners = [await authorizer.authorize(one) for one in (secret, secret, other)]
    tasks = [asyncio.ensure_future(run(known, scope)) for known, scope in zip(owners, scopes, strict=True)]
    await asyncio.sleep(0)
    directory.asked.clear()
    await authorizer.watch()
    assert (directory.asked, [task.done() for task in tasks]) == ([2], [False] * 3), "all are asked for at once"
    await keys.revoke(bad.id)
    directory.away = True
    await authorizer.watch()
    assert not any(task.done() for task in tasks), "nobody can tell yet"
    directory.away = False
    await authorizer.watch()
    await asyncio.wait(tasks[:2])
    assert [task.done() for task in tasks] == [True, True, False]
    assert [end_of(scope) is not None for scope in scopes] == [True, True, False]


async def test_a_busy_key_costs_no_look_up_of_its_own(
    authorizer: Authorizer, directory: Counted, keys: KeyRepository, clock: Clock
) -> None:
    _, secret = await keys.create("local", "laptop")
    running = asyncio.ensure_future(run(await authorizer.authorize(secret), {}))
    await asyncio.sleep(0)
    for _ in range(5):
        clock.now += 0.5
        await authorizer.watch()
        await authorizer.authorize(secret)
    assert directory.asked == [1] * 6
    running.cancel()
    await asyncio.wait({running})
    await authorizer.watch()
    assert directory.asked == [1] * 6, "nobody runs, nobody is asked for"


async def test_while_the_database_is_away_known_keys_go_on_for_a_while(
    authorizer: Authorizer, directory: Counted, keys: KeyRepository, clock: Clock
) -> None:
    (key, secret), (_, unknown) = await keys.create("local", "a"), await keys.create("local", "b")
    await authorizer.authorize(secret)
    directory.away = True
    clock.now += 10
    for _ in range(10):
        assert (await authorizer.authorize(secret)).caller.key == key.id
        with pytest.raises(DatabaseAway) as caught:
            await authorizer.authorize(unknown)
        assert caught.value.headers["Retry-After"]
    assert len(directory.asked) <= 3, "it is not asked again for every request"
    clock.now += GRACE_SECONDS
    with pytest.raises(DatabaseAway):
        await authorizer.authorize(secret)
    directory.away = False
    clock.now += 2
    assert (await authorizer.authorize(secret)).caller.key == key.id
    assert await authorizer.authorize(unknown)


async def test_known_keys_do_not_wait_for_a_database_that_does_not_answer(
    authorizer: Authorizer, directory: Counted, keys: KeyRepository, clock: Clock
) -> None:
    _, secret = await keys.create("local", "laptop")
    known = await authorizer.authorize(secret)
    directory.silent = True
    clock.now += 2
    assert await asyncio.wait_for(authorizer.authorize(secret), 10) is known


async def test_others_do_not_wait_for_ever_either(
    authorizer: Authorizer, directory: Counted, keys: KeyRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.accounts.authorizer._LONGEST_SECONDS", 0.05)
    _, secret = await keys.create("local", "laptop")
    directory.silent = True
    with pytest.raises(DatabaseAway):
        await authorizer.authorize(secret)


async def test_the_operators_key_needs_no_database(opened: Database, clock: Clock) -> None:
    directory = Counted(opened, OPERATORS)
    directory.away = True
    authorizer = Authorizer(directory, clock)
    for _ in range(3):
        known = await authorizer.authorize(OPERATORS)
        assert known.caller == Caller("local", OPERATOR, UNLIMITED)
        clock.now += 10 * GRACE_SECONDS
    assert await refused(authorizer, "the operator's ow")
    assert authorizer.take_used() == {}


async def test_the_operators_key_is_on_the_plan_of_its_account(opened: Database, clock: Clock) -> None:
    from proxy.accounts.account_repository import AccountRepository

    await AccountRepository(opened).change_plan("local", "free")
    known = await Authorizer(Counted(opened, OPERATORS), clock).authorize(OPERATORS)
    assert known.caller.plan == FREE


async def test_without_a_key_anybody_is_let_in_until_there_is_one(
    opened: Database, keys: KeyRepository, clock: Clock
) -> None:
    directory = Counted(opened, may_be_open=True)
    authorizer = Authorizer(directory, clock)
    for secret in ("", "whatever", "forii_sk_" + "a" * 43):
        assert (await authorizer.authorize(secret)).caller == Caller("local", "", UNLIMITED)
    assert directory.asked == [0]
    key, secret = await keys.create("local", "first")
    clock.now += FRESH_SECONDS + 0.01
    assert await refused(authorizer, "")
    assert (await authorizer.authorize(secret)).caller.key == key.id
    await keys.revoke(key.id)
    clock.now += FRESH_SECONDS + 0.01
    assert await refused(authorizer, ""), "revoking the last key lets nobody in"
    assert await refused(Authorizer(Counted(opened, may_be_open=True), clock), "")


async def test_whether_there_is_a_key_must_have_been_known_while_the_database_is_away(
    opened: Database, clock: Clock
) -> None:
    directory = Counted(opened, may_be_open=True)
    authorizer = Authorizer(directory, clock)
    directory.away = True
    with pytest.raises(DatabaseAway):
        await authorizer.authorize("")
    directory.away = False
    clock.now += 2
    await authorizer.authorize("")
    directory.away = True
    clock.now += 10
    assert (await authorizer.authorize("")).caller.key == ""
    clock.now += GRACE_SECONDS
    with pytest.raises(DatabaseAway):
        await authorizer.authorize("")


async def test_a_silent_database_holds_up_nobody_who_was_let_in_without_a_key(
    opened: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = Counted(opened, may_be_open=True)
    directory.silent = True
    monkeypatch.setattr("proxy.accounts.authorizer._LONGEST_SECONDS", 0.05)
    with pytest.raises(DatabaseAway):
        await Authorizer(directory, clock).authorize("")
    directory.silent = False
    monkeypatch.undo()
    authorizer = Authorizer(directory, clock)
    await authorizer.authorize("")
    directory.silent = True
    monkeypatch.setattr("proxy.accounts.authorizer._LONGEST_SECONDS", 0.05)
    clock.now += 2
    assert (await authorizer.authorize("")).caller.key == ""


async def test_wrong_keys_are_not_remembered_and_known_ones_are_not_too_many(
    authorizer: Authorizer, keys: KeyRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.accounts.authorizer._MOST_KNOWN", 3)
    secrets = [(await keys.create("local", str(number)))[1] for number in range(6)]
    busy = asyncio.ensure_future(run(await authorizer.authorize(secrets[0]), {}))
    await asyncio.sleep(0)
    for secret in secrets:
        await authorizer.authorize(secret)
        assert await refused(authorizer, "forii_sk_" + "b" * 43)
        assert len(authorizer._known) <= 3
    assert authorizer._known[next(iter(authorizer._known))].busy, "what runs is never lost sight of"
    busy.cancel()


async def test_the_use_of_keys_is_told_once(authorizer: Authorizer, keys: KeyRepository) -> None:
    key, secret = await keys.create("local", "laptop")
    await authorizer.authorize(secret)
    await authorizer.authorize(secret)
    used = authorizer.take_used()
    assert list(used) == [key.id]
    assert authorizer.take_used() == {}
