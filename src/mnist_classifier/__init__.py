"""Reads handwritten digits.

The package is laid out in levels; imports go strictly downward, and only
`mnist_classifier.training` imports PyTorch.  docs/decisions.md says why.
"""

__version__ = "0.1.0"
