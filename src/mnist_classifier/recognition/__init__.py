"""Read digits in pictures: `recogniser.py` for one picture, `batch.py` for many glyphs.

`imaging/` turns a picture into a glyph; `numbers/` finds the digits of a number.
"""
