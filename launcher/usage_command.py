"""``forii usage``: what was used and what it cost, as a table or CSV."""

from __future__ import annotations

from typing import Annotated

import typer

from launcher.options import DatabaseUrl
from launcher.told import settings_with, told


def usage(
    by: Annotated[
        str,
        typer.Option(metavar="GROUP", help="model, key, day, user, or metadata.KEY, as in metadata.team."),
    ] = "model",
    start: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="First day, in UTC. [default: the month's first]")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last day. [default: today]")] = None,
    account: Annotated[str | None, typer.Option(help="Of one account only. [default: of all]")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    database: DatabaseUrl = None,
) -> None:
    """Show what was used and what it cost, in INR: a row for each day, model and group.

    For example, last month's bill by team, where clients send metadata {"team": ...}:
    forii usage --by metadata.team --from 2026-01-01 --to 2026-01-31 --csv
    """
    from launcher.usage import print_csv, print_table, query_of

    with told():
        query = query_of(by, start, end, account)
        show = print_csv if csv else print_table
        show(settings_with(database=database), query)
