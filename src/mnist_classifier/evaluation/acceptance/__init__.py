"""Export model versions as zip archives, and check archives before importing them."""
