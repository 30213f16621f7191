"""What is found in a model -> the JSON that the API speaks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.records import ModelVersion, Reading, rounded
from mnist_classifier.evaluation.explore import Answers, Block, Explanation, Neighbour, Part, Saliency
from mnist_classifier.recognition.imaging.decode import encode_png, to_data_url
from mnist_classifier.recognition.imaging.preprocess import Prepared
from mnist_classifier.web.wire import readings, types


def name(version: ModelVersion) -> types.ModelName:
    """A version's number and name."""
    return {"version": version.version, "name": version.name}


def identity(part: Part, index: int) -> types.Identity:
    """Number and label of an image."""
    return {
        "index": index,
        "row": int(part.rows[index]),
        "label": int(part.labels[index]),
        "disputed": bool(part.disputed[index]),
    }


def thumbnail(answers: Answers, index: int) -> types.Thumbnail:
    """One image in the list."""
    return {
        **identity(answers.part, index),
        "prediction": int(answers.predictions[index]),
        # As in a reading, none is certain.
        "confidence": rounded(float(answers.confidences[index])),
        "verdict": answers.verdicts[index].value,
        "image": picture(answers.part.images[index]),
    }


def explained(
    reading: Reading, version: ModelVersion, prepared: Prepared, explanation: Explanation | None
) -> types.Explained:
    """A reading with everything behind it; `explanation` is None for a blank."""
    neighbours = None if explanation is None else explanation.neighbours
    return {
        **readings.reading(reading, version),
        "glyph": None if prepared.glyph is None else picture(prepared.glyph),
        "steps": [{"name": step.name, "image": picture(step.picture)} for step in prepared.steps],
        "saliency": None if explanation is None else _saliency(explanation.saliency),
        "neighbours": None if neighbours is None else [_neighbour(each) for each in neighbours],
    }


def activations(
    version: ModelVersion, glyph: npt.NDArray[np.uint8] | None, blocks: Sequence[Block]
) -> types.FeatureMaps:
    """Feature maps as pictures; `glyph` is None for a blank."""
    return {
        "model": name(version),
        "glyph": None if glyph is None else picture(glyph),
        "blocks": [_block(each) for each in blocks],
    }


def _block(block: Block) -> types.Block:
    """White is the strongest value of the whole block: a faint map is a weak one."""
    strongest = float(block.maps.max())
    scale = 255 / strongest if strongest > 0 else 0.0
    channels, height, width = block.maps.shape
    return {
        "name": block.name,
        "channels": channels,
        "height": height,
        "width": width,
        "strongest": round(strongest, 4),
        "maps": [
            {"strongest": round(float(each.max()), 4), "image": picture((each * scale).round().astype(np.uint8))}
            for each in block.maps
        ],
    }


def _saliency(value: Saliency) -> types.Saliency:
    return {"digit": value.digit, "ink": _nats(value.ink), "gaps": _nats(value.gaps)}


def _nats(values: npt.NDArray[np.float32]) -> list[list[float]]:
    return [[round(value, 2) for value in row] for row in values.tolist()]


def _neighbour(value: Neighbour) -> types.Neighbour:
    return {
        "row": value.row,
        "label": value.label,
        "similarity": round(value.similarity, 4),
        "image": picture(value.image),
    }


def picture(pixels: npt.NDArray[np.uint8]) -> str:
    """(H, W) uint8 as a data: URL."""
    return to_data_url(encode_png(pixels))
