"""Explore a model: its answers on a split, its errors, and the reasons for an answer.

    explorer = Explorer(settings, registry)
    answers = explorer.answers(version, "test")
    explanation = explorer.explain(version, glyph)

Everything is computed on demand from the MNIST files and the model's ONNX
graph, and cached in memory: 43 MB of training images, 12 MB of the other two
splits, at most four sets of answers of 1 MB each, and two networks.  With a
full cache, the server grows from 115 to 307 MB (bench/explore.py).
"""

from mnist_classifier.evaluation.explore.activations import Block
from mnist_classifier.evaluation.explore.answers import Answers, Show
from mnist_classifier.evaluation.explore.explorer import Explanation, Explorer
from mnist_classifier.evaluation.explore.neighbours import Neighbour
from mnist_classifier.evaluation.explore.saliency import Saliency
from mnist_classifier.evaluation.explore.splits import Part

__all__ = [
    "Answers",
    "Block",
    "Explanation",
    "Explorer",
    "Neighbour",
    "Part",
    "Saliency",
    "Show",
]
