"""Shapes that are no digits, as strokes: symbols that nobody knows, boxes, outlines, triangles and stars."""

from __future__ import annotations

import numpy as np

from mnist_classifier.training.synthetic.handwriting import Points, smooth


def symbol(rng: np.random.Generator) -> list[Points]:
    """Some lines, arcs and rings between the points of a grid."""
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
    """A triangle or a star; what is round, or has four plain sides, could be a zero."""
    corners = int(rng.choice((3, 3, 8, 10, 12)))
    angles = np.arange(corners) * 2 * np.pi / corners + rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.15, corners)
    radii = np.where(np.arange(corners) % 2, 1.0, rng.uniform(0.3, 0.55)) if corners > 3 else np.ones(3)
    points = 50 * (radii * np.stack([np.cos(angles) * rng.uniform(0.6, 1.4), np.sin(angles)])).T
    inner = [points[rng.choice(corners, 2, replace=False)] for _ in range(rng.integers(0, 3))]
    return [np.concatenate([points, points[:1]]), *inner]
