"""The usage that a bill is made of: a UsageQuery in, rows out, grouped by the database.

A row is the usage of one day, of one model and of one value of what it is grouped by; grouped by ``day``, of all
models. Days are UTC. Rows are ordered by day, model and value, those without a value first.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    Date,
    Integer,
    Row,
    Select,
    String,
    Subquery,
    case,
    cast,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.sql.elements import ColumnElement

from .database import Database
from .metadata_value import MetadataValue
from .money import Total
from .tables import usage
from .usage_query import Cursor, UsageQuery

# Rows that are made in a millisecond or two.
_AT_ONCE = 100
# Pages that are read at once: they may take long, and keys and records need connections too.
_READERS = 2
_COUNTS = ("prompt_tokens", "completion_tokens")


@dataclass(frozen=True, slots=True)
class UsageRow:
    """model: None where all models are in one row. label: the value of what is grouped by, None where the requests
    had none, and where the day or the model says it already. cost: INR."""

    day: date
    model: str | None
    label: str | None
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cost: Decimal


class UsageReport:
    """Its methods raise DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turns = asyncio.Semaphore(_READERS)

    async def page(self, query: UsageQuery) -> tuple[list[UsageRow], Cursor | None]:
        """The rows, and where the next page begins if there is one."""
        rows: list[UsageRow] = []
        after = None
        async with self._turns, self._database.begin() as connection:
            found = await connection.execute(_statement(query))
            for some in found.partitions(_AT_ONCE):
                for row in some:
                    if len(rows) == query.limit:
                        return rows, after
                    rows.append(_row(row, query))
                    after = Cursor(row.day, row.model, bool(row.named), row.label)
                # Others' tokens do not wait for a long page.
                await asyncio.sleep(0)
        return rows, None


def _row(row: Row[tuple[object, ...]], query: UsageQuery) -> UsageRow:
    return UsageRow(
        day=row.day,
        model=None if query.group == "day" else row.model,
        label=row.label if row.named else None,
        requests=row.requests,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        cost=row.cost,
    )


def _statement(query: UsageQuery) -> Select[tuple[object, ...]]:
    """One row more than are wanted, to see whether there is another page."""
    rows = _labelled(query)
    order = (rows.c.day, rows.c.model, rows.c.named, rows.c.label)
    statement = select(
        *order,
        func.count().label("requests"),
        *(cast(func.sum(rows.c[name]), BigInteger).label(name) for name in _COUNTS),
        Total(rows.c.cost).label("cost"),
    )
    if query.after is not None:
        after = (
            literal(query.after.day, Date),
            literal(query.after.model, String),
            literal(int(query.after.named), Integer),
            literal(query.after.label, String),
        )
        statement = statement.where(tuple_(*order) > tuple_(*after))
    return statement.group_by(*order).order_by(*order).limit(query.limit + 1)


def _labelled(query: UsageQuery) -> Subquery:
    """The rows that are asked for, each with what it is grouped by as ``named`` and ``label``."""
    value = _value(query)
    model: ColumnElement[str] = literal("", String) if query.group == "day" else usage.c.model
    statement = select(
        usage.c.day,
        model.label("model"),
        (literal(0, Integer) if value is None else case((value.is_(None), 0), else_=1)).label("named"),
        (literal("", String) if value is None else func.coalesce(value, "")).label("label"),
        *(usage.c[name] for name in _COUNTS),
        usage.c.cost,
    ).where(usage.c.day.between(query.start, query.end))
    if query.account is not None:
        statement = statement.where(usage.c.account == query.account)
    return statement.subquery()


def _value(query: UsageQuery) -> ColumnElement[str] | None:
    """None where the day or the model says it already."""
    if query.metadata_key is not None:
        return MetadataValue(usage.c.metadata, query.metadata_key)
    return usage.c[query.group] if query.group in ("key", "user") else None
