"""Convex polygons: hulls of masks, four straight sides, perspective.

Points are (N, 2) float64, x and y in px, clockwise as seen on a screen.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from mnist_classifier.core.arrays import Doubles, Indices, Mask


def hull(mask: Mask) -> Doubles:
    """The corners (N, 2) of the convex hull of a mask's true pixels."""
    rows = np.flatnonzero(mask.any(axis=1))
    lefts = mask[rows].argmax(axis=1)
    rights = mask.shape[1] - 1 - mask[rows][:, ::-1].argmax(axis=1)
    ends = np.concatenate([_outermost(lefts, rows, -1), _outermost(rights, rows, 1)])
    points = sorted({(int(x), int(y)) for x, y in ends.tolist()})
    corners = [*_chain(points)[:-1], *_chain(points[::-1])[:-1]] if len(points) > 2 else points
    return np.array(corners, np.float64)


def _outermost(columns: Indices, rows: Indices, side: int) -> Indices:
    """The points (N, 2) that lie beyond the line between their neighbours; no other is a corner of the hull."""
    is_beyond = np.ones(len(rows), np.bool_)
    rises, falls = columns[1:-1] - columns[:-2], columns[2:] - columns[:-2]
    is_beyond[1:-1] = side * (rises * (rows[2:] - rows[:-2]) - falls * (rows[1:-1] - rows[:-2])) > 0
    return np.stack([columns, rows], axis=1)[is_beyond]


def _chain(points: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """One side of a convex hull.  Source: Andrew's monotone chain, 1979."""
    chain: list[tuple[int, int]] = []
    for x, y in points:
        while len(chain) > 1:
            (ax, ay), (bx, by) = chain[-2:]
            if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                break
            chain.pop()
        chain.append((x, y))
    return chain


def cross(u: Doubles, v: Doubles) -> Doubles:
    """The z component of the cross product of (..., 2) vectors."""
    return np.asarray(u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0], np.float64)


def area(points: Doubles) -> float:
    """The area of a polygon, px."""
    return abs(float(cross(points, np.roll(points, -1, axis=0)).sum())) / 2


def filled(corners: Doubles, shape: tuple[int, ...]) -> Mask:
    """A (H, W) mask of the inside of a polygon; `shape` begins with (H, W)."""
    image = Image.new("1", (shape[1], shape[0]))
    ImageDraw.Draw(image).polygon(corners.ravel().tolist(), fill=1)
    return np.asarray(image)


def four_sides(points: Doubles) -> Doubles | None:
    """The (4, 2) corners of four straight sides around a convex polygon; None if there are none.

    Sides are removed one by one: the one whose neighbours, made longer, add the
    least area.  So a corner that the picture cuts off is found outside of it.
    """
    # Plain numbers: NumPy takes three times as long for so few.
    corners: list[list[float]] = points.tolist()
    added = [_without_side(corners, index) for index in range(len(corners))]
    while len(corners) > 4:
        index = min(range(len(corners)), key=lambda side: added[side][0])
        if added[index][0] == np.inf:
            return None
        corners[index] = added[index][1]
        removed = (index + 1) % len(corners)
        del corners[removed], added[removed]
        index -= removed == 0
        for side in range(index - 2, index + 2):
            added[side % len(corners)] = _without_side(corners, side % len(corners))
    return np.array(corners) if len(corners) == 4 else None


def _without_side(corners: list[list[float]], index: int) -> tuple[float, list[float]]:
    """The area that removing a side adds to a convex polygon, infinite if it cannot be, and the corner in its place."""
    (bx, by), (fx, fy), (lx, ly), (ax, ay) = (corners[(index + step) % len(corners)] for step in (-1, 0, 1, 2))
    along_x, along_y, back_x, back_y, side_x, side_y = fx - bx, fy - by, lx - ax, ly - ay, lx - fx, ly - fy
    turn = along_x * back_y - along_y * back_x
    if turn == 0:
        return np.inf, []
    reach, other = (side_x * back_y - side_y * back_x) / turn, (side_x * along_y - side_y * along_x) / turn
    growth = reach * abs(along_x * side_y - along_y * side_x)
    is_possible = reach >= 0 and other >= 0 and growth < np.inf
    return (growth if is_possible else np.inf), [fx + reach * along_x, fy + reach * along_y]


def from_top_left(corners: Doubles) -> Doubles:
    """The same corners, beginning with the one at the top left."""
    return np.roll(corners, -int(np.argmin(corners.sum(axis=1))), axis=0)


def intersections(starts: Doubles, ends: Doubles) -> Doubles | None:
    """The (N, 2) corners where each line meets the one before it; None if two are parallel."""
    along, before = ends - starts, np.roll(ends - starts, 1, axis=0)
    denominators = cross(before, along)
    if np.abs(denominators).min() < 1e-6:
        return None
    reach = cross(starts - np.roll(starts, 1, axis=0), along) / denominators
    return np.asarray(np.roll(starts, 1, axis=0) + reach[:, None] * before, np.float64)


def is_convex(corners: Doubles) -> bool:
    """Whether every turn goes the same way."""
    sides = np.roll(corners, -1, axis=0) - corners
    return bool((cross(sides, np.roll(sides, -1, axis=0)) > 0).all())


def perspective(target: Doubles, source: Doubles) -> list[float]:
    """The eight coefficients of the perspective that maps each of four target points to its source point.

    (a, b, c, d, e, f, g, h): x, y becomes (ax + by + c, dx + ey + f) / (gx + hy + 1).
    """
    rows, values = [], []
    for (x, y), (u, v) in zip(target.tolist(), source.tolist(), strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    coefficients: list[float] = np.linalg.solve(np.array(rows), np.array(values)).tolist()
    return coefficients
