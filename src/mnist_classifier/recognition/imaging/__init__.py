"""Bytes to pixels to ink to glyph."""
