"""Reduce colour and transparency to the grey channel that shows the ink best."""

from __future__ import annotations

import numpy as np

from mnist_classifier.core.arrays import Bytes
from mnist_classifier.recognition.imaging.background import MIN_CONTRAST
from mnist_classifier.recognition.imaging.filters import border_of

# Another channel replaces luminance only if it shows this many times as much ink.
CHANNEL_GAIN = 1.5


def composite(pixels: Bytes) -> Bytes:
    """Lay a transparent picture on a plain background: (H, W, 2) becomes (H, W), (H, W, 4) becomes (H, W, 3).

    The background is white for dark ink and black for light ink.
    """
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return pixels
    levels, alpha = pixels[..., :-1].astype(np.float32), pixels[..., -1:].astype(np.float32) / 255
    grey = luminance(pixels[..., :-1]) if pixels.shape[2] == 4 else pixels[..., 0]
    weight = float(alpha.sum())
    ink_is_dark = weight == 0 or float((grey * alpha[..., 0]).sum()) / weight < 128
    background = 255.0 if ink_is_dark else 0.0
    laid = np.rint(background + (levels - background) * alpha).astype(np.uint8)
    return laid if laid.shape[2] == 3 else laid[..., 0]


def luminance(pixels: Bytes) -> Bytes:
    """Convert (H, W, 3) RGB to (H, W) grey; grey stays.  Source: ITU-R 601-2, in the integers that Pillow uses."""
    if pixels.ndim == 2:
        return pixels
    red, green, blue = np.moveaxis(pixels.astype(np.uint32), 2, 0)
    grey: Bytes = ((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16).astype(np.uint8)
    return grey


def pick_channel(pixels: Bytes) -> Bytes:
    """Reduce (H, W, 3) RGB to (H, W): to luminance, unless red, green or blue shows clearly more ink.

    Yellow is hardly darker than white, but contains no blue.
    """
    if pixels.ndim == 2:
        return pixels
    channels = [luminance(pixels), *np.moveaxis(pixels, 2, 0)]
    amounts = [_amount_of_ink(channel) for channel in channels]
    best = int(np.argmax(amounts))
    picked: Bytes = channels[best] if amounts[best] > CHANNEL_GAIN * amounts[0] else channels[0]
    return picked


def _amount_of_ink(grey: Bytes) -> float:
    """Sum of the differences from the background, without noise."""
    difference = np.abs(grey.astype(np.float32) - np.float32(np.median(border_of(grey))))
    return float(difference[difference >= MIN_CONTRAST].sum())
