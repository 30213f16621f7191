"""The Flask routes: one blueprint a module."""
