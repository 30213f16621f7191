"""Stroke templates of printed shapes and letters that nobody reads as a digit.

A template is a list of strokes, each a list of points (x, y) in a unit square, y down.  Fonts would make
different pictures on different systems.  Left out are shapes and letters that look like a digit: circles and
squares (0), bars (1), B D G I L O Q S T Y Z and most lower-case letters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

Point: TypeAlias = "tuple[float, float]"
Template: TypeAlias = "list[list[Point]]"


def _arc(centre: Point, radius: float, start_degrees: float, end_degrees: float, pieces: int = 24) -> list[Point]:
    angles = (start_degrees + (end_degrees - start_degrees) * i / pieces for i in range(pieces + 1))
    return [
        (centre[0] + radius * math.cos(math.radians(a)), centre[1] + radius * math.sin(math.radians(a))) for a in angles
    ]


def _star(points: int, inner: float) -> list[Point]:
    corners = []
    for i in range(2 * points + 1):
        radius, angle = (0.5 if i % 2 == 0 else inner), math.pi * i / points - math.pi / 2
        corners.append((0.5 + radius * math.cos(angle), 0.5 + radius * math.sin(angle)))
    return corners


def _heart(pieces: int = 40) -> list[Point]:
    # The well-known curve x = 16 sin^3 t, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t.
    points = []
    for i in range(pieces + 1):
        t = 2 * math.pi * i / pieces
        y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        points.append((0.5 + 0.5 * math.sin(t) ** 3, 0.42 - y / 32))
    return points


def polylines(text: str) -> Template:
    """Read a template from text: points `x,y` in percent, with ` | ` between strokes."""
    return [
        [(float(x) / 100, float(y) / 100) for x, y in (point.split(",") for point in stroke.split())]
        for stroke in text.split("|")
    ]


def _rays(count: int, inner: float, outer: float) -> Template:
    """Short lines around the centre."""
    turns = [2 * math.pi * i / count for i in range(count)]
    return [[(0.5 + r * math.cos(turn), 0.5 + r * math.sin(turn)) for r in (inner, outer)] for turn in turns]


_BOX = "0,20 100,20 100,85 0,85 0,20"

SHAPES: Mapping[str, Template] = {
    "triangle": polylines("50,5 100,95 0,95 50,5"),
    "star": [_star(5, 0.2)],
    "six-pointed star": [_star(6, 0.29)],
    "pentagram": [[_star(5, 0.2)[2 * (2 * i % 5)] for i in range(6)]],
    "heart": [_heart()],
    "house": polylines("10,100 10,45 50,0 90,45 90,100 10,100 | 42,100 42,65 62,65 62,100"),
    "arrow": polylines("0,50 100,50 | 65,20 100,50 65,80"),
    "double arrow": polylines("0,50 100,50 | 25,30 0,50 25,70 | 75,30 100,50 75,70"),
    "plus": polylines("50,0 50,100 | 0,50 100,50"),
    "asterisk": polylines("50,0 50,100 | 7,25 93,75 | 7,75 93,25"),
    "hash": polylines("35,0 25,100 | 75,0 65,100 | 0,33 100,33 | 0,67 100,67"),
    "envelope": polylines(f"{_BOX} | 0,20 50,60 100,20"),
    "crossed box": polylines(f"{_BOX} | 0,20 100,85 | 0,85 100,20"),
    "window": polylines(f"{_BOX} | 50,20 50,85 | 0,52 100,52"),
    "face": [
        _arc((0.5, 0.5), 0.5, 0, 360),
        _arc((0.5, 0.5), 0.28, 25, 155),
        *polylines("33,33 33,40 | 67,33 67,40"),
    ],
    "fir": polylines("50,0 20,35 80,35 50,0 | 50,35 8,80 92,80 50,35 | 50,80 50,100"),
    "umbrella": [_arc((0.5, 0.5), 0.5, 180, 360), *polylines("0,50 100,50 | 50,50 50,90 42,100 33,92")],
    "fish": polylines("100,50 70,28 30,40 0,75 0,25 30,60 70,72 100,50 | 80,46 82,48"),
    "sun": [_arc((0.5, 0.5), 0.24, 0, 360), *_rays(8, 0.33, 0.5)],
    "wave": [[(i / 40, 0.5 + 0.15 * math.sin(i / 40 * 6 * math.pi)) for i in range(41)]],
}
# Closed outlines that are no digit when filled either.  The centre of their box is inside.
FILLABLE = frozenset({"triangle", "star", "six-pointed star", "heart"})

LETTERS: Mapping[str, Template] = {
    "A": polylines("0,100 50,0 100,100 | 20,62 80,62"),
    "E": polylines("85,0 10,0 10,100 85,100 | 10,50 70,50"),
    "F": polylines("85,0 10,0 10,100 | 10,48 70,48"),
    "H": polylines("10,0 10,100 | 90,0 90,100 | 10,50 90,50"),
    "K": polylines("10,0 10,100 | 85,0 10,58 | 35,40 90,100"),
    "M": polylines("5,100 10,0 50,75 90,0 95,100"),
    "N": polylines("10,100 10,0 90,100 90,0"),
    "R": [*polylines("10,100 10,0 55,0 | 50,52 90,100"), [*_arc((0.55, 0.26), 0.26, -90, 90), (0.1, 0.52)]],
    "W": polylines("0,0 25,100 50,30 75,100 100,0"),
    "X": polylines("5,0 95,100 | 95,0 5,100"),
    "k": polylines("15,0 15,100 | 70,40 15,75 | 35,62 75,100"),
    "m": [
        *polylines("0,100 0,45"),
        [*_arc((0.25, 0.65), 0.25, 180, 360), (0.5, 1)],
        [*_arc((0.75, 0.65), 0.25, 180, 360), (1, 1)],
    ],
    "w": polylines("0,40 25,100 50,55 75,100 100,40"),
    "x": polylines("10,35 90,100 | 90,35 10,100"),
    "fi": polylines("45,10 30,0 18,12 18,100 | 0,40 42,40 | 80,40 80,100 | 80,12 80,16"),
    "&": polylines("95,100 30,30 28,10 45,0 60,10 55,30 10,65 10,90 35,100 65,90 90,55"),
}
