"""Training: the only room that imports PyTorch."""

import os

from mnist_classifier.training.memory import keep_freed_memory

# GNU OpenMP's threads wait for each other by spinning, by default so long that
# one other busy process makes a training ten times slower (0.8 -> 10 s, two
# cores); with this count 4 times, and 5 % slower when alone.  It has to be set
# before PyTorch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
keep_freed_memory()
