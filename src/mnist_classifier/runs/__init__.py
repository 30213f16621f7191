"""Trainings as processes: the run log, the queue, the worker."""
