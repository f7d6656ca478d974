"""The accounts in the database."""

from __future__ import annotations

from datetime import datetime, timezone

from sqlalchemy import Row, select, update
from sqlalchemy.dialects import postgresql, sqlite

from .account import Account
from .database import Database
from .tables import accounts


class AccountRepository:
    """Its methods raise DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, account_id: str, name: str, email: str, plan: str) -> Account | None:
        """The new account; None if there is one of that id, which stays as it is."""
        account = Account(account_id, name, email, plan, datetime.now(timezone.utc))
        insert = sqlite.insert if self._database.dialect == "sqlite" else postgresql.insert
        values = {"id": account_id, "name": name, "email": email, "plan": plan, "created": account.created}
        async with self._database.begin() as connection:
            made = await connection.execute(insert(accounts).values(values).on_conflict_do_nothing())
        return account if made.rowcount else None

    async def find(self, account_id: str) -> Account | None:
        async with self._database.begin() as connection:
            row = (await connection.execute(select(accounts).where(accounts.c.id == account_id))).one_or_none()
        return None if row is None else _account(row)

    async def change_plan(self, account_id: str, plan: str) -> None:
        """From the next requests on."""
        async with self._database.begin() as connection:
            await connection.execute(update(accounts).where(accounts.c.id == account_id).values(plan=plan))


def _account(row: Row[tuple[object, ...]]) -> Account:
    return Account(row.id, row.name, row.email, row.plan, row.created)
