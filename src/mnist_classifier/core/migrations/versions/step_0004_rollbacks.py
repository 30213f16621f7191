"""Which moves of an alias were rollbacks, so that rolling back only goes backwards."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add a column; of earlier moves the reason tells."""
    op.add_column("promotions", sa.Column("is_rollback", sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute(sa.text("UPDATE promotions SET is_rollback = true WHERE reason LIKE 'rolled back from %'"))
