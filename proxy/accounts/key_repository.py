"""The keys in the database: made, listed, revoked, and found by their hash."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timezone
from typing import NamedTuple

from sqlalchemy import Row, Select, bindparam, func, or_, select, tuple_, update

from .api_key import ApiKey, digest, new_key_id, new_secret, suffix_of
from .database import Database
from .tables import accounts, api_keys

# Databases bound how many values a statement takes.
_AT_ONCE = 500


class Owner(NamedTuple):
    """Whose a key is. key: its id. plan: its account's, by name."""

    key: str
    account: str
    plan: str
    revoked: bool


class KeyRepository:
    """Its methods raise DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, account: str, name: str) -> tuple[ApiKey, str]:
        """A new key of an account that is there, and its secret, which nobody can tell later."""
        secret = new_secret()
        key = ApiKey(new_key_id(), account, name, suffix_of(secret), datetime.now(timezone.utc))
        values = {
            "id": key.id,
            "account": account,
            "name": name,
            "hash": digest(secret),
            "suffix": key.suffix,
            "created": key.created,
        }
        async with self._database.begin() as connection:
            await connection.execute(api_keys.insert().values(values))
        return key, secret

    async def list(self, account: str | None = None, *, after: str = "", limit: int | None = None) -> list[ApiKey]:
        """The account's keys, or all, the oldest first; revoked ones too. after: the id of the last one of the
        page before."""
        order = tuple_(api_keys.c.created, api_keys.c.id)
        statement = select(api_keys).order_by(api_keys.c.created, api_keys.c.id).limit(limit)
        if account is not None:
            statement = statement.where(api_keys.c.account == account)
        if after:
            last = select(api_keys.c.created, api_keys.c.id).where(api_keys.c.id == after)
            statement = statement.where(order > last.scalar_subquery())
        async with self._database.begin() as connection:
            return [_key(row) for row in await connection.execute(statement)]

    async def working(self, account: str) -> int:
        """How many keys of the account work."""
        mine = (api_keys.c.account == account, api_keys.c.revoked.is_(None))
        async with self._database.begin() as connection:
            count = await connection.execute(select(func.count()).select_from(api_keys).where(*mine))
        return count.scalar_one()

    async def revoke(self, key_id: str, account: str | None = None) -> ApiKey | None:
        """The key, which works no more; None if the account, or nobody, has it. Revoked once, it stays so."""
        mine = api_keys.c.id == key_id
        if account is not None:
            mine &= api_keys.c.account == account
        revoke = update(api_keys).where(mine, api_keys.c.revoked.is_(None))
        async with self._database.begin() as connection:
            await connection.execute(revoke.values(revoked=datetime.now(timezone.utc)))
            row = (await connection.execute(select(api_keys).where(mine))).one_or_none()
        return None if row is None else _key(row)

    async def owners(self, hashes: Collection[str]) -> dict[str, Owner]:
        """Of those keys that there are, by their hashes."""
        wanted = list(hashes)
        found: dict[str, Owner] = {}
        async with self._database.begin() as connection:
            for start in range(0, len(wanted), _AT_ONCE):
                some = _owners().where(api_keys.c.hash.in_(wanted[start : start + _AT_ONCE]))
                found |= {row.hash: _owner(row) for row in await connection.execute(some)}
        return found

    async def exist(self, *, active: bool = False) -> bool:
        """Whether a key was ever made; active: whether one works."""
        statement = select(api_keys.c.id).limit(1)
        if active:
            statement = statement.where(api_keys.c.revoked.is_(None))
        async with self._database.begin() as connection:
            return (await connection.execute(statement)).first() is not None

    async def mark_used(self, used: Mapping[str, datetime]) -> None:
        """used: when, by the keys' ids. An earlier time than is known changes nothing."""
        if not used:
            return
        at = bindparam("at", type_=api_keys.c.last_used.type)
        earlier = or_(api_keys.c.last_used.is_(None), api_keys.c.last_used < at)
        statement = update(api_keys).where(api_keys.c.id == bindparam("key"), earlier).values(last_used=at)
        async with self._database.begin() as connection:
            # In one order everywhere, so that two proxies cannot wait for each other.
            await connection.execute(statement, [{"key": key, "at": used[key]} for key in sorted(used)])


def _owners() -> Select[tuple[str, str, str, str, datetime | None]]:
    columns = (api_keys.c.id, api_keys.c.account, accounts.c.plan, api_keys.c.hash, api_keys.c.revoked)
    return select(*columns).join(accounts, accounts.c.id == api_keys.c.account)


def _owner(row: Row[tuple[str, str, str, str, datetime | None]]) -> Owner:
    return Owner(row.id, row.account, row.plan, row.revoked is not None)


def _key(row: Row[tuple[object, ...]]) -> ApiKey:
    return ApiKey(row.id, row.account, row.name, row.suffix, row.created, row.last_used, row.revoked)
