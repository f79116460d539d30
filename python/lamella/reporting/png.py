"""Pictures of numbers, and the one file format they need."""

import struct
import zlib
from typing import Any

import numpy as np

from lamella._arrays import Array
from lamella.reporting.palette import ABOVE, BELOW


def png(pixels: Array) -> bytes:
    """(rows, columns, 4) bytes, red, green, blue and opacity, as a PNG file."""
    rows, columns, _ = pixels.shape
    lines = np.zeros((rows, 1 + 4 * columns), np.uint8)  # each begins with its filter: none
    lines[:, 1:] = pixels.reshape(rows, -1)
    header = struct.pack(">IIBBBBB", columns, rows, 8, 6, 0, 0, 0)  # 8 bits, colour and opacity
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def shades(values: Any, strongest: float | None = None) -> Array:
    """(rows, columns) numbers as pixels: two colours, one above and one below zero, the stronger the farther from it.

    Parameters
    ----------
    values : array-like
        What is not finite is not drawn.
    strongest : float, optional
        The number that gets the full colour; by default the largest in size.
    """
    table = np.asarray(values, np.float64)
    known = np.where(np.isfinite(table), table, 0.0)
    most = float(np.abs(known).max(initial=0.0)) if strongest is None else strongest
    pixels = np.zeros((*table.shape, 4), np.uint8)
    pixels[..., :3] = np.where((known >= 0)[..., None], np.array(ABOVE), np.array(BELOW))
    if most > 0:
        # 16 shades are as many as are told apart, and make small files.
        pixels[..., 3] = np.round(np.clip(np.abs(known) / most, 0, 1) * 15) * 17
    pixels[pixels[..., 3] == 0] = 0
    return pixels
