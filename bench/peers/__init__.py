"""The contestants of time_to_accuracy.py; each runs in a process of its own, and none needs another."""
