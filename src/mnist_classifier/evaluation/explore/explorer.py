"""Answers for a split, and explanations of a single reading."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.errors import DataMissing
from mnist_classifier.core.settings import Settings
from mnist_classifier.data.splits import TRAIN
from mnist_classifier.evaluation.explore import saliency
from mnist_classifier.evaluation.explore.activations import Block, FeatureMaps
from mnist_classifier.evaluation.explore.answers import Answers
from mnist_classifier.evaluation.explore.memo import Memo
from mnist_classifier.evaluation.explore.neighbours import Neighbour, Neighbours
from mnist_classifier.evaluation.explore.saliency import Saliency
from mnist_classifier.evaluation.explore.splits import Part, Splits
from mnist_classifier.recognition.recogniser import Recogniser
from mnist_classifier.registry.manifest import ONNX_FILE, read_manifest, verified_bytes
from mnist_classifier.registry.versions import Registry

NEIGHBOURS = 8
# Cache sizes.  Answers for 10,000 images take half a MB, a network some MB.
ANSWERS_KEPT, NETWORKS_KEPT = 4, 2


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a glyph is read as it is.  neighbours: None without the MNIST files."""

    saliency: Saliency
    neighbours: list[Neighbour] | None


class Explorer:
    """Explores the model versions of one MNIST_HOME.  Thread-safe."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self._registry = registry
        self._splits = Splits(settings.data_dirs())
        self._answers: Memo[Answers] = Memo(ANSWERS_KEPT)
        self._networks: Memo[Recogniser] = Memo(NETWORKS_KEPT)
        self._feature_maps: Memo[FeatureMaps] = Memo(NETWORKS_KEPT)
        self._neighbours: Memo[Neighbours] = Memo(1)

    def recogniser(self, version: int) -> Recogniser:
        """Open the network of a version.  Raises ModelMissing, ModelCorrupt."""
        return self._networks.get(version, lambda: self._registry.read(version, Recogniser.open))

    def part(self, split: str) -> Part:
        """Read all images of a split.  Raises DataMissing, DataCorrupt."""
        return self._splits.part(split)

    def available(self, split: str) -> Part:
        """Read a split; without the MNIST files, test has 200 images.  Raises DataMissing, DataCorrupt."""
        return self._splits.available(split)

    def answers(self, version: int, split: str) -> Answers:
        """Return the answers of a version for the available images of a split; the first call takes a second or more.

        Raises DataMissing, DataCorrupt, ModelMissing, ModelCorrupt.
        """
        part = self.available(split)
        return self._answers.get((version, split, part.is_sample), lambda: Answers.ask(self.recogniser(version), part))

    def explain(self, version: int, glyph: npt.NDArray[np.uint8], digit: int | None = None) -> Explanation:
        """Explain the reading of a (28, 28) glyph, or find the evidence for another digit."""
        return Explanation(saliency.explain(self.recogniser(version), glyph, digit), self._nearest(glyph))

    def look_inside(self, version: int, glyph: npt.NDArray[np.uint8]) -> list[Block]:
        """Return the feature maps of a version for a (28, 28) glyph.

        Raises ModelMissing, ModelCorrupt.
        """
        return self._feature_maps.get(version, lambda: self._registry.read(version, _open_feature_maps)).look(glyph)

    def _nearest(self, glyph: npt.NDArray[np.uint8]) -> list[Neighbour] | None:
        try:
            found = self._neighbours.get(TRAIN, lambda: Neighbours(self._splits.part(TRAIN)))
        except DataMissing:
            return None
        return found.nearest(glyph, NEIGHBOURS)


def _open_feature_maps(folder: Path) -> FeatureMaps:
    return FeatureMaps(verified_bytes(folder, ONNX_FILE, read_manifest(folder)))
