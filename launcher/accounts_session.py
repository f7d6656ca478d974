"""Work on accounts from the command line: a coroutine in, its result out, on the database that the server uses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from launcher.told import fail
from proxy.accounts.accounts import Accounts
from proxy.errors import DatabaseAway
from proxy.settings import Settings

_Result = TypeVar("_Result")


def with_accounts(settings: Settings, work: Callable[[Accounts], Awaitable[_Result]]) -> _Result:
    """Whether or not a server runs. Ends the command in words where the database cannot be reached."""

    async def run() -> _Result:
        accounts = Accounts(settings)
        try:
            return await work(accounts)
        except DatabaseAway as error:
            fail(f"the database {accounts.database.address} cannot be reached: {_reason(error)}")
        finally:
            await accounts.database.close()

    return asyncio.run(run())


def _reason(error: DatabaseAway) -> str:
    """What the driver said, without the statement that it was asked."""
    cause = error.__cause__
    first = str(getattr(cause, "orig", None) or cause).splitlines()
    return first[0] if first and first[0] else type(cause).__name__
