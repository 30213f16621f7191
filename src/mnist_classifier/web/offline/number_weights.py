"""The weights with which a browser groups pieces of ink into digits; pack.py puts them into model.bin.

Those of recognition/numbers/grouping.py need the line reader, which is as large
as the whole site.  These are fitted without it:

    PYTHONPATH=bench python bench/fitting/grouping.py --numbers 300 --alone
"""

from __future__ import annotations

from mnist_classifier.recognition.numbers.grouping import Weights

# fmt: off
PIXEL_WEIGHTS: Weights = dict(
    unread=-0.88, doubt=-0.20, cut_unread=0.71, cut_doubt=-0.07, wide=-0.66, thin=0.00, short=-1.24, parts=-0.74,
    tall_parts=-0.38, gap=-0.19, joins=-1.35, digits=1.12, cuts=1.22, soft_ink=0.00, crossing=-0.20, runs=-0.04,
    overlap=-0.30, shared=0.00, slivers=-0.04, left_out=-3.75, left_out_size=-0.79,
)
STROKE_WEIGHTS: Weights = dict(
    unread=-1.26, doubt=-0.25, cut_unread=-0.01, cut_doubt=-0.13, wide=-0.51, thin=0.00, short=-0.14, parts=-0.11,
    tall_parts=-1.10, gap=-0.08, joins=-0.75, digits=0.87, cuts=-1.41, soft_ink=-0.58, crossing=-1.00, runs=-0.01,
    overlap=-2.02, shared=-1.61, slivers=-0.03, left_out=-4.00, left_out_size=-1.30,
)
# fmt: on
