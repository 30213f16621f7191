"""Convex polygons: hulls of masks, four straight sides, perspective.

Points are (N, 2) float64, x and y in px, clockwise as seen on a screen.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from mnist_classifier.core.arrays import Doubles, Mask


def hull(mask: Mask) -> Doubles:
    """The corners (N, 2) of the convex hull of a mask's true pixels."""
    rows = np.flatnonzero(mask.any(axis=1))
    lefts = mask[rows].argmax(axis=1)
    rights = mask.shape[1] - 1 - mask[rows][:, ::-1].argmax(axis=1)
    ends = np.concatenate([np.stack([side, rows], axis=1) for side in (lefts, rights)])
    points = sorted({(int(x), int(y)) for x, y in ends.tolist()})
    corners = [*_chain(points)[:-1], *_chain(points[::-1])[:-1]] if len(points) > 2 else points
    return np.array(corners, np.float64)


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
    while len(points) > 4:
        # np.roll takes ten times as long.
        around = np.concatenate([points[-1:], points, points[:2]])
        before, first, last, after = (around[shift : shift + len(points)] for shift in range(4))
        along, back, side = first - before, last - after, last - first
        with np.errstate(divide="ignore", invalid="ignore"):
            reach, other = cross(side, back) / cross(along, back), cross(side, along) / cross(along, back)
            added = np.where((reach >= 0) & (other >= 0), reach * np.abs(cross(along, side)), np.inf)
        added[~np.isfinite(added)] = np.inf
        index = int(added.argmin())
        if not np.isfinite(added[index]):
            return None
        points[index] = first[index] + reach[index] * along[index]
        points = np.delete(points, (index + 1) % len(points), axis=0)
    return points if len(points) == 4 else None


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
