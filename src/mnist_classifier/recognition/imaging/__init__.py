"""Preprocessing: decode an image file, find its ink and make the 28x28 glyph that the network sees."""
