"""Filters of pictures: block means, running extremes, binomial smoothing.

Plain loops over shifted arrays, exact and the same in any language.
"""

from __future__ import annotations

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
    rows, columns = (np.arange(0, length, factor) for length in grey.shape)
    sums = np.add.reduceat(np.add.reduceat(grey, rows, axis=0, dtype=np.float32), columns, axis=1)
    counts = np.outer(np.diff(rows, append=grey.shape[0]), np.diff(columns, append=grey.shape[1]))
    return np.asarray(sums / counts, np.float32)


def smooth(values: Floats) -> Floats:
    """Mean of each pixel's neighbourhood with the weights 1 2 1 along both axes; the edge is repeated."""
    for _ in range(2):
        padded = np.pad(values, ((1, 1), (0, 0)), mode="edge")
        values = ((padded[:-2] + padded[2:]) * np.float32(0.25) + padded[1:-1] * np.float32(0.5)).T
    return values


def dilate(values: npt.NDArray[Any], window: int) -> npt.NDArray[Any]:
    """Largest value in the square of `window` pixels (odd) around each pixel."""
    return _extreme(_extreme(values, window, np.maximum).T, window, np.maximum).T


def erode(values: npt.NDArray[Any], window: int) -> npt.NDArray[Any]:
    """Smallest value in the square of `window` pixels (odd) around each pixel."""
    return _extreme(_extreme(values, window, np.minimum).T, window, np.minimum).T


def dilate_round(values: Floats, radius: int) -> Floats:
    """Largest value within `radius` pixels; outside the picture there is nothing."""
    height, width = values.shape
    padded = np.pad(values, radius)
    result = values
    for down in range(-radius, radius + 1):
        for right in range(-radius, radius + 1):
            # A little over the radius: a disc of one pixel's radius is no cross.
            if down * down + right * right <= (radius + 0.3) ** 2:
                shifted = padded[radius + down : radius + down + height, radius + right : radius + right + width]
                result = np.maximum(result, shifted)
    return result


def close_gaps(values: npt.NDArray[Any], window: int) -> npt.NDArray[Any]:
    """Fill what is darker and narrower than the window: morphological closing."""
    return erode(dilate(values, window), window)


def open_columns(values: npt.NDArray[Any], window: int) -> npt.NDArray[Any]:
    """Take away what is brighter and, down the columns, shorter than the window: opening by a vertical line."""
    return _extreme(_extreme(values, window, np.minimum), window, np.maximum)


def _extreme(values: npt.NDArray[Any], window: int, pick: np.ufunc) -> npt.NDArray[Any]:
    """Running maximum or minimum down the columns, by windows that double; the edge is repeated."""
    window = min(window, 2 * values.shape[0] - 1)
    result = np.pad(values, ((window // 2, window // 2), (0, 0)), mode="edge")
    span = 1
    while span < window:
        step = min(span, window - span)
        result = pick(result[:-step], result[step:])
        span += step
    return result


def border_of(values: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    """The pixels at the edge of a picture, once around it; those of a single row or column come twice."""
    return np.concatenate([values[0], values[1:, -1], values[-1, -2::-1], values[-2:0:-1, 0]])


def running_mean(values: Floats, window: int) -> Floats:
    """Mean of the square of `window` pixels (odd) around each pixel; the edge is repeated."""
    half = window // 2
    for _ in range(2):
        sums = np.cumsum(np.pad(values, ((half + 1, half), (0, 0)), mode="edge"), axis=0, dtype=np.float64)
        values = ((sums[window:] - sums[:-window]) / window).astype(np.float32).T
    return values
