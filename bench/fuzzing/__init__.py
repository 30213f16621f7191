"""Damaged pictures and requests, and the checks of every answer."""
