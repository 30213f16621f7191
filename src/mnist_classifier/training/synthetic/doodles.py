"""What people draw when they are to draw anything: faces first of all, umbrellas, suns, cups.

Most are templates (see `templates`), faces and rings are put together anew
each time.  Left out is what a person could read as a digit: a ring on a stem
(9), one ring on another (8), a ring with one line or one dot in it (a zero
that is crossed or dotted), a snail (6), lightning (2).
"""

from __future__ import annotations

import numpy as np

from mnist_classifier.training.synthetic.handwriting import Points, smooth

DOODLES: dict[str, tuple[str, ...]] = {
    "umbrella": (
        "~0,50 12,18 50,0 88,18 100,50 / 0,50 100,50 / ~50,50 50,88 42,100 32,92",
        "~0,50 12,18 50,0 88,18 100,50 100,50 84,42 67,50 67,50 50,42 33,50 33,50 16,42 0,50"
        " / ~50,48 50,85 60,97 70,88",
        "~0,45 20,10 50,0 80,10 100,45 / 0,45 100,45 / 50,-8 50,100",
    ),
    "mushroom": (
        "~0,50 15,12 50,0 85,12 100,50 / 0,50 100,50 / ~38,50 40,80 34,100 66,100 60,80 62,50",
        "~0,48 10,10 50,0 90,10 100,48 50,58 0,48 / 40,56 40,100 / 60,56 60,100",
    ),
    "stickman": (
        "o50,14,14,14 / 50,28 50,65 / 20,45 80,45 / 50,65 28,100 / 50,65 72,100",
        "o50,14,13,14 / 50,28 50,62 / 22,28 50,42 78,28 / 30,100 50,62 70,100",
    ),
    "flower": (
        "o50,28,12,12 / o50,8,9,10 / o69,22,10,9 / o62,44,9,9 / o38,44,9,9 / o31,22,10,9 / ~50,52 48,75 50,100",
        "o50,50,14,14 / ~38,42 20,10 50,36 80,10 62,42 100,50 62,58 80,90 50,64 20,90 38,58 0,50 38,42",
    ),
    "sun": (
        "o50,50,25,25 / 50,18 50,0 / 50,82 50,100 / 18,50 0,50 / 82,50 100,50 / 27,27 14,14 / 73,27 86,14"
        " / 27,73 14,86 / 73,73 86,86",
        "~0,70 15,35 50,22 85,35 100,70 / 0,70 100,70 / 50,14 50,0 / 18,28 6,16 / 82,28 94,16",
    ),
    "tree": (
        "~35,60 10,58 8,35 25,25 30,5 55,2 72,10 90,28 92,50 75,60 35,60 / 42,60 42,100 / 58,60 58,100",
        "50,0 20,35 80,35 50,0 / 50,35 10,75 90,75 50,35 / 42,75 42,100 58,100 58,75",
    ),
    "cup": (
        "10,10 18,95 70,95 78,10 10,10 / ~76,28 98,32 96,62 73,66",
        "~10,20 20,85 65,85 75,20 / o42,20,33,8 / ~74,35 95,38 90,62 70,62 / ~30,0 36,5 30,10",
    ),
    "ice cream": ("~18,42 22,8 50,0 78,8 82,42 / 15,42 85,42 50,100 15,42", "o50,25,28,24 / 22,38 50,100 78,38"),
    "cherries": ("o24,78,20,20 / o78,74,20,20 / ~26,58 40,25 60,0 / ~76,54 72,25 60,0",),
    "bicycle": ("o22,70,21,21 / o78,70,21,21 / 22,70 40,35 68,35 78,70 / 40,35 50,70 68,35 / 22,70 50,70",),
    "car": ("0,75 0,50 22,45 35,22 70,22 82,45 100,50 100,75 0,75 / o24,78,11,11 / o76,78,11,11",),
    "boat": (
        "0,65 100,65 80,92 20,92 0,65 / 50,65 50,0 / 50,5 88,55 50,55",
        "~0,62 20,90 80,90 100,62 0,62 / 48,62 48,0 85,50 48,50 / 42,10 15,50 42,50",
    ),
    "anchor": ("o50,9,9,9 / 50,18 50,98 / 28,34 72,34 / ~8,62 20,90 50,98 80,90 92,62",),
    "bow": ("50,50 5,20 5,80 50,50 95,20 95,80 50,50 / o50,50,9,9",),
    "bell": ("~12,80 25,65 25,35 40,10 60,10 75,35 75,65 88,80 12,80 / ~40,80 44,95 56,95 60,80",),
    "diamond": (
        "25,10 75,10 100,40 50,98 0,40 25,10 / 0,40 100,40 / 35,40 50,98 65,40 / 25,10 35,40 50,10 65,40 75,10",
    ),
    "crown": ("5,90 0,25 27,58 50,10 73,58 100,25 95,90 5,90", "5,90 0,25 27,58 50,10 73,58 100,25 95,90 / 5,75 95,75"),
    "eye": ("~0,50 25,22 50,15 75,22 100,50 75,78 50,85 25,78 0,50 / o50,50,20,22 / o50,50,7,8",),
    "leaf": (
        "~10,95 12,45 40,10 90,5 88,50 55,88 10,95 / ~10,95 45,55 82,15 / 35,65 35,40 / 45,55 68,55 / 55,44 56,25",
    ),
    "butterfly": (
        "~50,45 30,5 5,10 8,45 50,50 12,60 18,92 42,85 50,55 58,85 82,92 88,60 50,50 92,45 95,10 70,5 50,45"
        " / 50,35 50,75 / ~48,35 40,18 / ~52,35 60,18",
    ),
    "spider": (
        "o50,52,17,19 / 36,42 12,20 / 33,50 5,45 / 34,60 6,72 / 38,68 18,95 / 64,42 88,20 / 67,50 95,45"
        " / 66,60 94,72 / 62,68 82,95",
    ),
    "snowman": ("o50,20,17,18 / o50,68,30,30 / 22,58 0,40 / 78,58 100,40 / 44,16 44,18 / 56,16 56,18",),
    "shirt": ("30,5 5,25 18,45 28,38 28,98 72,98 72,38 82,45 95,25 70,5 / ~30,5 50,22 70,5",),
    "gift": ("5,35 95,35 95,98 5,98 5,35 / 50,35 50,98 / 5,60 95,60 / ~50,35 25,5 15,22 50,35 85,22 75,5 50,35",),
    "cake": ("8,55 92,55 92,95 8,95 8,55 / ~8,70 25,78 40,68 60,78 75,68 92,76 / 35,55 35,25 / 65,55 65,25",),
    "fish": (
        "~100,50 75,25 45,25 20,50 0,75 / ~100,50 75,75 45,75 20,50 0,25 / 0,25 0,75 / 80,44 82,45",
        "o60,50,38,26 / 24,50 0,26 0,76 24,50 / 78,42 80,43 / ~65,32 58,50 65,68",
    ),
    "bird": (
        "~0,45 15,20 35,25 50,50 65,25 85,20 100,45",
        "~0,40 20,20 45,55 50,60 55,55 80,20 100,40 / ~50,60 45,75 55,75",
    ),
    "cat": (
        "o50,58,40,38 / 16,38 14,0 42,22 / 58,22 86,0 84,38 / 36,50 36,55 / 64,50 64,55 / 46,66 54,66 50,72 46,66"
        " / 0,62 26,66 / 100,62 74,66",
        "~12,35 10,5 32,22 68,22 90,5 88,35 88,70 50,95 12,70 12,35 / o35,48,6,7 / o65,48,6,7 / ~40,70 50,76 60,70",
    ),
    "peace": ("o50,50,50,50 / 50,0 50,100 / 50,50 15,85 / 50,50 85,85",),
    "bulb": ("~36,68 34,55 14,40 16,12 50,0 84,12 86,40 66,55 64,68 / 36,68 64,68 / 38,80 62,80 / 42,92 58,92",),
    "pumpkin": ("o50,58,48,40 / o50,58,22,40 / ~50,18 48,5 58,0",),
    "candle": ("35,40 65,40 65,100 35,100 35,40 / 50,40 50,30 / ~50,30 40,18 50,0 60,18 50,30",),
    "ladder": ("20,0 12,100 / 72,0 82,100 / 20,15 73,15 / 18,38 76,38 / 16,60 78,60 / 14,82 80,82",),
    "table": ("0,20 100,20 100,34 0,34 0,20 / 12,34 12,100 / 88,34 88,100",),
    "clock": ("o50,50,50,50 / 50,50 50,16 / 50,50 76,60 / 50,2 50,8 / 98,50 92,50 / 50,98 50,92 / 2,50 8,50",),
}


def face(rng: np.random.Generator) -> list[Points]:
    """A ring with two eyes and a mouth, sometimes a nose, ears or hair."""
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
    return _turned(strokes, rng)


def filled_ring(rng: np.random.Generator) -> list[Points]:
    """A ring with several dots, small rings, spokes or a cross in it: buttons, wheels, pizzas."""
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
    return _turned(strokes, rng)


def _ring(x: float, y: float, width: float, height: float, rng: np.random.Generator) -> Points:
    """Closed by hand: a little too early or too late, and not quite round."""
    start, length = rng.uniform(0, 2 * np.pi), 2 * np.pi * rng.uniform(0.97, 1.06)
    angles = start + np.linspace(0, length, 13)
    uneven = 1 + rng.normal(0, 0.03, 13)
    return smooth(np.stack([x + width * uneven * np.sin(angles), y - height * uneven * np.cos(angles)], axis=1))


def _turned(strokes: list[Points], rng: np.random.Generator) -> list[Points]:
    angle = rng.normal(0, 0.12)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return [points @ turn.T for points in strokes]
