from __future__ import annotations

import io
import threading

import numpy as np
import pytest
from PIL import Image

from mnist_classifier.core.errors import ImageTooLarge, InvalidImage, InvalidInput
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.recognition.imaging import crops
from mnist_classifier.recognition.imaging.crops import MOST_PIXELS, cut_file
from mnist_classifier.recognition.imaging.decode import encode_png
from mnist_classifier.recognition.imaging.sources import as_crops
from mnist_classifier.recognition.numbers.expected import Field
from mnist_classifier.recognition.recogniser import Recogniser
from tests.at_once import AtOnce, run_at_once
from tests.recognition.test_recogniser import written

NOISE = np.random.default_rng(0).integers(0, 256, (2000, 3000)).astype(np.uint8)


def small(number: str, seed: int) -> np.ndarray:
    """Black ink on white, 200 by 60 px."""
    ink = Image.fromarray(written(number, 12, seed))
    paper = 255 - np.asarray(ink.resize((200, 60), Image.Resampling.LANCZOS))
    return np.ascontiguousarray(paper)


def test_a_small_field_of_a_large_form_is_read_as_well_as_alone():
    numbers = ["4071", "2958", "136", "70245"]
    page = np.full((2000, 3000), 255, np.uint8)
    alone, fields = [], []
    for index, number in enumerate(numbers):
        picture, left, top = small(number, index), 2500 - 700 * index, 300 + 401 * index
        page[top : top + 60, left : left + 200] = picture
        fields.append(Field(number, (left, top, 200, 60)))
        alone.append(picture)
    recogniser = Recogniser.open(PRETRAINED_DIR)
    readings = recogniser.read_fields(encode_png(page), fields)
    for reading, picture, field in zip(readings, alone, fields, strict=True):
        own = recogniser.read_number(picture)
        left, top, _, _ = field.box
        assert (reading.number, reading.confidence) == (own.number, own.confidence)
        assert [digit.box for digit in reading.digits] == [
            (x + left, y + top, width, height) for x, y, width, height in (digit.box for digit in own.digits)
        ]
    assert sum(reading.number == field.name for reading, field in zip(readings, fields, strict=True)) >= 3


@pytest.mark.parametrize("kind", ["array", "image", "bytes"])
def test_a_crop_has_the_pixels_of_its_box(kind: str):
    picture = {"array": NOISE, "image": Image.fromarray(NOISE), "bytes": encode_png(NOISE)}[kind]
    first, second = as_crops(picture, [(2000, 1500, 300, 40), (-10, -10, 50, 60)])
    assert np.array_equal(first.pixels, NOISE[1500:1540, 2000:2300])
    assert (first.left_px, first.top_px, first.scale) == (2000, 1500, 1)
    assert np.array_equal(second.pixels, NOISE[:50, :40])
    assert second.in_picture(3, 4) == (3, 4)


def test_a_large_crop_is_reduced_and_its_points_are_in_the_picture():
    (crop,) = as_crops(NOISE, [(500, 100, 2048, 1024)])
    assert crop.pixels.shape == (512, 1024)
    assert crop.in_picture(100, 10) == (700, 120)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF", "BMP", "PNG"])
def test_a_crop_of_any_format_looks_as_in_the_picture(kind: str):
    page = np.full((1500, 2000), 255, np.uint8)
    page[700:720, 1500:1600] = 0
    file = io.BytesIO()
    Image.fromarray(page).save(file, kind)
    (crop,) = cut_file(file.getvalue(), [(1450, 690, 200, 40)], max_pixels=10**7)
    light = crop.pixels if crop.pixels.ndim == 2 else crop.pixels[..., 0]
    assert np.abs(light.astype(int) - page[690:730, 1450:1650]).mean() < 5


def test_boxes_are_in_a_photograph_that_stands_upright():
    page = np.full((40, 60), 255, np.uint8)
    page[5:15, 40:55] = 0
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was rotated
    file = io.BytesIO()
    Image.fromarray(page).rotate(90, expand=True).save(file, "PNG", exif=exif)
    (crop,) = cut_file(file.getvalue(), [(35, 2, 20, 20)], max_pixels=10**6)
    assert np.array_equal(crop.pixels, page[2:22, 35:55])


@pytest.mark.parametrize(
    "box", [(3000, 0, 50, 50), (0, 2000, 50, 50), (-60, 0, 50, 50), (2995, 10, 50, 50), (0, 0, 9, 7)]
)
def test_a_box_without_picture_is_named(box: tuple[int, int, int, int]):
    with pytest.raises(InvalidInput, match="inside the picture of 3000x2000") as caught:
        as_crops(NOISE, [(0, 0, 50, 50), box])
    assert caught.value.field == "fields[1].box"


def test_boxes_are_limited_by_their_pixels_once_reduced():
    whole = (0, 0, 3000, 2000)
    most = MOST_PIXELS // (1000 * 666)  # a third of each side
    assert len(as_crops(NOISE, [whole] * most)) == most
    with pytest.raises(InvalidInput, match="million pixels together") as caught:
        as_crops(NOISE, [whole] * (most + 1))
    assert caught.value.field == "fields"


@pytest.mark.parametrize(
    ("data", "kind"), [(b"", InvalidImage), (b"no picture", InvalidImage), (encode_png(NOISE)[:-40], InvalidImage)]
)
def test_a_damaged_picture_is_refused(data: bytes, kind: type[Exception]):
    with pytest.raises(kind):
        cut_file(data, [(0, 0, 50, 50)], max_pixels=10**7)


def test_a_picture_over_the_limit_is_refused_before_it_is_unpacked():
    for picture in (encode_png(NOISE), NOISE):
        with pytest.raises(ImageTooLarge):
            as_crops(picture, [(0, 0, 50, 50)], max_pixels=10**6)


def test_large_forms_are_unpacked_one_after_another(monkeypatch: pytest.MonkeyPatch):
    watched = AtOnce(crops.upright)
    monkeypatch.setattr(crops, "upright", watched)
    file = io.BytesIO()
    Image.fromarray(NOISE).save(file, "JPEG")
    cut = threading.Barrier(4)

    def ask() -> None:
        cut.wait()
        cut_file(file.getvalue(), [(0, 0, 50, 50)], max_pixels=10**7)

    run_at_once(ask)
    assert watched.most == 1
