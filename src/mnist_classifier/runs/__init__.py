"""Run trainings in processes of their own: the log of runs, the queue and the worker."""
