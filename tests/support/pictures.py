"""Pictures for tests."""

from __future__ import annotations

import io
import random

from PIL import Image


def picture(format: str, width: int = 300, height: int = 450, colour: str = "#803050", **options: object) -> bytes:
    """One colour throughout."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, format, **options)
    return out.getvalue()


def noise(megabytes: float) -> bytes:
    """A PNG that cannot be packed, of about that size."""
    side = int((megabytes * 1024 * 1024 / 3) ** 0.5)
    out = io.BytesIO()
    Image.frombytes("RGB", (side, side), random.Random(1).randbytes(side * side * 3)).save(out, "PNG", compress_level=0)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))
