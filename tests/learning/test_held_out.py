from __future__ import annotations

import hashlib

import numpy as np

from mnist_classifier.learning.held_out import FEWEST_WRITERS, PARTS, held_out

# Names that are held out once there are enough.
CHOSEN = [name for name in map(str, range(100)) if int(hashlib.sha256(name.encode()).hexdigest(), 16) % PARTS == 0]
HASHES = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(1000)]


def test_a_fifth_is_held_out_and_always_the_same():
    apart = held_out([""] * 1000, HASHES)
    assert 160 < apart.sum() < 240  # 200 ± 3 standard deviations
    assert (held_out([""] * 1000, HASHES) == apart).all()
    assert (held_out([""] * 500, HASHES[:500]) == apart[:500]).all()


def test_everything_of_a_writer_is_on_one_side():
    writers = [f"writer {number % 50}" for number in range(1000)]
    apart = held_out(writers, HASHES)
    chosen = {writer for writer, is_apart in zip(writers, apart, strict=True) if is_apart}
    assert 0 < len(chosen) < 50
    assert apart.sum() == 20 * len(chosen)


def test_a_few_writers_are_divided_by_drawing():
    few = [f"writer {number % (FEWEST_WRITERS - 1)}" for number in range(1000)]
    assert (held_out(few, HASHES) == held_out([""] * 1000, HASHES)).all()


def test_a_drawing_is_not_learned_under_one_name_and_measured_under_another():
    names = [f"writer {number % 50}" for number in range(1000)]
    apart = held_out([*names, *[""] * 1000], [*HASHES, *HASHES])
    assert (apart[:1000] == apart[1000:]).all()
    assert 0 < apart.sum() < 2000


def test_drawings_without_a_name_are_divided_by_drawing_beside_named_ones():
    writers = [f"writer {number % 50}" if number < 500 else "" for number in range(1000)]
    assert (held_out(writers, HASHES)[500:] == held_out([""] * 500, HASHES[500:])).all()


def test_if_chance_chooses_no_writer_drawings_are_held_out():
    unlucky = [name for name in map(str, range(100)) if int(hashlib.sha256(name.encode()).hexdigest(), 16) % PARTS]
    writers = [unlucky[number % FEWEST_WRITERS] for number in range(1000)]
    assert np.array_equal(held_out(writers, HASHES), held_out([""] * 1000, HASHES))


def test_what_an_earlier_training_has_learned_measures_nothing():
    """With a fifth name, whole writers are held out, of whom a training had learned most drawings before."""
    early = [CHOSEN[number % 4] for number in range(400)]
    learned = {HASHES[row] for row in np.flatnonzero(~held_out(early, HASHES[:400]))}
    for late in (["Eve"] * 600, [f"writer {4 + number % 40}" for number in range(600)]):
        writers = [*early, *late]
        apart = held_out(writers, HASHES, learned)
        assert 40 < apart.sum() < 260
        assert not any(sha256 in learned for sha256, is_apart in zip(HASHES, apart, strict=True) if is_apart)
    chosen = {writer for writer, is_apart in zip(writers, apart, strict=True) if is_apart}
    assert not chosen & set(early)
    assert apart.sum() == sum(writer in chosen for writer in writers)
