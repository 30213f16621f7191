"""A client that asks a running server for readings."""
