"""Synthetic training pictures: drawn digits, and outliers."""
