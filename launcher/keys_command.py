"""``forii keys``: make, list and revoke keys."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from launcher.options import DatabaseUrl
from launcher.told import settings_with, told

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
    from launcher.keys import create

    with told():
        key, secret = create(settings_with(database=database), name, account, plan)
    typer.echo(secret)
    typer.secho(f"{key.id} of the account {key.account}; the key is not shown again", dim=True, err=True)


@keys_app.command("list")
def list_keys(account: Account = None, database: DatabaseUrl = None) -> None:
    """List the keys, those of one account or all, without their secrets; revoked ones too. Times are UTC."""
    from launcher.keys import table

    with told():
        shown = table(settings_with(database=database), account)
    Console(width=None if sys.stdout.isatty() else 240, markup=False).print(shown)


@keys_app.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `forii keys list` shows it.")],
    database: DatabaseUrl = None,
) -> None:
    """Revoke a key for good. A server that runs stops taking it within a second, and ends its running requests."""
    from launcher.keys import revoke

    with told():
        key = revoke(settings_with(database=database), key_id)
    typer.echo(f"{key.id} ({key.name}) of the account {key.account} is revoked")
