"""Damaged pictures and bodies, and what must hold of every answer to them."""
