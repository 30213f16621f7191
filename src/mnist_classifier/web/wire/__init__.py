"""Requests and replies: their types, their checks and how records become JSON."""
