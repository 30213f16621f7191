"""Robustness: how well a model reads what people really write, and refuses what is no digit.

Pictures are made here to measure with, never to train on: training/ has
generators of its own, so that a model is not examined on what it was taught.
"""
