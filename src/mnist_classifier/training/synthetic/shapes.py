"""Draw shapes that are no digits: symbols, boxes, outlines, polygons, scribbles, lines, faces, wheels.

Each function returns strokes of random shape, about 100 by 100 units large.  They are scaled later.
"""

from __future__ import annotations

import numpy as np

from mnist_classifier.training.synthetic.handwriting import rotation, smooth
from mnist_classifier.training.synthetic.templates import Points


def symbol(rng: np.random.Generator) -> list[Points]:
    """An unknown sign: some lines, arcs and rings between the points of a grid."""
    grid = np.array([[x, y] for x in (0, 50, 100) for y in (0, 33, 67, 100)], np.float64)
    strokes: list[Points] = []
    for _ in range(rng.integers(3, 6)):
        start, end = grid[rng.choice(len(grid), 2, replace=False)] + rng.normal(0, 6, (2, 2))
        kind = rng.random()
        if kind < 0.6:
            strokes.append(np.stack([start, end]))
        elif kind < 0.8:
            bulge = (end - start)[::-1] * np.array([1, -1]) * rng.uniform(-0.6, 0.6)
            strokes.append(smooth(np.stack([start, (start + end) / 2 + bulge, end])))
        else:
            angles = np.linspace(0, 2 * np.pi, 16)[:, None]
            strokes.append(start + rng.uniform(8, 30) * np.concatenate([np.cos(angles), np.sin(angles)], axis=1))
    return strokes


def box(rng: np.random.Generator) -> list[Points]:
    """A frame with two to four lines from side to side."""
    corners = np.array([[0, 0], [100, 0], [100, 100], [0, 100], [0, 0]]) * rng.uniform((0.8, 0.5), (1.2, 1.2))
    corners = corners + rng.normal(0, 3, corners.shape)
    corners[-1] = corners[0]
    inner = []
    for _ in range(rng.integers(2, 5)):
        side, t, u = int(rng.integers(2)), *rng.uniform(0, 1, 2)
        if rng.random() < 0.6:
            u = t
        a, b, c, d = corners[side], corners[side + 1], corners[(side + 3) % 4], corners[side + 2]
        inner.append(np.stack([a + t * (b - a), c + u * (d - c)]))
    return [corners, *inner]


def outline(rng: np.random.Generator) -> list[Points]:
    """A round outline with deep notches or lobes: hearts, leaves, clouds, flowers."""
    angle = np.linspace(0, 2 * np.pi, 60)
    if rng.random() < 0.5:
        notch = rng.uniform(0.5, 0.8)
        radius = 1 - notch * np.exp(-((np.minimum(angle, 2 * np.pi - angle) / rng.uniform(0.25, 0.5)) ** 2))
        radius += rng.uniform(0, 0.5) * np.exp(-(((angle - np.pi) / rng.uniform(0.2, 0.4)) ** 2))
        turn = rng.normal(0, 0.2) if rng.random() < 0.7 else rng.uniform(0, 6.3)
    else:
        radius = 1 + rng.uniform(0.35, 0.55) * np.cos(rng.integers(3, 7) * angle)
        turn = rng.uniform(0, 6.3)
    points = 50 * (radius * np.stack([np.sin(angle + turn) * rng.uniform(0.8, 1.2), -np.cos(angle + turn)])).T
    return [points]


def polygon(rng: np.random.Generator) -> list[Points]:
    """A triangle or a star.  A round shape, or one with four sides, could be a zero."""
    corners = int(rng.choice((3, 3, 8, 10, 12)))
    angles = np.arange(corners) * 2 * np.pi / corners + rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.15, corners)
    radii = np.where(np.arange(corners) % 2, 1.0, rng.uniform(0.3, 0.55)) if corners > 3 else np.ones(3)
    points = 50 * (radii * np.stack([np.cos(angles) * rng.uniform(0.6, 1.4), np.sin(angles)])).T
    inner = [points[rng.choice(corners, 2, replace=False)] for _ in range(rng.integers(0, 3))]
    return [np.concatenate([points, points[:1]]), *inner]


def tangle(rng: np.random.Generator) -> list[Points]:
    """A smooth line through random points."""
    return [smooth(rng.uniform(0, 100, (rng.integers(7, 16), 2)) * rng.uniform(0.4, 1, 2))]


def zigzag(rng: np.random.Generator) -> list[Points]:
    """A line that goes to and fro, with sharp or round corners."""
    turns = int(rng.integers(5, 14))
    points = np.stack([np.linspace(0, 100, turns), np.where(np.arange(turns) % 2, 0, rng.uniform(15, 90))], axis=1)
    points += rng.normal(0, 5, points.shape)
    points = points @ rotation(rng.uniform(0, np.pi))
    return [smooth(points) if rng.random() < 0.5 else points]


def coil(rng: np.random.Generator) -> list[Points]:
    """A line of loops in a row."""
    angle = np.linspace(0, rng.uniform(3, 7) * 2 * np.pi, 60)
    lean = rng.uniform(-0.6, 0.6)
    across, down = angle * rng.uniform(0.3, 0.9) + np.cos(angle), np.sin(angle) * rng.uniform(0.8, 2)
    return [np.stack([across, down + lean * across], axis=1)]


def spiral(rng: np.random.Generator) -> list[Points]:
    """A line that winds outwards."""
    turns = rng.uniform(1.8, 4)
    angle = np.linspace(0, turns * 2 * np.pi, 40) * rng.choice([-1, 1]) + rng.uniform(0, 6)
    radius = np.linspace(0.05, 1, 40)[:, None]
    return [radius * np.stack([np.cos(angle) * rng.uniform(0.6, 1), np.sin(angle)], axis=1)]


def flat_stroke(rng: np.random.Generator) -> list[Points]:
    """One stroke that is at most 36 degrees from horizontal: an upright stroke would be a one."""
    angle = rng.uniform(-36, 36) * np.pi / 180
    end = 100 * np.array([np.cos(angle), np.sin(angle)])
    middle = end / 2 + rng.normal(0, 5, 2)
    return [smooth(np.array([[0.0, 0.0], middle, end]))]


def several_strokes(rng: np.random.Generator) -> list[Points]:
    """Strokes side by side, or lines across each other."""
    if rng.random() < 0.4:  # side by side
        number, across = int(rng.integers(2, 5)), rng.random() < 0.5
        places = np.linspace(0, 100, number) + rng.normal(0, 4, number)
        length = rng.uniform(40, 120)
        strokes = [np.array([[place, rng.normal(0, 6)], [place + rng.normal(0, 6), length]]) for place in places]
        return [stroke[:, ::-1] for stroke in strokes] if across else strokes
    return [rng.uniform(0, 100, (2, 2)) for _ in range(rng.integers(4, 7))]


def dots(rng: np.random.Generator) -> list[Points]:
    """Up to seven dots or short dashes."""
    number = int(rng.integers(1, 8))
    length = rng.uniform(0, 8)
    return [place + np.array([[0.0, 0.0], [length, 2.0]]) for place in rng.uniform(0, 100, (number, 2))]


def face(rng: np.random.Generator) -> list[Points]:
    """A ring with two eyes and a mouth, sometimes with a nose, ears or hair."""
    strokes = [_ring(50, 50, 50, 50 * rng.uniform(0.85, 1.25), rng)]
    apart, height, size = rng.uniform(11, 24), rng.uniform(28, 46), rng.uniform(1, 9)
    eye = rng.random()
    for x in (50 - apart, 50 + apart):
        if eye < 0.3:
            strokes.append(_ring(x, height, size, size * rng.uniform(0.8, 1.6), rng))
        elif eye < 0.8:
            strokes.append(np.array([[x, height - size], [x + rng.normal(0, 1), height + size]]))
        else:
            strokes.append(np.array([[x - size, height], [x + size, height + rng.normal(0, 2)]]))
    wide, low, curve = rng.uniform(12, 32), rng.uniform(60, 76), rng.uniform(-12, 24)
    across = np.linspace(-1, 1, 9)
    mouth = np.stack([50 + wide * across, low + curve * (0.5 - across**2)], axis=1)
    strokes.append(mouth)
    if rng.random() < 0.15:  # open
        strokes.append(mouth[[0, -1]])
    if rng.random() < 0.3:
        nose = np.array([[50.0, 44.0], [50 + rng.normal(0, 5), 54.0], [50 + rng.uniform(-2, 6), 56.0]])
        strokes.append(nose)
    if rng.random() < 0.2:
        strokes += [_ring(x, 50, rng.uniform(5, 10), rng.uniform(7, 14), rng) for x in (-6, 106)]
    if rng.random() < 0.2:
        for start in rng.uniform(25, 75, rng.integers(3, 8)):
            strokes.append(np.array([[start, 6.0], [start + rng.normal(0, 8), -rng.uniform(5, 18)]]))
    return _tilted(strokes, rng)


def filled_ring(rng: np.random.Generator) -> list[Points]:
    """A ring with several dots, small rings or spokes inside: a button, a wheel, a pizza."""
    strokes = [_ring(50, 50, 50, 50 * rng.uniform(0.75, 1.3), rng)]
    turn = rng.uniform(0, 2 * np.pi)
    number = int(rng.integers(3, 8))
    kind = rng.random()
    for angle in turn + np.arange(number) * 2 * np.pi / number:
        towards = np.array([np.cos(angle), np.sin(angle)])
        if kind < 0.4:  # spokes
            strokes.append(50 + np.outer((rng.uniform(0, 6), rng.uniform(38, 50)), towards))
        elif kind < 0.75:  # dots and dashes
            place = 50 + rng.uniform(14, 30) * towards
            strokes.append(place + np.array([[0.0, 0.0], rng.normal(0, 3, 2)]))
        else:
            x, y = 50 + rng.uniform(20, 28) * towards
            strokes.append(_ring(x, y, rng.uniform(4, 10), rng.uniform(4, 10), rng))
    return _tilted(strokes, rng)


def _ring(x: float, y: float, width: float, height: float, rng: np.random.Generator) -> Points:
    """A ring drawn by hand: not quite round, and closed a little too early or too late."""
    start, length = rng.uniform(0, 2 * np.pi), 2 * np.pi * rng.uniform(0.97, 1.06)
    angles = start + np.linspace(0, length, 13)
    uneven = 1 + rng.normal(0, 0.03, 13)
    return smooth(np.stack([x + width * uneven * np.sin(angles), y - height * uneven * np.cos(angles)], axis=1))


def _tilted(strokes: list[Points], rng: np.random.Generator) -> list[Points]:
    turn = rotation(rng.normal(0, 0.12))
    return [points @ turn.T for points in strokes]
