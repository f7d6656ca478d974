"""Accounts, their keys, and what they used. The account ``local`` owns what needs no account of its own."""

from __future__ import annotations

from datetime import datetime, timezone

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from proxy.accounts.money import Money
from proxy.accounts.tables import Moment, Text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_METADATA = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
_PERSONAL = sa.text('"user" IS NOT NULL OR metadata IS NOT NULL')


def upgrade() -> None:
    accounts = op.create_table(
        "accounts",
        sa.Column("id", Text, primary_key=True),
        sa.Column("name", Text, nullable=False),
        sa.Column("email", Text, nullable=False),
        sa.Column("plan", Text, nullable=False),
        sa.Column("created", Moment, nullable=False),
    )
    local = {"id": "local", "name": "local", "email": "", "plan": "default"}
    op.bulk_insert(accounts, [{**local, "created": datetime.now(timezone.utc)}])
    op.create_table(
        "api_keys",
        sa.Column("id", Text, primary_key=True),
        sa.Column("account", Text, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("hash", Text, nullable=False, unique=True),
        sa.Column("suffix", Text, nullable=False),
        sa.Column("created", Moment, nullable=False),
        sa.Column("last_used", Moment),
        sa.Column("revoked", Moment),
    )
    op.create_index("ix_api_keys_account", "api_keys", ["account"])
    _create_usage()


def _create_usage() -> None:
    counts = ("prompt", "completion", "cached", "reasoning", "retried_prompt", "retried_completion")
    op.create_table(
        "usage",
        sa.Column("id", Text, primary_key=True),
        sa.Column("time", Moment, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("account", Text, nullable=False),
        sa.Column("key", Text, nullable=False),
        sa.Column("model", Text, nullable=False),
        *(sa.Column(f"{name}_tokens", sa.BigInteger, nullable=False) for name in counts),
        sa.Column("cost", Money, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("first_token_ms", sa.BigInteger),
        sa.Column("total_ms", sa.BigInteger, nullable=False),
        sa.Column("user", Text),
        sa.Column("metadata", _METADATA),
    )
    op.create_index("usage_account_day_cost", "usage", ["account", "day", "cost"])
    op.create_index("usage_personal", "usage", ["day"], sqlite_where=_PERSONAL, postgresql_where=_PERSONAL)
