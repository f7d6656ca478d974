"""``forii usage``: what was used and what it cost, as a table or CSV."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timezone
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from launcher.accounts_session import with_accounts
from launcher.options import DatabaseUrl
from launcher.told import fail, settings_with, told
from proxy.accounts.accounts import Accounts
from proxy.accounts.money import plain
from proxy.accounts.usage_bodies import usage_csv
from proxy.accounts.usage_query import BadQuery, UsageQuery, check_range, read_day, read_group
from proxy.accounts.usage_report import UsageRow
from proxy.settings import Settings


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
    with told():
        settings = settings_with(database=database)
        try:
            query = _query(by, start, end, account)
        except BadQuery as error:
            fail(f"--{error.param}: {error}")
        if csv:
            _print_csv(settings, query)
        else:
            _print_table(settings, query)


def _query(by: str, start: str | None, end: str | None, account: str | None) -> UsageQuery:
    """Raises BadQuery, whose param is an option's name."""
    last = datetime.now(timezone.utc).date() if end is None else read_day(end, "to")
    first = last.replace(day=1) if start is None else read_day(start, "from")
    check_range(first, last, "to")
    return UsageQuery(account, first, last, read_group(by, "by"))


def _print_csv(settings: Settings, query: UsageQuery) -> None:
    async def work(accounts: Accounts) -> None:
        heading = True
        async for rows in _pages(accounts, query):
            sys.stdout.write(usage_csv(rows, query.group, heading=heading))
            heading = False

    with_accounts(settings, work)


def _print_table(settings: Settings, query: UsageQuery) -> None:
    grouped = query.group not in ("model", "day")
    table = Table(box=None)
    for name in ("date", *([] if query.group == "day" else ["model"]), *([query.group] if grouped else [])):
        table.add_column(name)
    for name in ("requests", "prompt", "completion", "INR"):
        table.add_column(name, justify="right")

    async def work(accounts: Accounts) -> None:
        async for rows in _pages(accounts, query):
            for row in rows:
                named = ([] if row.model is None else [row.model]) + ([row.label or ""] if grouped else [])
                counts = (row.requests, row.prompt_tokens, row.completion_tokens)
                table.add_row(row.day.isoformat(), *named, *(f"{count:,}" for count in counts), plain(row.cost))

    with_accounts(settings, work)
    Console(width=None if sys.stdout.isatty() else 240, markup=False).print(table)


async def _pages(accounts: Accounts, query: UsageQuery) -> AsyncIterator[list[UsageRow]]:
    """At least one, which may be empty."""
    while True:
        rows, after = await accounts.report.page(query)
        yield rows
        if after is None:
            return
        query = replace(query, after=after)
