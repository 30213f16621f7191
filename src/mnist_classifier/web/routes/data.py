"""The routes of the MNIST files: test images, and the download."""

from __future__ import annotations

from typing import Literal, TypedDict

from flask import Response, jsonify

from mnist_classifier.core.errors import DataCorrupt, DataMissing, InvalidInput
from mnist_classifier.web.routes.predict import blueprint
from mnist_classifier.web.services.services import services
from mnist_classifier.web.wire.fields import Digit, ImageIndex, Picture
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


@blueprint.get("/api/test-images/random")
@describe(LabelledImage, errors=(DataMissing, DataCorrupt))
def random_test_image() -> Response:
    """Get a random MNIST test image with its label."""
    return get_test_image(services().test_set.random_index())


@blueprint.get("/api/test-images/<int:index>")
@describe(LabelledImage, errors=(InvalidInput, DataMissing, DataCorrupt))
def get_test_image(index: ImageIndex) -> Response:
    """Get one MNIST test image by its number, 0 to 9999."""
    test = services().test_set.images()
    if index >= len(test.labels):
        raise InvalidInput(f"test images are numbered 0 to {len(test.labels) - 1}", field="index")
    return jsonify({"index": index, "label": int(test.labels[index]), "image": picture(test.images[index])})


@blueprint.get("/api/dataset")
@describe(Dataset)
def dataset_status() -> Response:
    """Check whether the MNIST files are here."""
    return jsonify(services().test_set.status())


@blueprint.post("/api/dataset")
@describe(Dataset, status=202)
def fetch_dataset() -> tuple[Response, int]:
    """Download the MNIST files in the background."""
    services().test_set.start_download()
    return jsonify(services().test_set.status()), 202
