"""Image filters: block means, running extremes, binomial smoothing.

Plain loops over shifted arrays: the results are exact and the same in any language.
"""

from __future__ import annotations

from functools import reduce
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from mnist_classifier.core.arrays import Bytes, Floats

Scalar = TypeVar("Scalar", bound=np.generic)


def shrink(grey: Bytes, side_px: int) -> Floats:
    """Average whole blocks of pixels, so that the longer side is at most `side_px`."""
    factor = -(-max(grey.shape) // side_px)
    if factor == 1:
        return grey.astype(np.float32)
    blocks = [-(-length // factor) for length in grey.shape]
    padded = np.zeros([count * factor for count in blocks], np.float32)
    padded[: grey.shape[0], : grey.shape[1]] = grey
    # np.add.reduceat takes ten times as long.
    rows = reduce(np.add, (padded[start::factor] for start in range(factor)))
    sums = reduce(np.add, (rows[:, start::factor] for start in range(factor)))
    heights, widths = (
        np.minimum(factor, length - factor * np.arange(count)) for length, count in zip(grey.shape, blocks, strict=True)
    )
    return np.asarray(sums / np.outer(heights, widths), np.float32)


def smooth(values: Floats) -> Floats:
    """Binomial filter: weights 1 2 1 along both axes; edge pixels are repeated."""
    for _ in range(2):
        padded = np.concatenate([values[:1], values, values[-1:]])  # np.pad is slower
        values = ((padded[:-2] + padded[2:]) * np.float32(0.25) + padded[1:-1] * np.float32(0.5)).T
    return values


def dilate(values: npt.NDArray[Any], window: int) -> npt.NDArray[Any]:
    """Maximum over the square of `window` pixels (odd) around each pixel."""
    return _extreme(_extreme(values, window, np.maximum).T, window, np.maximum).T


def erode(values: npt.NDArray[Any], window: int) -> npt.NDArray[Any]:
    """Minimum over the square of `window` pixels (odd) around each pixel."""
    return _extreme(_extreme(values, window, np.minimum).T, window, np.minimum).T


def dilate_round(values: Floats, radius: int) -> Floats:
    """Maximum over a disc of `radius` pixels; pixels outside the picture are 0."""
    height, width = values.shape
    padded = np.pad(values, radius)
    result, across = values.copy(), padded[:, radius : radius + width].copy()
    # 0.3 more than the radius makes small discs rounder.
    reaches = [int(((radius + 0.3) ** 2 - down * down) ** 0.5) for down in range(radius + 1)]
    for reach in range(radius + 1):
        for start in (radius - reach, radius + reach):
            np.maximum(across, padded[:, start : start + width], out=across)
        for down in range(-radius, radius + 1):
            if reaches[abs(down)] == reach:
                np.maximum(result, across[radius + down : radius + down + height], out=result)
    return result


def close_gaps(values: npt.NDArray[Any], window: int) -> npt.NDArray[Any]:
    """Morphological closing: fill what is darker and narrower than the window."""
    return erode(dilate(values, window), window)


def open_columns(values: npt.NDArray[Any], window: int) -> npt.NDArray[Any]:
    """Morphological opening along the columns: remove what is brighter and shorter than the window."""
    return _extreme(_extreme(values, window, np.minimum), window, np.maximum)


def _extreme(values: npt.NDArray[Any], window: int, pick: np.ufunc) -> npt.NDArray[Any]:
    """Running maximum or minimum along the columns, with doubling windows; edge pixels are repeated."""
    window = min(window, 2 * values.shape[0] - 1)
    result = np.pad(values, ((window // 2, window // 2), (0, 0)), mode="edge")
    span = 1
    while span < window:
        step = min(span, window - span)
        result = pick(result[:-step], result[step:])
        span += step
    return result


def border_of(values: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    """The edge pixels of a picture, in order around it; those of a single row or column appear twice."""
    return np.concatenate([values[0], values[1:, -1], values[-1, -2::-1], values[-2:0:-1, 0]])


def running_mean(values: Floats, window: int) -> Floats:
    """Mean over the square of `window` pixels (odd) around each pixel; edge pixels are repeated."""
    half = window // 2
    for _ in range(2):
        sums = np.cumsum(np.pad(values, ((half + 1, half), (0, 0)), mode="edge"), axis=0, dtype=np.float64)
        values = ((sums[window:] - sums[:-window]) / window).astype(np.float32).T
    return values
