"""Parts of personalise.py."""
