"""``forii keys``: make, list and revoke keys."""

from __future__ import annotations

import re
import sys
from datetime import datetime
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.table import Table

from launcher.accounts_session import with_accounts
from launcher.options import DatabaseUrl
from launcher.told import fail, settings_with, told
from proxy.accounts.account import ACCOUNT_ID, Name
from proxy.accounts.accounts import Accounts
from proxy.accounts.api_key import ApiKey
from proxy.accounts.directory import LOCAL
from proxy.accounts.plans import DEFAULT, UnknownPlan

keys_app = typer.Typer(
    help="The keys that clients send as `Authorization: Bearer forii_sk_...`. The commands work on the database: "
    "they need no server that runs, and one that runs heeds them within a second.",
    no_args_is_help=True,
)
Account = Annotated[
    str | None,
    typer.Option(help="The account's id: letters, digits, dots, hyphens, underscores. [default: local]"),
]


@keys_app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="For people, to tell keys apart: who or what will use it.")],
    account: Account = None,
    plan: Annotated[
        str | None,
        typer.Option(help="A plan of forii.toml, which is the account's from now on. [default: what it has]"),
    ] = None,
    database: DatabaseUrl = None,
) -> None:
    """Make a key and print it. It is shown this once: only its hash is stored.

    An account that is not there yet is made. From the first key on, a server on loopback asks everybody for one.
    For example: forii keys create laptop --account alice --plan free
    """
    with told():
        settings = settings_with(database=database)
        account_id = account or LOCAL
        if re.fullmatch(ACCOUNT_ID, account_id) is None:
            fail("--account: 1 to 64 letters, digits, dots, hyphens and underscores")
        try:
            name = TypeAdapter[str](Name).validate_python(name)
        except ValidationError:
            fail("the name: 1 to 100 characters, no control characters")

        async def work(accounts: Accounts) -> tuple[ApiKey, str]:
            await _make_account(accounts, account_id, plan)
            return await accounts.keys.create(account_id, name)

        try:
            key, secret = with_accounts(settings, work)
        except UnknownPlan as error:
            fail(f"--plan: {error}; plans are tables of forii.toml, [plans.NAME]")
    typer.echo(secret)
    typer.secho(f"{key.id} of the account {account_id}; the key is not shown again", dim=True, err=True)


@keys_app.command("list")
def list_keys(account: Account = None, database: DatabaseUrl = None) -> None:
    """List the keys, those of one account or all, without their secrets; revoked ones too. Times are UTC."""
    with told():
        settings = settings_with(database=database)

        async def work(accounts: Accounts) -> list[ApiKey]:
            return await accounts.keys.list(account)

        table = Table("id", "account", "name", "key", "created", "last used", "status", box=None)
        for key in with_accounts(settings, work):
            shown = (
                key.id,
                key.account,
                key.name,
                key.masked,
                _time(key.created),
                _time(key.last_used),
                key.status,
            )
            table.add_row(*shown)
        Console(width=None if sys.stdout.isatty() else 240, markup=False).print(table)


@keys_app.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `forii keys list` shows it.")],
    database: DatabaseUrl = None,
) -> None:
    """Revoke a key for good. A server that runs stops taking it within a second, and ends its running requests."""
    with told():
        settings = settings_with(database=database)

        async def work(accounts: Accounts) -> ApiKey | None:
            return await accounts.keys.revoke(key_id)

        key = with_accounts(settings, work)
        if key is None:
            fail(f"there is no key of the id {key_id!r}; see `forii keys list`")
        typer.echo(f"{key.id} ({key.name}) of the account {key.account} is revoked")


async def _make_account(accounts: Accounts, account_id: str, plan: str | None) -> None:
    """The account is there, on the plan if one is given. Raises UnknownPlan."""
    wanted = accounts.plans.check(plan or DEFAULT)
    made = await accounts.accounts.create(account_id, account_id, "", wanted)
    if made is None and plan is not None:
        await accounts.accounts.change_plan(account_id, wanted)


def _time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"
