"""What Alembic runs: a connection that is in a transaction already in, the migrations on it out."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
