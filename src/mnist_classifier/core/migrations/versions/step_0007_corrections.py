"""Corrections, personal models, readings to label, and readings by hour."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add four tables."""
    op.create_table(
        "corrections",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("label", sa.Integer, nullable=False),
        sa.Column("writer", sa.String(100), nullable=False, server_default=""),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("changed_at", sa.DateTime, nullable=False, index=True),
        sa.Column("times", sa.Integer, nullable=False, server_default="1"),
        sa.Column("glyph_sha256", sa.String(64), nullable=False),
        sa.Column("glyph", sa.LargeBinary, nullable=False),
        sa.Column("image", sa.LargeBinary),
        sa.Column("strokes", sa.JSON),
        sa.Column("reading", sa.JSON),
        sa.Column("model_version", sa.Integer),
        sa.UniqueConstraint("glyph_sha256", "label", "writer", name="uq_corrections_glyph_label_writer"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_corrections_filters", "corrections", ["label", "writer", "source"])
    op.create_table(
        "personal_models",
        sa.Column("writer", sa.String(100), primary_key=True),
        sa.Column("base_version", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("corrections", sa.JSON, nullable=False),
        sa.Column("contents", sa.LargeBinary),
        sa.Column("figures", sa.JSON, nullable=False),
    )
    op.create_table(
        "readings_to_label",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("glyph", sa.LargeBinary, nullable=False),
        sa.Column("glyph_sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("reading", sa.JSON, nullable=False),
        sa.Column("model_version", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "reading_counts",
        sa.Column("hour", sa.DateTime, primary_key=True),
        sa.Column("model_version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("verdict", sa.String(16), primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("low_confidence", sa.Integer, nullable=False),
        sa.Column("confidence_sum", sa.Float, nullable=False),
        sa.Column("ink_sum", sa.Float, nullable=False),
        sa.Column("ink_count", sa.Integer, nullable=False),
    )
