"""Alembic runs this file: the migrations, in the transaction of core/database.py."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
context.run_migrations()
