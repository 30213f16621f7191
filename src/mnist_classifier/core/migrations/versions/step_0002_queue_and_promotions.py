"""The queue of runs, their environment, the history of promotions, and notes on models."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add columns and a table."""
    op.add_column("runs", sa.Column("claimed_at", sa.DateTime))
    op.execute("UPDATE runs SET claimed_at = created_at")  # there was no queue
    op.add_column("runs", sa.Column("environment", sa.JSON))
    op.add_column("runs", sa.Column("summary", sa.JSON))
    op.add_column("model_versions", sa.Column("note", sa.Text, nullable=False, server_default=""))
    op.add_column("model_versions", sa.Column("deleted_at", sa.DateTime))
    op.create_table(
        "promotions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("alias", sa.String(50), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("previous", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("actor", sa.String(100), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
