from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from mnist_classifier.core.arrays import SIDE_PX, Bytes
from mnist_classifier.data import mnist
from mnist_classifier.evaluation.robustness.corruptions import (
    Corruption,
    fog,
    gaussian_blur,
    motion_blur,
    shift,
    shot_noise,
    stripes,
    thick,
)
from mnist_classifier.evaluation.robustness.drawing import Placement, draw
from mnist_classifier.recognition.imaging.background import extent_of, fills_picture, find_ink, needs_flattening
from mnist_classifier.recognition.imaging.filters import border_of
from mnist_classifier.recognition.imaging.normalise import (
    BOX_SIDE,
    centre_of_mass,
    ink_box,
    is_glyph,
    resampling_matrix,
    stroke_width,
)
from mnist_classifier.recognition.imaging.patterned import above_pattern
from mnist_classifier.recognition.imaging.photograph import read_photograph
from mnist_classifier.recognition.imaging.preprocess import make_glyph, prepare


def drawing(side: int = 280, top: int = 60, left: int = 90, height: int = 150, width: int = 80) -> Bytes:
    """A white 7 of bars on black."""
    pixels = np.zeros((side, side), np.uint8)
    thickness = max(2, height // 8)
    pixels[top : top + thickness, left : left + width] = 255
    pixels[top : top + height, left + width - thickness : left + width] = 255
    return pixels


def glyph_of(pixels: Bytes) -> Bytes:
    glyph = make_glyph(pixels)
    assert glyph is not None
    return glyph


@pytest.mark.mnist
@pytest.mark.parametrize("split", [pytest.param(mnist.TRAIN, marks=pytest.mark.slow), mnist.TEST])
def test_every_mnist_image_comes_out_unchanged(split: str, mnist_dirs: list[Path]):
    images = mnist.load(mnist_dirs, split).images
    changed = [i for i, image in enumerate(images) if not np.array_equal(make_glyph(image), image)]
    assert changed == []


@pytest.mark.mnist
def test_an_inverted_or_enlarged_mnist_image_keeps_its_glyph(mnist_dirs: list[Path]):
    differences = []
    for image in mnist.load(mnist_dirs, mnist.TEST).images[:300]:
        assert np.array_equal(glyph_of(255 - image), image)
        enlarged = np.kron(image, np.ones((10, 10), np.uint8))
        differences.append(np.abs(glyph_of(enlarged).astype(int) - image).mean())
    assert np.mean(differences) < 0.5  # grey levels of 255
    assert np.quantile(differences, 0.95) < 1  # a few move by a pixel, because their centre of mass lies between two


def test_the_longer_side_fills_the_box_and_the_mass_the_centre():
    glyph = glyph_of(drawing())
    top, bottom, left, right = ink_box(glyph > 0)
    assert glyph.shape == (SIDE_PX, SIDE_PX)
    assert glyph.max() == 255
    assert max(bottom - top, right - left) == BOX_SIDE
    assert max(abs(c - 14) for c in centre_of_mass(glyph)) <= 0.5


@pytest.mark.parametrize(("top", "left", "height", "width"), [(0, 0, 150, 80), (130, 200, 150, 80), (20, 20, 240, 128)])
def test_place_and_size_of_the_drawing_do_not_matter(top: int, left: int, height: int, width: int):
    moved = glyph_of(drawing(top=top, left=left, height=height, width=width)).astype(int)
    assert np.abs(moved - glyph_of(drawing())).mean() < 4


def test_ink_may_be_dark_light_faint_or_transparent():
    white_on_black = drawing()
    expected = glyph_of(white_on_black)
    alpha = np.stack([np.zeros_like(white_on_black), white_on_black], axis=-1)
    light_alpha = np.stack([np.full_like(white_on_black, 255), white_on_black], axis=-1)
    grey_paper = (180 - (white_on_black.astype(int) * 120) // 255).astype(np.uint8)
    for variant in (255 - white_on_black, alpha, light_alpha, grey_paper):
        assert np.abs(glyph_of(variant).astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((280, 280), np.uint8),
        np.full((280, 280), 255, np.uint8),
        np.full((8, 900), 90, np.uint8),
        np.zeros((50, 50, 2), np.uint8),
        np.full((280, 280), 100, np.uint8) + (np.arange(280) % 30).astype(np.uint8),
    ],
    ids=["black", "white", "grey", "transparent", "faint texture"],
)
def test_a_picture_without_ink_gives_no_glyph(pixels: Bytes):
    assert make_glyph(pixels) is None


@given(hnp.arrays(np.uint8, st.tuples(st.integers(8, 40), st.integers(8, 40))))
def test_any_picture_gives_a_glyph_with_ink_or_none(pixels: Bytes):
    glyph = make_glyph(pixels)
    if glyph is not None:
        assert glyph.shape == (SIDE_PX, SIDE_PX)
        assert glyph.dtype == np.uint8
        assert glyph.max() >= 40


SHAPES = st.one_of(
    st.tuples(st.integers(1, 30), st.integers(1, 30)),
    st.tuples(st.integers(60, 90), st.integers(60, 90)),
    st.sampled_from([(1, 1024), (1024, 1), (8, 600), (64, 1024), (1024, 64)]),
)


@settings(deadline=None)
@given(SHAPES, st.sampled_from([(), (2,), (3,), (4,)]), st.integers(0, 2**32 - 1), st.integers(0, 8))
def test_no_picture_of_any_shape_fails(shape: tuple[int, int], channels: tuple[int, ...], seed: int, blur: int):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (*shape, *channels)).astype(np.uint8)
    if blur:  # patches that can be found
        pixels = np.repeat(np.repeat(pixels, blur, axis=0), blur, axis=1)[: shape[0], : shape[1]]
    prepared = prepare(pixels, keep_steps=True)
    assert all(step.picture.ndim == 2 and step.picture.dtype == np.uint8 for step in prepared.steps)
    assert prepared.glyph is None or prepared.glyph.shape == (SIDE_PX, SIDE_PX)


@pytest.mark.parametrize("shape", [(8, 8), (28, 28), (300, 200), (1024, 1024), (64, 1024), (300, 200, 3), (99, 99, 4)])
@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_one_colour_is_blank(shape: tuple[int, ...], level: int):
    assert make_glyph(np.full(shape, level, np.uint8)) is None


def lit(ink: Bytes, *, light_at: float = 0.35) -> Bytes:
    """Dark ink on paper with light from one side, a hard shadow over half of it, and noise."""
    height, width = ink.shape
    light = np.linspace(light_at, 1, width) * np.where(np.arange(height) > height / 2, 0.6, 1)[:, None]
    noise = np.random.default_rng(0).normal(0, 2, ink.shape)
    return np.clip(230 * light * (1 - 0.75 * (ink / 255)) + noise, 0, 255).astype(np.uint8)


def test_uneven_light_and_shadows_do_not_matter():
    expected = glyph_of(drawing()).astype(int)
    assert np.abs(glyph_of(lit(drawing())) - expected).mean() < 6
    assert np.abs(glyph_of(255 - lit(drawing(), light_at=0.8)) - expected).mean() < 12  # chalk on a board


def test_printed_lines_and_specks_do_not_matter():
    written = drawing()
    written[::40] = np.maximum(written[::40], 90)
    written[:, 20::40] = np.maximum(written[:, 20::40], 90)
    expected = glyph_of(drawing()).astype(int)
    assert np.abs(glyph_of(lit(written)) - expected).mean() < 8
    assert np.abs(glyph_of(255 - written) - expected).mean() < 8
    speckled = drawing()
    speckled[10:14, 10:14] = 255
    speckled[270:273, 150:153] = 255
    assert np.array_equal(glyph_of(speckled), glyph_of(drawing()))


def test_removing_a_speck_keeps_the_digit_beside_it():
    tiny = np.zeros((20, 20), np.uint8)
    tiny[5, 5], tiny[7, 5] = 255, 30
    assert glyph_of(tiny).max() == 255


def test_a_part_of_a_digit_is_not_removed_as_a_speck():
    five = np.zeros((280, 280), np.uint8)
    five[60:75, 100:190] = 255
    five[85:220, 100:115] = 255  # does not touch the bar
    glyph = glyph_of(five)
    top, bottom, left, right = ink_box(glyph > 0)
    assert (bottom - top, right - left) == (BOX_SIDE, round(BOX_SIDE * 90 / 160))
    assert glyph[top, left:right].min() > 150


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ((255, 255, 0), (255, 255, 255)),
        ((200, 0, 0), (0, 102, 0)),
        ((0, 0, 255), (0, 0, 0)),
        ((255, 0, 0), (255, 255, 255)),
    ],
    ids=["yellow on white", "red on green", "blue on black", "red on white"],
)
def test_ink_of_any_colour_is_seen(ink: tuple[int, int, int], paper: tuple[int, int, int]):
    share = drawing()[..., None] / 255
    picture = np.rint(share * np.array(ink) + (1 - share) * np.array(paper)).astype(np.uint8)
    expected = glyph_of(drawing()).astype(int)
    assert np.abs(glyph_of(picture) - expected).max() <= 1
    opaque = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
    assert np.abs(glyph_of(opaque) - expected).max() <= 1


def test_a_drawing_on_a_plain_background_is_not_flattened():
    for pixels in (drawing(), 255 - drawing(), drawing(top=0, left=0)):
        assert not needs_flattening(pixels, extent_of(find_ink(pixels)))
    assert needs_flattening(lit(drawing()), extent_of(find_ink(lit(drawing()))))


TWO = [(20.0, 250.0), (250.0, 20.0), (700.0, 10.0), (750.0, 300.0), (40.0, 980.0), (960.0, 990.0)]
FIVE = [[(300.0, 40.0), (280.0, 450.0), (700.0, 560.0), (650.0, 900.0), (100.0, 980.0)], [(300.0, 40.0), (950.0, 30.0)]]
ONE = [(100.0, 300.0), (500.0, 10.0), (480.0, 990.0)]


@pytest.mark.parametrize("strokes", [[TWO], FIVE, [ONE]], ids=["two", "five", "one"])
@pytest.mark.parametrize("pen_px", [12, 36])
def test_a_digit_that_fills_the_picture_gives_the_glyph_that_it_gives_with_a_margin(
    strokes: list[list[tuple[float, float]]], pen_px: int
):
    lines = [np.repeat(np.array(stroke), 3, axis=0) for stroke in strokes]
    with_margin = draw(lines, pen_px=pen_px, placement=Placement(280, 10, 10), side_px=300)
    top, bottom, left, right = ink_box(with_margin < 250)
    full_height = with_margin[top:bottom]
    tight = with_margin[top:bottom, left:right]
    for picture in (full_height, tight):
        assert np.array_equal(glyph_of(picture), glyph_of(with_margin))


def on_paper(pixels: Bytes, paper: np.ndarray) -> Bytes:
    """A white drawing in black ink on paper with other levels."""
    return np.rint(paper + (40.0 - paper) * (pixels / 255.0)).astype(np.uint8)


@pytest.mark.parametrize("darkest", [175, 135])
def test_waves_below_a_digit_are_left_out(darkest: int):
    y, x = np.mgrid[:280, :280]
    waves = np.where(np.sin(x / 9 + 2 * np.sin(y / 25)) > 0.3, darkest, 235)
    expected, glyph = glyph_of(drawing()).astype(int), glyph_of(on_paper(drawing(), waves)).astype(int)
    # With dark waves in the glyph these are 27 and 0.48.
    assert np.abs(glyph - expected).mean() < 15
    assert (glyph[expected > 250] > 100).mean() > 0.9


def test_pale_writing_beside_dark_writing_is_no_pattern():
    grey = on_paper(drawing(left=40), np.full((280, 280), 235.0))
    grey[60:210, 200:215] = 130
    noisy = grey + np.random.default_rng(0).normal(0, 3, grey.shape)
    photograph = read_photograph(np.clip(noisy, 0, 255).astype(np.uint8), may_be_cropped=False)
    assert photograph is not None
    assert above_pattern(photograph) is photograph


def test_ruled_and_squared_lines_are_no_digit_that_fills_the_picture():
    page = np.full((280, 280), 255, np.uint8)
    page[60:220, 120:140] = 0
    ruled = page.copy()
    ruled[40::60] = 0
    squared = ruled.copy()
    squared[:, 40::60] = 0
    margin = page.copy()
    margin[:, 40:44] = 0  # apart from the digit
    edges = page.copy()
    edges[:4] = edges[-4:] = 0
    for picture in (ruled, squared, margin, edges):
        ink = find_ink(picture)
        assert ink is not None
        assert not fills_picture(picture, ink, extent_of(ink))


@pytest.mark.parametrize("spoil", [motion_blur, gaussian_blur, thick, shift], ids=lambda spoil: spoil.__name__)
def test_a_thumbnail_of_a_blurred_bold_or_shifted_digit_is_not_flattened(spoil: Corruption):
    """Flattening would break a blurred stroke: its lighter parts would become background."""
    for seed in range(10):
        pixels = spoil(glyph_of(drawing()), np.random.default_rng(seed))
        for picture in (pixels, 255 - pixels):
            assert not needs_flattening(picture, extent_of(find_ink(picture)))


@pytest.mark.parametrize("spoil", [motion_blur, gaussian_blur, thick], ids=lambda spoil: spoil.__name__)
def test_a_larger_picture_of_one_is_not_flattened(spoil: Corruption):
    for seed in range(10):
        pixels = spoil(glyph_of(drawing()), np.random.default_rng(seed))
        large = np.asarray(Image.fromarray(pixels).resize((140, 140), Image.Resampling.BICUBIC))
        assert not needs_flattening(large, extent_of(find_ink(large)))


@pytest.mark.parametrize("spoil", [shot_noise, stripes, fog], ids=lambda spoil: spoil.__name__)
def test_a_thumbnail_with_lines_fog_or_grain_is_flattened(spoil: Corruption):
    for seed in range(10):
        pixels = spoil(glyph_of(drawing()), np.random.default_rng(seed))
        assert needs_flattening(pixels, extent_of(find_ink(pixels)))


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1), (2, 2), (3, 5)])
def test_the_border_contains_each_edge_pixel_once(shape: tuple[int, int]):
    grey = np.arange(shape[0] * shape[1], dtype=np.uint8).reshape(shape)
    border = border_of(grey).tolist()
    at_edge = {int(grey[y, x]) for y, x in np.ndindex(shape) if y in (0, shape[0] - 1) or x in (0, shape[1] - 1)}
    assert set(border) == at_edge
    if min(shape) > 1:
        assert len(border) == len(at_edge)
        places = [divmod(level, shape[1]) for level in border]
        steps = [abs(y - v) + abs(x - u) for (y, x), (v, u) in zip(places, [*places[1:], places[0]], strict=True)]
        assert steps == [1] * len(border)


@pytest.mark.parametrize(("pen_px", "low", "high"), [(1, 1.2, 1.9), (12, 1.2, 3), (60, 2.2, 4)])
def test_very_thin_and_thick_strokes_are_redrawn(pen_px: int, low: float, high: float):
    pixels = np.zeros((280, 280), np.uint8)
    pixels[20:260, 140 - pen_px // 2 : 140 - pen_px // 2 + pen_px] = 255
    pixels[20 : 20 + pen_px, 60:220] = 255
    assert low <= stroke_width(glyph_of(pixels)) <= high


@pytest.mark.parametrize(
    ("pixels", "codes"),
    [
        (drawing(), []),
        (drawing(top=0), ["touches_edge"]),
        (drawing(top=130), ["touches_edge"]),
        (drawing(height=15, width=8), ["small"]),
        (drawing() // 5, ["low_contrast"]),
    ],
    ids=["good", "top edge", "bottom edge", "small", "faint"],
)
def test_warnings_tell_what_may_spoil_a_reading(pixels: Bytes, codes: list[str]):
    assert [warning.code for warning in prepare(pixels).warnings] == codes


@pytest.mark.parametrize(("pen_px", "code"), [(1, "very_thin"), (110, "very_thick")])
def test_unusual_stroke_widths_cause_warnings(pen_px: int, code: str):
    pixels = np.zeros((280, 280), np.uint8)
    pixels[20:260, 90 : 90 + pen_px] = 255
    pixels[20 : 20 + pen_px, 90:230] = 255
    assert code in [warning.code for warning in prepare(pixels).warnings]


def test_steps_lead_to_the_glyph():
    drawn, photographed = (prepare(pixels, keep_steps=True).steps for pixels in (drawing(), lit(drawing())))
    assert [step.name for step in drawn] == ["grey", "ink", "glyph"]
    assert [step.name for step in photographed] == ["grey", "background", "ink", "without_lines", "digit", "glyph"]
    for steps, pixels in ((drawn, drawing()), (photographed, lit(drawing()))):
        assert np.array_equal(steps[-1].picture, glyph_of(pixels))
        assert np.array_equal(steps[0].picture, pixels)
    assert [step.name for step in prepare(np.zeros((50, 50), np.uint8), keep_steps=True).steps] == ["grey"]


def test_a_glyph_made_here_passes_is_glyph():
    glyph = glyph_of(drawing())
    assert is_glyph(glyph)
    assert np.array_equal(glyph_of(glyph), glyph)


@pytest.mark.parametrize(("paper", "ink"), [(0, 150), (230, 40), (255, 200)])
def test_a_pale_glyph_becomes_as_strong_as_a_drawn_one(paper: int, ink: int):
    glyph = glyph_of(drawing())
    pale = np.rint(paper + (ink - paper) * (glyph / 255)).astype(np.uint8)
    found = glyph_of(pale)
    assert found.max() == 255
    assert np.abs(found.astype(int) - glyph).max() <= 255 / abs(ink - paper)


@given(st.integers(1, 300), st.integers(1, 40))
def test_resampling_keeps_a_plain_area_plain(source: int, target: int):
    assert np.allclose(resampling_matrix(source, target).sum(axis=1), 1, atol=1e-5)


def test_resampling_to_the_same_size_changes_nothing():
    assert np.array_equal(resampling_matrix(20, 20), np.eye(20, dtype=np.float32))
