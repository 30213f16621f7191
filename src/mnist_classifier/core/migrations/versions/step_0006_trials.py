"""Which search a run belongs to, and the losses of its trial."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add a column; it is null for runs that are no trials."""
    op.add_column("runs", sa.Column("trial", sa.JSON))
