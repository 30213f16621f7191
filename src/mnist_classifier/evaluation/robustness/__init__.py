"""The robustness suite: how well a model reads real handwriting, and refuses pictures that show no digit.

Its generators are not those of training, so that no model is tested on what it was taught.
"""
