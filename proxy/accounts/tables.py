"""The tables of the database. What changes here needs a migration (``migrations/``); a test compares the two."""

from __future__ import annotations

from datetime import datetime, timezone

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from .money import Money

metadata = MetaData()

# Texts are compared by their code points on every database, so that pages are the same on all of them.
Text = String().with_variant(String(collation="C"), "postgresql")


class Moment(TypeDecorator[datetime]):
    """A time in UTC. SQLite would forget its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(timezone.utc)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)


accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("created", Moment, nullable=False),
)

# hash: SHA-256 of the key in hex. suffix: its last characters, for people. revoked: when; null while it works.
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("suffix", Text, nullable=False),
    Column("created", Moment, nullable=False),
    Column("last_used", Moment),
    Column("revoked", Moment),
)

# The fields of UsageRecord. day: of the time, in UTC, by which usage is grouped. metadata: null if it is empty.
usage = Table(
    "usage",
    metadata,
    Column("id", Text, primary_key=True),
    Column("time", Moment, nullable=False),
    Column("day", Date, nullable=False),
    Column("account", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("retried_prompt_tokens", BigInteger, nullable=False),
    Column("retried_completion_tokens", BigInteger, nullable=False),
    Column("cost", Money, nullable=False),
    Column("status", Integer, nullable=False),
    Column("first_token_ms", BigInteger),
    Column("total_ms", BigInteger, nullable=False),
    Column("user", Text),
    Column("metadata", JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")),
)
Index("usage_account_day_cost", usage.c.account, usage.c.day, usage.c.cost)
# What retention has yet to blank.
_PERSONAL = text('"user" IS NOT NULL OR metadata IS NOT NULL')
Index("usage_personal", usage.c.day, sqlite_where=_PERSONAL, postgresql_where=_PERSONAL)

# What accounts spent on each day, kept up with every row of usage: there are too many of those to add them up for
# a request. An amount is rupees and millionths of a millionth, the rest: one number of 64 bits would be too small.
spent = Table(
    "spent",
    metadata,
    Column("account", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("rupees", BigInteger, nullable=False),
    Column("rest", BigInteger, nullable=False),
)
