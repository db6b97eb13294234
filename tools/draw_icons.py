"""Draws the levels' pictures: ``python tools/draw_icons.py`` writes ``gntp_logging/alerts/icons/*.png``.

A picture is a shape in a colour with a white sign on it, and nothing else, so that it can be recognised at 16 pixels,
and without colours: dots on a disc for debugging, an i, a triangle, an octagon with a cross, a bolt in a square that
stands on its corner. Shapes are functions from a point to the distance to their edge, negative inside; points go from
-1 to 1, with y downwards.
"""

from __future__ import annotations

import math
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

SIZE = 64
SAMPLES = 4
"""Points along each side of a pixel."""

Shape = Callable[[float, float], float]
Colour = tuple[int, int, int]


def circle(radius: float, x0: float = 0.0, y0: float = 0.0) -> Shape:
    """Return a disc."""
    return lambda x, y: math.hypot(x - x0, y - y0) - radius


def polygon(*corners: tuple[float, float]) -> Shape:
    """Return a convex polygon; its corners go clockwise as they are seen."""
    edges = list(zip(corners, (*corners[1:], corners[0]), strict=True))

    def distance(x: float, y: float) -> float:
        return max(
            ((x - x1) * (y2 - y1) - (y - y1) * (x2 - x1)) / math.hypot(x2 - x1, y2 - y1) for (x1, y1), (x2, y2) in edges
        )

    return distance


def rounded(shape: Shape, by: float) -> Shape:
    """Return a shape that is larger by a margin."""
    return lambda x, y: shape(x, y) - by


def line(x1: float, y1: float, x2: float, y2: float, width: float) -> Shape:
    """Return a line with round ends."""
    length = math.hypot(x2 - x1, y2 - y1) ** 2

    def distance(x: float, y: float) -> float:
        along = min(1.0, max(0.0, ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length)) if length else 0.0
        return math.hypot(x - x1 - along * (x2 - x1), y - y1 - along * (y2 - y1)) - width / 2

    return distance


def together(*shapes: Shape) -> Shape:
    """Return all shapes as one."""
    return lambda x, y: min(shape(x, y) for shape in shapes)


def regular(corners: int, radius: float, turned: float) -> Shape:
    """Return a regular polygon."""
    angles = [2 * math.pi * (corner + turned) / corners for corner in range(corners)]
    return polygon(*((radius * math.cos(angle), radius * math.sin(angle)) for angle in angles))


PICTURES: dict[str, tuple[Colour, Shape, Shape]] = {
    "debug": (
        (107, 114, 128),
        circle(0.92),
        together(*(circle(0.14, x, 0.0) for x in (-0.45, 0.0, 0.45))),
    ),
    "info": (
        (37, 99, 235),
        circle(0.92),
        together(circle(0.15, 0.0, -0.46), line(0.0, -0.08, 0.0, 0.48, 0.26)),
    ),
    "warning": (
        (217, 119, 6),
        rounded(polygon((0.0, -0.66), (0.72, 0.68), (-0.72, 0.68)), 0.13),
        together(line(0.0, -0.3, 0.0, 0.22, 0.22), circle(0.13, 0.0, 0.53)),
    ),
    "error": (
        (220, 38, 38),
        rounded(regular(8, 0.88, 0.5), 0.06),
        together(line(-0.36, -0.36, 0.36, 0.36, 0.26), line(-0.36, 0.36, 0.36, -0.36, 0.26)),
    ),
    "critical": (
        (126, 34, 206),
        rounded(regular(4, 0.88, 0.0), 0.1),
        together(
            polygon((0.14, -0.6), (0.14, 0.12), (-0.34, 0.12)),
            polygon((-0.14, -0.12), (0.34, -0.12), (-0.14, 0.6)),
        ),
    ),
}


def coverage(shape: Shape, column: int, row: int) -> float:
    """Return how much of a pixel is inside a shape, from 0 to 1."""
    steps = [(step + 0.5) / SAMPLES for step in range(SAMPLES)]
    points = ((2 * (column + dx) / SIZE - 1, 2 * (row + dy) / SIZE - 1) for dx in steps for dy in steps)
    return sum(shape(x, y) <= 0 for x, y in points) / SAMPLES**2


def draw(name: str) -> bytes:
    """Return a picture as a PNG with transparency."""
    colour, ground, sign = PICTURES[name]
    rows = []
    for row in range(SIZE):
        pixels = bytearray()
        for column in range(SIZE):
            white = coverage(sign, column, row)
            pixels += bytes(round(channel + (255 - channel) * white) for channel in colour)
            pixels.append(round(255 * coverage(ground, column, row)))
        rows.append(bytes([0]) + bytes(pixels))
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 6, 0, 0, 0)
    data = zlib.compress(b"".join(rows), 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def main() -> None:
    """Write the pictures into the package, or into the folder that is named."""
    default = Path(__file__).parents[1] / "gntp_logging" / "alerts" / "icons"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    for name in PICTURES:
        (folder / f"{name}.png").write_bytes(draw(name))


if __name__ == "__main__":
    main()
