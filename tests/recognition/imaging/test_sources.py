from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_classifier.core.errors import ImageTooLarge, InvalidImage
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.recognition.imaging.sources import as_file, as_pixels

PIXELS = np.arange(60 * 80, dtype=np.uint8).reshape(60, 80)


def pictures(folder: Path) -> list[object]:
    path = folder / "grey.png"
    path.write_bytes(encode_png(PIXELS))
    return [path, str(path), path.read_bytes(), PIXELS, Image.fromarray(PIXELS)]


def test_every_kind_of_picture_has_the_same_pixels(tmp_path: Path):
    for picture in pictures(tmp_path):
        pixels, scale = as_pixels(picture)
        assert np.array_equal(pixels, PIXELS)
        assert scale == 1
        assert np.array_equal(as_pixels(as_file(picture))[0], PIXELS)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "F", "I;16"])
def test_images_of_every_mode_are_accepted_and_not_changed(mode: str):
    image = Image.fromarray(PIXELS)
    image = Image.new("I;16", (80, 60), 40_000) if mode == "I;16" else image.convert(mode)
    before = image.tobytes()
    assert as_pixels(image)[0].shape[:2] == (60, 80)
    assert as_pixels(as_file(image))[0].shape[:2] == (60, 80)
    assert (image.mode, image.size, image.tobytes()) == (mode, (80, 60), before)


def test_a_large_image_is_reduced_and_the_scale_is_returned():
    pixels, scale = as_pixels(Image.new("L", (2600, 1300)))
    assert max(pixels.shape) <= 1024
    assert scale == pytest.approx(2600 / pixels.shape[1])


def test_an_open_jpeg_of_the_caller_is_not_reduced():
    buffer = io.BytesIO()
    Image.new("L", (3000, 2000), 200).save(buffer, "JPEG")
    with Image.open(io.BytesIO(buffer.getvalue())) as image:
        as_pixels(image)
        assert image.size == (3000, 2000)


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (PIXELS / 255, "uint8"),
        (PIXELS > 3, "uint8"),
        (np.zeros((4, 5, 5), np.uint8), "shape"),
        (np.zeros(784, np.uint8), "shape"),
        (np.zeros((0, 28), np.uint8), "shape"),
        (7, "not int"),
        (None, "not NoneType"),
        (b"no picture", "no picture"),
        (b"", "empty"),
        ("nowhere/seven.png", "nowhere/seven.png: cannot be opened"),
        ("null\0byte.png", "cannot be opened"),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str) else "",
)
def test_other_values_than_pictures_are_refused_with_a_reason(picture: object, words: str):
    with pytest.raises(InvalidImage, match=words):
        as_pixels(picture)


def test_an_error_names_the_file(tmp_path: Path):
    path = tmp_path / "notes.png"
    path.write_text("no picture")
    with pytest.raises(InvalidImage, match=r"notes\.png: this is no picture"):
        as_pixels(path)
    path.write_bytes(encode_png(PIXELS))
    with pytest.raises(ImageTooLarge, match=r"notes\.png: the image has more than"):
        as_pixels(path, max_pixels=1000)
