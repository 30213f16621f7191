"""Export model versions as archives, and check archives before an import."""
