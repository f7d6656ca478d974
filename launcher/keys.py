"""What ``forii keys`` does: words in, keys of the database made, listed and revoked."""

from __future__ import annotations

import re
from datetime import datetime

import typer
from pydantic import TypeAdapter, ValidationError
from rich.table import Table

from launcher.accounts_session import with_accounts
from launcher.told import fail
from proxy.accounts.account import ACCOUNT_ID, Name
from proxy.accounts.accounts import Accounts
from proxy.accounts.api_key import ApiKey
from proxy.accounts.directory import LOCAL
from proxy.accounts.plans import DEFAULT, UnknownPlan
from proxy.settings import Settings


def create(settings: Settings, name: str, account: str | None, plan: str | None) -> tuple[ApiKey, str]:
    """The new key and its secret. The account is made if need be, and put on the plan if one is given. Ends the
    command in words for what cannot be."""
    account_id = account or LOCAL
    if re.fullmatch(ACCOUNT_ID, account_id) is None:
        fail("--account: 1 to 64 letters, digits, dots, hyphens and underscores")
    try:
        checked = TypeAdapter[str](Name).validate_python(name)
    except ValidationError:
        fail("the name: 1 to 100 characters, no control characters")

    async def work(accounts: Accounts) -> tuple[ApiKey, str]:
        wanted = accounts.plans.check(plan or DEFAULT)
        made = await accounts.accounts.create(account_id, account_id, "", wanted)
        if made is None and plan is not None:
            await accounts.accounts.change_plan(account_id, wanted)
        return await accounts.keys.create(account_id, checked)

    try:
        return with_accounts(settings, work)
    except UnknownPlan as error:
        fail(f"--plan: {error}; plans are tables of forii.toml, [plans.NAME]")


def table(settings: Settings, account: str | None) -> Table:
    """The keys of one account or all."""

    async def work(accounts: Accounts) -> list[ApiKey]:
        return await accounts.keys.list(account)

    shown = Table("id", "account", "name", "key", "created", "last used", "status", box=None)
    keys = with_accounts(settings, work)
    if not keys:
        typer.secho("no keys yet; make one with `forii keys create NAME`", dim=True, err=True)
    for key in keys:
        times = (_time(key.created), _time(key.last_used))
        shown.add_row(key.id, key.account, key.name, key.masked, *times, key.status)
    return shown


def revoke(settings: Settings, key_id: str) -> ApiKey:
    """Ends the command in words where there is no such key."""

    async def work(accounts: Accounts) -> ApiKey | None:
        return await accounts.keys.revoke(key_id)

    key = with_accounts(settings, work)
    if key is None:
        fail(f"there is no key of the id {key_id!r}; see `forii keys list`")
    return key


def _time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"
