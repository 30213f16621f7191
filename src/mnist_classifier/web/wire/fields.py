"""Field types that several requests and replies share; their bounds and descriptions go into the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from msgspec import Meta

from mnist_classifier.core.records import LARGEST_ID

Probability = Annotated[float, Meta(ge=0, le=1)]
Digit = Annotated[int, Meta(ge=0, le=9)]
Prediction = Annotated[Digit | None, Meta(description="null for blank and not_a_digit")]
VersionNumber = Annotated[int, Meta(ge=0, le=LARGEST_ID, description="model version; 0 is the model in the box")]
RunNumber = Annotated[int, Meta(ge=0, le=LARGEST_ID, description="training number")]
ImageIndex = Annotated[int, Meta(ge=0, le=9999, description="number of the image in its split")]
IsSample = Annotated[
    bool, Meta(description="from the 200 test images that come with the program, because the MNIST files are missing")
]
Time = Annotated[str, Meta(description="UTC, ISO 8601", extra_json_schema={"format": "date-time"})]
Box = Annotated[
    tuple[int, int, int, int], Meta(description="bounding box: x, y, width, height in pixels of your picture")
]
Picture = Annotated[str, Meta(pattern="^data:image/png;base64,", description="a PNG as a data: URL")]
Matrix = list[list[int]]


class ModelName(TypedDict):
    """Number and name of a model version."""

    version: VersionNumber
    name: str
    personal: NotRequired[Annotated[str, Meta(description="the writer whose personal model read, if one did")]]
