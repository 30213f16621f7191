"""Export model versions, and check archives before importing them."""
