"""Looking into a model: what it says of a whole split, what it gets wrong, and why.

    explorer = Explorer(settings, registry)
    answers = explorer.answers(version, "test")
    explanation = explorer.explain(version, glyph)

Everything is computed when it is first asked for, from the MNIST files and the
model's ONNX graph, and nothing is written.  What is kept is bounded: 43 MB of
images to train on, 12 MB of the two splits, at most four sets of answers of
1 MB each and two networks with ONNX Runtime's work space.  Once all has been
asked for, the server grows from 115 to 307 MB (bench/explore.py).
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
