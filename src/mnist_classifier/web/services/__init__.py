"""The objects that routes work with."""
