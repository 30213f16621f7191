"""Find, download, read and split data sets: MNIST, pen strokes, and files of 28x28 images (glyphs)."""
