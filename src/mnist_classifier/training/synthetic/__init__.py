"""Generate training pictures: digits drawn from templates, and outliers (pictures of no digit)."""
