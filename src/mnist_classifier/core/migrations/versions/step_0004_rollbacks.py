"""Mark the moves of an alias that were rollbacks, so that a rollback never goes forwards."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add a column; for earlier moves, the reason tells."""
    op.add_column("promotions", sa.Column("is_rollback", sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute(sa.text("UPDATE promotions SET is_rollback = true WHERE reason LIKE 'rolled back from %'"))
