"""Trainings as runs: their records and queue in the database, and the processes that carry them out."""
