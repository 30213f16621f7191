"""Damaged pictures: only errors of ours come out, and every reading is as records.py says.

bench/fuzz.py sends a million; what it once found, and what reaches most of the
code, lies in tests/corpus and is read again here.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from bench.fuzzing import damage, pictures, requests, target
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mnist_classifier.core.errors import InvalidImage, MnistError
from mnist_classifier.recognition.imaging import decode
from tests.checkout import ROOT

CORPUS = sorted((ROOT / "tests" / "corpus").glob("*.bin"))
LARGEST_CORPUS_BYTES = 300_000
# Of the processor, for a small picture.
LONGEST_S = 5.0

# Pillow warns of damage that it can live with; decode.py has that ignored, pytest would make errors of it.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

repeatable = settings(derandomize=True, database=None, deadline=None, max_examples=150)
sources = st.randoms(use_true_random=False)


@pytest.fixture(scope="module")
def reader() -> target.Pictures:
    return target.Pictures()


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[target.Bodies]:
    """The whole application, with nothing but the model in the box."""
    found = target.Bodies(tmp_path_factory.mktemp("home"))
    yield found
    found.close()


# --- the saved corpus -----------------------------------------------------------------------------------


def test_the_corpus_is_small_and_has_something_of_everything() -> None:
    assert sum(path.stat().st_size for path in CORPUS) < LARGEST_CORPUS_BYTES
    starts = {path.read_bytes()[:2] for path in CORPUS}
    assert {b"\x89P", b"\xff\xd8", b"GI", b"BM", b"RI"} <= starts
    assert 100 < len(CORPUS) < 1000


def test_the_corpus_gives_readings_or_errors_of_ours(reader: target.Pictures) -> None:
    outcomes = Counter[str]()
    for path, as_number in itertools.product(CORPUS, (False, True)):
        started = time.process_time()
        outcomes[reader.check(path.read_bytes(), as_number=as_number)] += 1
        assert time.process_time() - started < LONGEST_S, path.name
    assert {"digit", "blank", "not_a_digit", "invalid_image", "image_too_large", "number: number"} <= set(outcomes)


def test_the_corpus_never_fails_the_application(asked: target.Bodies) -> None:
    outcomes = Counter[str]()
    for path in CORPUS:
        picture = path.read_bytes()
        plain = asked.check(picture, "image/png")
        assert plain == asked.check(target.as_json(picture), "application/json"), path.name
        outcomes[plain] += 1
        asked.check(picture, "image/png", "mode=number&glyph=1")
        asked.check(picture, "application/json")
        asked.check(picture, "multipart/form-data; boundary=IHDR")
    assert {"200 digit", "200 blank", "400 invalid_image"} <= set(outcomes)


# --- damage that is made up -----------------------------------------------------------------------------


@repeatable
@given(source=sources)
def test_damaged_pictures_give_readings_or_errors_of_ours(reader: target.Pictures, source: random.Random) -> None:
    reader.check(damage.input_of(source), as_number=source.random() < 0.1)


@repeatable
@given(data=st.binary(max_size=200), start=st.sampled_from(sorted(damage.BY_FORMAT)))
def test_noise_behind_the_first_bytes_of_a_format_is_refused_in_words(
    reader: target.Pictures, data: bytes, start: bytes
) -> None:
    assert reader.check(start + data) in ("invalid_image", "image_too_large")


@settings(repeatable, max_examples=40)  # each is read by the network many times if it is noise that may be a number
@given(
    shape=st.tuples(st.integers(8, 90), st.integers(8, 90)) | st.sampled_from([(8, 1024), (1024, 8), (1, 1), (8, 7)]),
    mode=st.sampled_from(["L", "LA", "RGB", "RGBA"]),
    seed=st.integers(0, 2**32),
    levels=st.sampled_from([1, 2, 5, 256]),
    as_number=st.booleans(),
)
def test_whole_pictures_of_any_shape_and_mode_are_read(
    reader: target.Pictures, shape: tuple[int, int], mode: str, seed: int, levels: int, as_number: bool
) -> None:
    channels = len(mode)
    noise = np.random.default_rng(seed).integers(0, levels, (*shape, channels)) * (255 // max(1, levels - 1))
    buffer = io.BytesIO()
    Image.fromarray(noise.astype(np.uint8)[..., 0] if mode == "L" else noise.astype(np.uint8), mode).save(buffer, "PNG")
    outcome = reader.check(buffer.getvalue(), as_number=as_number)
    assert (outcome == "invalid_image") == (min(shape) < 8)


@repeatable
@given(source=sources)
def test_the_quick_decoder_sees_what_the_other_one_sees(source: random.Random) -> None:
    picture = pictures.seed(
        "PNG", source.choice(("L", "RGB", "RGBA")), source.choice(pictures.SCENES), source.choice(pictures.SIZES)
    )
    data = damage.damage_png(source, picture)
    quick = decode._decode_plain_png(data, target.MAX_PIXELS)
    if quick is None:
        return
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(decode, "PLAIN_PNG", {})
        try:
            other = decode.decode_image(data, max_pixels=target.MAX_PIXELS)
        except MnistError:
            return  # stricter about damage that leaves the pixels as they are
    assert quick.shape == other.shape
    assert np.array_equal(quick, other)


@repeatable
@given(
    text=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["image", "mode", "strokes", "version", "ambiguous_below", "not_a_digit_above", "other"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    ).map(json.dumps)
)
def test_any_json_is_answered_or_refused_in_words(asked: target.Bodies, text: str) -> None:
    asked.check(text.encode(), "application/json")


@repeatable
@given(
    strokes=st.lists(
        st.lists(st.tuples(*[st.floats(-2e5, 2e5) | st.integers(-300, 300)] * 2).map(list), max_size=6), max_size=5
    ),
    scene=st.sampled_from(["seven", "number", "blank"]),
)
def test_any_strokes_are_used_or_refused_in_words(asked: target.Bodies, strokes: list, scene: str) -> None:
    body = json.loads(target.as_json(pictures.seed("PNG", "L", scene, (140, 140))))
    asked.check(json.dumps({**body, "mode": "number", "strokes": strokes}).encode(), "application/json")


@repeatable
@given(body=st.binary(max_size=300), kind=st.sampled_from(["application/json", "image/png", "text/plain", "", "a;b=c"]))
def test_any_body_of_any_type_is_refused_in_words(asked: target.Bodies, body: bytes, kind: str) -> None:
    assert asked.check(body, kind).startswith("400 ")


@repeatable
@given(source=sources)
def test_damaged_requests_are_answered_or_refused_in_words(asked: target.Bodies, source: random.Random) -> None:
    asked.check_request(requests.request_of(source))


def test_undamaged_requests_are_answered(asked: target.Bodies) -> None:
    picture = base64.b64encode(pictures.seed("PNG", "L", "seven", (140, 140))).decode()
    for path, body in requests.BODIES:
        text = json.dumps(body).replace(requests.IMAGE, picture).encode()
        assert asked.check_request(f"{path} application/json\n".encode() + text).endswith(" 200"), path


# --- what fuzzing and looking for it found --------------------------------------------------------------


def ended_within(seconds: float, data: bytes) -> str:
    started = time.process_time()
    try:
        decode.decode_image(data, max_pixels=40_000_000)
        outcome = "read"
    except MnistError as error:
        outcome = error.code
    assert time.process_time() - started < seconds
    return outcome


def plain(kind: str) -> bytes:
    return pictures.seed(kind, "L", "seven", (28, 28))


def with_empty_chunks() -> bytes:
    chunks = damage.png_chunks(pictures.seed("PNG", "I;16", "seven", (28, 28)))
    return damage.png_of([chunks[0], *[(b"abCd", b"")] * 800_000, *chunks[1:]])


def with_empty_segments() -> bytes:
    return plain("JPEG")[:2] + b"\xff\xe9\0\2" * 2_400_000 + plain("JPEG")[2:]


def with_fill_bytes() -> bytes:
    return plain("JPEG")[:2] + b"\xff" * 9_500_000 + plain("JPEG")[2:]


def with_comments() -> bytes:
    gif = plain("GIF")
    head = 13 + 3 * 2 ** ((gif[10] & 7) + 1)
    return gif[:head] + b"\x21\xfe\x01x\0" * 1_900_000 + gif[head:]


def with_runs_of_one_pixel() -> bytes:
    header = plain("BMP")[:14] + b"\x28\0\0\0" + (2000).to_bytes(4, "little") * 2 + b"\1\0\x08\0\1\0\0\0" + bytes(20)
    return header + bytes(1024) + b"\1\0" * 4_500_000


@pytest.mark.parametrize(
    "make", [with_empty_chunks, with_empty_segments, with_fill_bytes, with_comments, with_runs_of_one_pixel]
)
def test_ten_megabytes_of_tiny_parts_do_not_keep_the_server_busy(make) -> None:
    assert ended_within(2.0, make()) == "invalid_image"


def test_a_wide_bitmap_in_runs_does_not_keep_the_server_busy() -> None:
    header = plain("BMP")[:14] + b"\x28\0\0\0" + (4_900_000).to_bytes(4, "little") + (8).to_bytes(4, "little")
    runs = b"\1\0\0\0" * 8  # one pixel, then to the end of the line
    assert ended_within(1.0, header + b"\1\0\x08\0\1\0\0\0" + bytes(20) + bytes(1024) + runs) == "invalid_image"


def test_a_jpeg_of_very_many_scans_is_refused() -> None:
    jpeg = pictures.encode(np.zeros((64, 64), np.uint8), "JPEG", "L")  # progressive, since its height is even
    first = jpeg.index(decode.JPEG_SCAN)
    last = jpeg.rindex(decode.JPEG_SCAN)
    assert decode.decode_image(jpeg, max_pixels=10**6).shape == (64, 64)
    many = jpeg[:first] + jpeg[first:last] * 60 + jpeg[last:]
    with pytest.raises(InvalidImage, match="scans"):
        decode.decode_image(many, max_pixels=10**6)


def test_a_photograph_with_a_second_picture_behind_it_is_read() -> None:
    """What phones write (MPO): the same view again, a preview, or a map of its brightness."""
    photograph, preview = (Image.new("L", size, level) for size, level in (((90, 60), 200), ((30, 20), 10)))
    buffer = io.BytesIO()
    photograph.save(buffer, "MPO", save_all=True, append_images=[preview])
    pixels = decode.decode_image(buffer.getvalue(), max_pixels=10**6)
    assert pixels.shape == (60, 90)
    assert abs(int(pixels.mean()) - 200) <= 1


@pytest.mark.parametrize("spacing", [2, 8])
def test_a_picture_of_dots_is_no_number_at_once(reader: target.Pictures, spacing: int) -> None:
    """262,144 parts took 35 s, and lines of one row were a failure."""
    dots = np.zeros((1024, 1024), np.uint8)
    dots[1:-1:spacing, 1:-1:spacing] = 255
    started = time.process_time()
    assert reader.check(decode.encode_png(dots), as_number=True) == "number: not_a_number"
    assert time.process_time() - started < LONGEST_S


def test_a_million_sizes_of_pictures_do_not_fill_the_memory() -> None:
    from mnist_classifier.recognition.imaging import normalise

    kept = normalise._kept_matrix.cache_info()
    assert kept.maxsize * normalise.KEPT_ENTRIES * 4 < 100e6  # float32
    normalise.resampling_matrix(1024, 80)
    assert normalise._kept_matrix.cache_info().misses == kept.misses
