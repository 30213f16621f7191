"""The migrations of the database's schema, one file each.

Alembic runs the missing ones when a database is opened (core/database.py).
Put a new one into versions/ with the next number, and set HEAD to it.

A step only adds: tables, and columns that are nullable or have a default of the
database.  Servers of the release before it go on running on the new schema.
"""

HEAD = "0007"
# The schema of databases that are older than the migrations.
FIRST = "0001"
