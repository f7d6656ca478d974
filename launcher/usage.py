"""What ``forii usage`` does: words in, rows of the database printed."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timezone

import typer
from rich.console import Console
from rich.table import Table

from launcher.accounts_session import with_accounts
from launcher.told import fail
from proxy.accounts.accounts import Accounts
from proxy.accounts.money import plain
from proxy.accounts.usage_bodies import usage_csv
from proxy.accounts.usage_query import BadQuery, UsageQuery, check_range, read_day, read_group
from proxy.accounts.usage_report import UsageRow
from proxy.settings import Settings


def query_of(by: str, start: str | None, end: str | None, account: str | None) -> UsageQuery:
    """Ends the command in words for what cannot be understood."""
    try:
        return _query(by, start, end, account)
    except BadQuery as error:
        fail(f"--{error.param}: {error}")


def _query(by: str, start: str | None, end: str | None, account: str | None) -> UsageQuery:
    """Raises BadQuery, whose param is an option's name."""
    last = datetime.now(timezone.utc).date() if end is None else read_day(end, "to")
    first = last.replace(day=1) if start is None else read_day(start, "from")
    check_range(first, last, "to")
    return UsageQuery(account, first, last, read_group(by, "by"))


def print_csv(settings: Settings, query: UsageQuery) -> None:
    async def work(accounts: Accounts) -> None:
        heading = True
        async for rows in _pages(accounts, query):
            sys.stdout.write(usage_csv(rows, query.group, heading=heading))
            heading = False

    with_accounts(settings, work)


def print_table(settings: Settings, query: UsageQuery) -> None:
    grouped = query.group not in ("model", "day")
    table = Table(box=None)
    for name in ("date", *([] if query.group == "day" else ["model"]), *([query.group] if grouped else [])):
        table.add_column(name)
    for name in ("requests", "prompt", "completion", "INR"):
        table.add_column(name, justify="right")

    async def work(accounts: Accounts) -> None:
        async for rows in _pages(accounts, query):
            for row in rows:
                label = [_printable(row.label or "")] if grouped else []
                named = ([] if row.model is None else [row.model]) + label
                counts = (row.requests, row.prompt_tokens, row.completion_tokens)
                table.add_row(row.day.isoformat(), *named, *(f"{count:,}" for count in counts), plain(row.cost))

    with_accounts(settings, work)
    if not table.row_count:
        whose = "" if query.account is None else f" of the account {query.account}"
        typer.secho(f"no usage{whose} from {query.start} to {query.end}, UTC", dim=True, err=True)
    Console(width=None if sys.stdout.isatty() else 240, markup=False).print(table)


def _printable(label: str) -> str:
    """The words of whoever called, which must give the terminal no orders and make no lines of their own."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in label)


async def _pages(accounts: Accounts, query: UsageQuery) -> AsyncIterator[list[UsageRow]]:
    """At least one, which may be empty."""
    while True:
        rows, after = await accounts.report.page(query)
        yield rows
        if after is None:
            return
        query = replace(query, after=after)
