"""Preprocessing: decode a picture, find the ink, and centre it as a 28x28 glyph."""
