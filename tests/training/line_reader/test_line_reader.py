from __future__ import annotations

import itertools
import json
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner

from mnist_classifier.core.errors import ModelCorrupt, ModelMissing, TrainingError
from mnist_classifier.data import pen_digits
from mnist_classifier.recognition.numbers.line_reader import CLASSES, FRAME_PX, LABELS, LineReader, edge_scores
from mnist_classifier.registry.manifest import CARD_FILE, MANIFEST_FILE, ONNX_FILE, WEIGHTS_FILE
from mnist_classifier.training.line_reader.__main__ import main
from mnist_classifier.training.line_reader.batches import (
    BATCH,
    Batch,
    Sources,
    endless,
    from_other_process,
    together,
    validation_batches,
)
from mnist_classifier.training.line_reader.export import to_bytes
from mnist_classifier.training.line_reader.loop import LineConfig, LineTrainer, ctc_loss
from mnist_classifier.training.line_reader.network import LineNetwork, predict_log_probabilities
from mnist_classifier.training.line_reader.release import load_network, write_reader
from mnist_classifier.training.line_reader.scores import decode, score
from mnist_classifier.training.synthetic.line_characters import LineCharacters
from mnist_classifier.training.synthetic.lines import LineMaker
from tests.handwriting import write_pen_sets

SIZE = 8  # lines of a batch
TINY = LineConfig(lines=3 * BATCH, learning_rate=0.01)


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> LineMaker:
    folder = write_pen_sets(tmp_path_factory.mktemp("pen") / "strokes")
    return LineMaker(LineCharacters.of_sets(pen_digits.load([folder])))


@pytest.fixture(scope="module")
def batches(maker: LineMaker) -> list[Batch]:
    return list(itertools.islice(endless(maker, 0, SIZE), 4))


@pytest.fixture(scope="module")
def written(maker: LineMaker, batches: list[Batch], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A line reader after three steps."""
    folder = tmp_path_factory.mktemp("reader") / "line_reader"
    network, scores = LineTrainer(TINY).run(iter(batches), validation_batches(maker, 20), lambda line: None)
    write_reader(folder, network, TINY, scores, batches[0])
    return folder


def copied(folder: Path, target: Path, **changes: object) -> Path:
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    manifest = json.loads((target / MANIFEST_FILE).read_text())
    (target / MANIFEST_FILE).write_text(json.dumps({**manifest, **changes}))
    return target


def test_a_trained_line_reader_can_be_opened_and_gives_log_probabilities(written: Path, batches: list[Batch]):
    lines = list(batches[0].lines[:3])
    for opinion, expected in zip(
        LineReader.open(written).read(lines),
        predict_log_probabilities(load_network(written), torch.from_numpy(batches[0].lines[:3])).numpy(),
        strict=True,
    ):
        assert opinion.shape == (lines[0].shape[1] // FRAME_PX, LABELS)
        np.testing.assert_allclose(np.exp(opinion).sum(axis=1), 1, rtol=1e-5)
        # The last frames see the empty columns behind the line.
        np.testing.assert_allclose(opinion[:-10], expected[:-10], atol=1e-4)


def test_the_frames_of_a_line_do_not_depend_on_the_lines_it_is_read_with(written: Path):
    reader, rng = LineReader.open(written), np.random.default_rng(0)
    lines = [rng.integers(0, 256, (40, width), dtype=np.uint8) for width in (200, 1, 31, 30, 77, 20)]
    for line, together_ in zip(lines, reader.read(lines), strict=True):
        np.testing.assert_allclose(together_, reader.read([line])[0], atol=1e-5)
    assert reader.read([]) == []


def test_a_damaged_file_is_refused(written: Path, tmp_path: Path):
    folder = copied(written, tmp_path / "damaged")
    data = bytearray((folder / ONNX_FILE).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / ONNX_FILE).write_bytes(data)
    with pytest.raises(ModelCorrupt, match="is not the file that was saved"):
        LineReader.open(folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"classes": "0123456789"}, "this program expects"),
        ({"preprocessing": "mnist-centred-2"}, "preprocessing"),
        ({"format": 2}, "format"),
        ({"files": {}}, "files"),
    ],
)
def test_a_manifest_of_another_kind_is_refused(written: Path, tmp_path: Path, changes: dict[str, object], said: str):
    with pytest.raises(ModelCorrupt, match=said):
        LineReader.open(copied(written, tmp_path / "other", **changes))


def test_a_missing_line_reader_is_reported_as_missing(tmp_path: Path):
    with pytest.raises(ModelMissing):
        LineReader.open(tmp_path)


def test_a_network_with_another_interface_is_refused():
    from mnist_classifier.training.network import MNISTClassifier
    from mnist_classifier.training.release.export import to_bytes as digits_to_bytes

    with pytest.raises(ModelCorrupt, match="must take lines of 40 px"):
        LineReader(digits_to_bytes(MNISTClassifier()))


def test_the_folder_has_a_card_with_the_measured_shares_and_the_sources(written: Path):
    assert {path.name for path in written.iterdir()} == {CARD_FILE, MANIFEST_FILE, ONNX_FILE, WEIGHTS_FILE}
    card = (written / CARD_FILE).read_text()
    assert "python -m mnist_classifier.training.line_reader --lines 192 --learning-rate 0.01 OUT" in card
    assert "CC BY 4.0, doi 10.5281/zenodo.1195803" in card
    assert "| all | 20 |" in card


def test_the_same_weights_make_the_same_file(written: Path):
    assert to_bytes(load_network(written)) == (written / ONNX_FILE).read_bytes()


def test_edge_scores_equal_the_ctc_loss_of_pytorch():
    opinions = torch.log_softmax(torch.randn(12, LABELS, generator=torch.Generator().manual_seed(0)) * 4, 1)
    windows = [(0, 12), (3, 9), (5, 6), (0, 5), (11, 12)]
    scores = edge_scores(opinions.numpy(), *np.array(windows).T)
    for row, (start, end) in zip(scores, windows, strict=True):
        window = opinions[start:end, None].double()
        for label in range(1, LABELS):
            loss = F.ctc_loss(
                window, torch.tensor([[label]]), torch.tensor([end - start]), torch.tensor([1]), reduction="sum"
            )
            assert row[label - 1] == pytest.approx(-loss.item(), abs=1e-6)


def test_batches_are_the_same_for_the_same_seed_and_differ_for_another(maker: LineMaker):
    one, same, other = (next(endless(maker, seed, SIZE)) for seed in (3, 3, 4))
    assert one.texts == same.texts
    assert np.array_equal(one.lines, same.lines)
    assert one.texts != other.texts


@pytest.mark.mnist
@pytest.mark.slow
def test_another_process_makes_the_same_batches_and_ends_with_the_training(mnist_dirs: list[Path], pen_dir: Path):
    sources = Sources(mnist_dirs, [pen_dir])
    expected = next(endless(sources.training_maker(), 3, SIZE))
    with from_other_process(sources, 3, SIZE) as made:
        batch = next(made)
        assert len(multiprocessing.active_children()) == 1
    assert batch.texts == expected.texts
    assert np.array_equal(batch.lines, expected.lines)
    assert not multiprocessing.active_children()


def test_lines_of_a_batch_are_padded_with_nothing(maker: LineMaker):
    rng = np.random.default_rng(5)
    lines = [maker.line(rng, text) for text in ("1", "7070707")]
    batch = together(lines)
    assert batch.frames == tuple(line.ink.shape[1] // FRAME_PX for line in lines)
    assert not batch.lines[0, :, lines[0].ink.shape[1] :].any()


def test_decoding_drops_blanks_and_repeated_labels():
    labels = [0, 3, 3, 0, 3, 8, 0, 11, 11]
    assert decode(np.eye(LABELS, dtype=np.float32)[labels]) == "".join(CLASSES[i - 1] for i in (3, 3, 8, 11))


def test_steps_on_the_same_batch_lower_its_loss(batches: list[Batch]):
    trainer = LineTrainer(LineConfig(lines=12 * BATCH, learning_rate=0.003))
    trainer.run(itertools.repeat(batches[0]), [], lambda line: None)
    network = LineNetwork()
    torch.manual_seed(0)
    lines = torch.from_numpy(batches[0].lines)[:, None].float() / 255
    before, after = (ctc_loss(each.train()(lines), batches[0]).item() for each in (network, trainer.network))
    assert after < before / 2


def test_an_interrupted_training_goes_on_from_its_checkpoint(
    batches: list[Batch], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("mnist_classifier.training.line_reader.loop.SCORE_STEPS", 2)
    file = tmp_path / "checkpoint.safetensors"
    with pytest.raises(StopIteration):
        LineTrainer(TINY, file).run(iter(batches[:2]), [], lambda line: None)
    resumed = LineTrainer(TINY, file)
    assert resumed.step == 2
    before = resumed.network.state_dict()["frames.0.weight"].clone()
    resumed.run(iter(batches[2:]), [], lambda line: None)
    assert resumed.step == TINY.steps
    assert not torch.equal(resumed.network.state_dict()["frames.0.weight"], before)


def test_scores_count_lines_of_digits_and_touching_ones(maker: LineMaker):
    rng = np.random.default_rng(6)
    batch = together([maker.line(rng, text) for text in ("1", "0/7", "10")])
    scores = score(LineNetwork(), [batch])
    assert (scores.all.lines, scores.digits_only.lines) == (3, 2)
    assert scores.touching.lines == sum(
        touches for touches, text in zip(batch.touches, batch.texts, strict=True) if text.isdigit()
    )


def test_the_command_says_where_pen_strokes_belong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MNIST_PEN_DIR", str(tmp_path / "none"))
    result = CliRunner().invoke(main, [str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "MNIST_PEN_DIR" in result.output


def test_a_training_ends_when_the_process_that_generates_its_lines_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("mnist_classifier.training.line_reader.batches.PATIENCE_S", 0.1)
    missing = Sources([tmp_path], [tmp_path])
    with from_other_process(missing, seed=0) as received, pytest.raises(TrainingError, match="died"):
        next(received)
