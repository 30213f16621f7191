from __future__ import annotations

from dataclasses import dataclass

from mnist_classifier.recognition.page.text_lines import group_lines, middles_within

HEIGHT, PITCH = 100, 115


@dataclass(frozen=True)
class Part:
    top: int
    left: int
    bottom: int
    right: int


def digit(row: int, column: int, rows: int = 1) -> Part:
    """A digit, or digits of several lines that touch."""
    top = row * PITCH
    return Part(top, column * 70, top + HEIGHT + (rows - 1) * PITCH, column * 70 + 60)


def test_close_lines_stay_apart():
    parts = [digit(row, column) for row in range(4) for column in range(5)]
    assert [len(line) for line in group_lines(parts, HEIGHT)] == [5, 5, 5, 5]


def test_lines_may_rise_by_more_than_their_height():
    parts = [Part(300 - 20 * column, 70 * column, 400 - 20 * column, 70 * column + 60) for column in range(12)]
    assert len(group_lines(parts, HEIGHT)) == 1


def test_a_point_belongs_to_the_line_beside_it():
    point = Part(PITCH + 90, 140, PITCH + 100, 150)
    lines = group_lines([digit(row, column) for row in range(2) for column in (0, 1, 3)] + [point], HEIGHT)
    assert point in lines[1]


def test_a_part_that_reaches_over_two_lines_is_in_both_although_its_neighbour_does_too():
    tall, neighbour = digit(0, 0, rows=2), digit(1, 1, rows=2)
    whole = [digit(0, 1), digit(0, 2), digit(1, 3), digit(2, 0), digit(2, 2)]
    lines = group_lines([tall, neighbour, *whole], HEIGHT)
    assert middles_within(tall, lines, HEIGHT) == [50, PITCH + 50]
