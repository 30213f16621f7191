"""Find, fetch, read and split the data: MNIST, pen strokes, files of glyphs."""
