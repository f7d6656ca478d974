from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import select

from proxy.accounts.account_repository import AccountRepository
from proxy.accounts.api_key import digest, is_shaped, new_secret
from proxy.accounts.database import Database
from proxy.accounts.key_repository import KeyRepository, Owner
from proxy.accounts.tables import accounts, api_keys
from tests.proxy.accounts.records import NOON


async def test_a_secret_is_stored_as_its_hash_alone(opened: Database) -> None:
    keys = KeyRepository(opened)
    key, secret = await keys.create("local", "laptop")
    async with opened.begin() as connection:
        row = (await connection.execute(select(api_keys))).one()
    assert row.hash == hashlib.sha256(secret.encode()).hexdigest()
    assert secret[:-4] not in str(tuple(row))
    assert secret not in repr(key)
    assert (key.masked, key.status, key.last_used) == (f"forii_sk_...{secret[-4:]}", "active", None)


def test_secrets_have_256_bits_and_no_two_are_alike() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(is_shaped(secret) and len(secret) == len("forii_sk_") + 43 for secret in made)


@pytest.mark.parametrize(
    "text", ["", "forii_sk_", "forii_sk_" + "a" * 42, "forii_sk_" + "é" * 43, new_secret() + "\n"]
)
def test_what_could_be_no_key_is_told_without_a_look_up(text: str) -> None:
    assert not is_shaped(text)


async def test_a_key_is_found_by_its_hash_with_its_accounts_plan(opened: Database) -> None:
    assert await AccountRepository(opened).create("alice", "Alice", "", "free")
    keys = KeyRepository(opened)
    (first, secret), (_, other) = await keys.create("alice", "a"), await keys.create("local", "b")
    found = await keys.owners([digest(secret), digest(other), digest("nobody's"), *map(str, range(1200))])
    assert set(found) == {digest(secret), digest(other)}
    assert found[digest(secret)] == Owner(first.id, "alice", "free", revoked=False)


async def test_a_revoked_key_stays_revoked_and_listed(opened: Database) -> None:
    keys = KeyRepository(opened)
    key, secret = await keys.create("local", "laptop")
    revoked = await keys.revoke(key.id)
    assert revoked is not None
    assert revoked.revoked is not None
    assert await keys.revoke(key.id) == revoked, "it keeps the time of the first"
    assert (await keys.owners([digest(secret)]))[digest(secret)].revoked
    assert await keys.list("local") == [revoked]
    assert (await keys.exist(), await keys.exist(active=True)) == (True, False)
    assert await keys.working("local") == 0


async def test_another_accounts_key_cannot_be_revoked(opened: Database) -> None:
    keys = KeyRepository(opened)
    key, _ = await keys.create("local", "laptop")
    assert await keys.revoke(key.id, "alice") is None
    assert await keys.revoke("key_0000000000000000") is None
    assert [one.status for one in await keys.list()] == ["active"]


async def test_a_key_of_an_account_that_is_not_there_is_not_made(opened: Database) -> None:
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        await KeyRepository(opened).create("nobody", "x")
    assert not await KeyRepository(opened).exist()


async def test_keys_are_listed_in_pages(opened: Database) -> None:
    keys = KeyRepository(opened)
    made = [(await keys.create("local", str(number)))[0].id for number in range(5)]
    listed: list[str] = []
    while page := await keys.list("local", after=listed[-1] if listed else "", limit=2):
        listed += [key.id for key in page]
    assert listed == made
    assert await keys.list("local", after="key_ffffffffffffffff") == []


async def test_the_last_use_only_moves_forward(opened: Database) -> None:
    keys = KeyRepository(opened)
    (one, _), (other, _) = await keys.create("local", "a"), await keys.create("local", "b")
    later = NOON + timedelta(seconds=5)
    await keys.mark_used({one.id: later, "operator": later})
    await keys.mark_used({one.id: NOON, other.id: NOON})
    await keys.mark_used({})
    assert {key.id: key.last_used for key in await keys.list()} == {one.id: later, other.id: NOON}


async def test_an_account_is_made_once(opened: Database) -> None:
    repository = AccountRepository(opened)
    name = "Robert'); DROP TABLE accounts;-- <b>"
    made = await repository.create("bob", name, "bob@example.com", "free")
    assert made is not None
    assert await repository.create("bob", "other", "", "default") is None
    assert await repository.find("bob") == made
    assert made.name == name
    await repository.change_plan("bob", "big")
    async with opened.begin() as connection:
        rows = await connection.execute(select(accounts.c.id, accounts.c.plan).order_by(accounts.c.id))
        assert rows.all() == [("bob", "big"), ("local", "default")]
    assert await repository.find("nobody") is None
