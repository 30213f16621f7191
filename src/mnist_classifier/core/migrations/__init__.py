"""The history of the database's schema, one file a step.

Alembic runs what a database has not seen yet, when it is opened (see core/database.py).
A new step goes into versions/ with the next number, and its number into HEAD.
"""

HEAD = "0004"
# The first step; databases from before there were steps look like it.
FIRST = "0001"
