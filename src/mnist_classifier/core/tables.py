"""The tables of the database: the result of the latest step in `migrations`."""

from __future__ import annotations

from datetime import datetime, timezone

import sqlalchemy as sa

from mnist_classifier.core.records import LONGEST_NAME

metadata = sa.MetaData()


class UtcDateTime(sa.TypeDecorator[datetime]):
    """A time with its zone; columns hold UTC without a zone, which every database supports."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Convert to UTC without a zone, for the database."""
        return value and value.astimezone(timezone.utc).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Convert to a time in UTC, from the database."""
        return value and value.replace(tzinfo=timezone.utc)


runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("status", sa.String(16), nullable=False, index=True),
    sa.Column("config", sa.JSON, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    # When a process claimed the run; null in the queue.
    sa.Column("claimed_at", UtcDateTime),
    # The name of the claim (see `claims`); a worker with another claim has lost the run.
    sa.Column("claim", sa.String(32)),
    sa.Column("started_at", UtcDateTime),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("heartbeat_at", UtcDateTime),
    sa.Column("pid", sa.Integer),
    sa.Column("cancel_requested", sa.Boolean, nullable=False, default=False),
    sa.Column("message", sa.Text, nullable=False, default=""),
    sa.Column("model_version", sa.Integer),
    # Libraries, device, data checksum and git commit.
    sa.Column("environment", sa.JSON),
    # The figures that lists of runs show, so that they need not read the events.
    sa.Column("summary", sa.JSON),
    # Null unless the run is a trial of a search (records.Trial).
    sa.Column("trial", sa.JSON(none_as_null=True)),
    sqlite_autoincrement=True,  # numbers are never used again
)

run_events = sa.Table(
    "run_events",
    metadata,
    sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
)

model_versions = sa.Table(
    "model_versions",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(LONGEST_NAME), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("manifest", sa.JSON, nullable=False),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
    # The row of a deleted version stays, so its number is never used again.
    sa.Column("deleted_at", UtcDateTime),
)

aliases = sa.Table(
    "aliases",
    metadata,
    sa.Column("name", sa.String(50), primary_key=True),
    sa.Column("version", sa.Integer, sa.ForeignKey("model_versions.version"), nullable=False),
    sa.Column("moved_at", UtcDateTime, nullable=False),
)

# Every move of an alias; version 0 is the model in the box.
promotions = sa.Table(
    "promotions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("alias", sa.String(50), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("previous", sa.Integer, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.String(100), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("is_rollback", sa.Boolean, nullable=False, server_default=sa.false()),
    sqlite_autoincrement=True,
)

# How many requests each server process admitted lately, by client (web/services/shared_rates.py).
request_counts = sa.Table(
    "request_counts",
    metadata,
    sa.Column("server", sa.String(32), primary_key=True),
    # Grows with each write.
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("counts", sa.JSON, nullable=False),
)

# An image with the label that a person gave.
corrections = sa.Table(
    "corrections",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    # 0 to 9; 10 for "not a digit", as in the network.
    sa.Column("label", sa.Integer, nullable=False),
    # Who wrote it; empty if no name was given.
    sa.Column("writer", sa.String(LONGEST_NAME), nullable=False, server_default=""),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    # When it was last sent again or relabelled; counts for the retention.
    sa.Column("changed_at", UtcDateTime, nullable=False, index=True),
    # How often the same writer sent the same glyph with the same label.
    sa.Column("times", sa.Integer, nullable=False, server_default="1"),
    sa.Column("glyph_sha256", sa.String(64), nullable=False),
    # 28 rows of 28 bytes.
    sa.Column("glyph", sa.LargeBinary, nullable=False),
    # A reduced PNG of the picture; null if only a glyph was sent.
    sa.Column("image", sa.LargeBinary),
    sa.Column("strokes", sa.JSON(none_as_null=True)),
    # What the model read, and its version.
    sa.Column("reading", sa.JSON(none_as_null=True)),
    sa.Column("model_version", sa.Integer),
    sa.UniqueConstraint("glyph_sha256", "label", "writer", name="uq_corrections_glyph_label_writer"),
    # Lists are filtered and counted in this index, without reading the pictures.
    sa.Index("ix_corrections_filters", "label", "writer", "source"),
    sqlite_autoincrement=True,
)

# What a person's corrections add to a model version.
personal_models = sa.Table(
    "personal_models",
    metadata,
    sa.Column("writer", sa.String(LONGEST_NAME), primary_key=True),
    sa.Column("base_version", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    # The numbers of the corrections that it learned from.
    sa.Column("corrections", sa.JSON, nullable=False),
    # A .npz file without pickle; null once one of these was deleted or changed.
    sa.Column("contents", sa.LargeBinary),
    sa.Column("figures", sa.JSON, nullable=False),
)

# Uncertain readings that a person may label; filled only with MNIST_PROPOSE=1.
readings_to_label = sa.Table(
    "readings_to_label",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("glyph", sa.LargeBinary, nullable=False),
    sa.Column("glyph_sha256", sa.String(64), nullable=False, unique=True),
    sa.Column("reading", sa.JSON, nullable=False),
    sa.Column("model_version", sa.Integer, nullable=False),
    sqlite_autoincrement=True,
)

# Readings by hour, to notice drift; no pictures.
reading_counts = sa.Table(
    "reading_counts",
    metadata,
    # Start of the hour.
    sa.Column("hour", UtcDateTime, primary_key=True),
    sa.Column("model_version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("verdict", sa.String(16), primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("low_confidence", sa.Integer, nullable=False),
    sa.Column("confidence_sum", sa.Float, nullable=False),
    # Sum of the mean ink over `ink_count` glyphs.
    sa.Column("ink_sum", sa.Float, nullable=False),
    sa.Column("ink_count", sa.Integer, nullable=False),
)
