"""A name for each claim of a run, so that a worker notices when it has lost its own."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column; runs that an earlier program claimed have no name, and their heartbeats decide."""
    op.add_column("runs", sa.Column("claim", sa.String(32)))
