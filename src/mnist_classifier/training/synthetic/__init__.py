"""Drawn digits, and drawings that are no digits, for training."""
