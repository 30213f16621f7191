"""The routes of the MNIST files: test images, and the download."""

from __future__ import annotations

import random
from typing import Literal, TypedDict

from flask import Response, jsonify

from mnist_classifier.core.errors import DataCorrupt, DataMissing, InvalidInput
from mnist_classifier.data.splits import TEST
from mnist_classifier.evaluation.explore import Part
from mnist_classifier.web.routes.predict import blueprint
from mnist_classifier.web.services.services import services
from mnist_classifier.web.wire.explore import find_image
from mnist_classifier.web.wire.fields import Digit, ImageIndex, IsSample, Picture
from mnist_classifier.web.wire.operation import describe
from mnist_classifier.web.wire.readings import picture


class Dataset(TypedDict):
    """State of the MNIST files and their download."""

    status: Literal["ready", "missing", "downloading", "failed"]
    fraction: float | None
    message: str


class LabelledImage(TypedDict):
    """An MNIST test image."""

    index: ImageIndex
    label: Digit
    image: Picture
    is_sample: IsSample


@blueprint.get("/api/test-images/random")
@describe(LabelledImage, errors=(DataCorrupt,))
def random_test_image() -> Response:
    """Get a random MNIST test image with its label."""
    part = services().explorer.available(TEST)
    return jsonify(_labelled(part, random.randrange(len(part.labels))))


@blueprint.get("/api/test-images/<int:index>")
@describe(LabelledImage, errors=(InvalidInput, DataMissing, DataCorrupt))
def get_test_image(index: ImageIndex) -> Response:
    """Get one MNIST test image by its number, 0 to 9999."""
    part = services().explorer.available(TEST)
    return jsonify(_labelled(part, find_image(part, TEST, index)))


def _labelled(part: Part, position: int) -> LabelledImage:
    return {
        "index": part.number(position),
        "label": int(part.labels[position]),
        "image": picture(part.images[position]),
        "is_sample": part.is_sample,
    }


@blueprint.get("/api/dataset")
@describe(Dataset)
def dataset_status() -> Response:
    """Check whether the MNIST files are here."""
    return jsonify(services().mnist_files.status())


@blueprint.post("/api/dataset")
@describe(Dataset, status=202)
def fetch_dataset() -> tuple[Response, int]:
    """Download the MNIST files in the background."""
    services().mnist_files.start_download()
    return jsonify(services().mnist_files.status()), 202
