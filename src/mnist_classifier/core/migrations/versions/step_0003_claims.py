"""A name for each claim of a run, so that a worker notices if it has lost the run."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add a column; it is null for runs that an earlier program claimed, whose heartbeats decide."""
    op.add_column("runs", sa.Column("claim", sa.String(32)))
