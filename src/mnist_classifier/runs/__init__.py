"""Trainings as processes: the log of runs, the queue and the worker."""
