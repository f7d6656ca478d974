"""What each account spent on each day, so that nobody has to add up all its usage."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from proxy.accounts.tables import Text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SUMS = {
    "sqlite": "sum(cost / 1000000000000), sum(cost % 1000000000000)",
    "postgresql": "sum(trunc(cost)), sum((cost - trunc(cost)) * 1000000000000)",
}


def upgrade() -> None:
    op.create_table(
        "spent",
        sa.Column("account", Text, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("rupees", sa.BigInteger, nullable=False),
        sa.Column("rest", sa.BigInteger, nullable=False),
    )
    sums = _SUMS[op.get_bind().dialect.name]
    op.execute(
        "INSERT INTO spent (account, day, rupees, rest) "
        f"SELECT account, day, {sums} FROM usage GROUP BY account, day"
    )
