from __future__ import annotations

import numpy as np
import pytest

from mnist_classifier.core.errors import ModelCorrupt
from mnist_classifier.core.onnx_runtime import open_session
from mnist_classifier.core.settings import PRETRAINED_DIR
from mnist_classifier.evaluation.explore.activations import FeatureMaps, block_ends, with_outputs
from tests.handwriting import glyphs

ONNX = (PRETRAINED_DIR / "model.onnx").read_bytes()


def test_both_blocks_are_found_in_the_file():
    assert block_ends(ONNX) == {"block1": "block1_6_relu", "block2": "block2_6_relu"}


def test_an_appended_output_leaves_the_logits_as_they_are():
    images = glyphs(3).images
    plain = open_session(ONNX)
    more = open_session(with_outputs(ONNX, ["block1_6_relu"]))
    assert [output.name for output in more.get_outputs()] == ["logits", "block1_6_relu"]
    expected, found = (session.run(["logits"], {"glyphs": images})[0] for session in (plain, more))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_name_of_any_length_can_be_appended():
    long = with_outputs(b"", ["x" * 300])
    assert long[:1] == b"\x3a"
    assert long[1:3] == bytes([306 & 0x7F | 0x80, 306 >> 7])


def test_the_maps_are_the_input_of_the_next_layer():
    first, second = FeatureMaps(ONNX).look(glyphs(1).images[0])
    assert (first.name, second.name) == ("block1", "block2")
    assert (first.maps.shape, second.maps.shape) == ((32, 7, 7), (48, 3, 3))
    assert first.maps.min() >= 0 < first.maps.max()


@pytest.mark.parametrize("content", [b"", b"no ONNX", ONNX[:1000], b"\x3a\xff", b"\xff" * 20])
def test_other_files_than_networks_are_refused(content: bytes):
    with pytest.raises(ModelCorrupt):
        FeatureMaps(content)
