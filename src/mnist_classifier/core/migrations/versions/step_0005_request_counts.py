"""Let server processes share the number of requests of each client, for the rate limit."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "request_counts",
        sa.Column("server", sa.String(32), primary_key=True),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("counts", sa.JSON, nullable=False),
    )
