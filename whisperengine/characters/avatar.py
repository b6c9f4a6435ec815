"""The picture of a character that has none: drawn from its name and its `avatar` section, the same every time."""

from __future__ import annotations

import hashlib
import math
import struct
import zlib
from html import escape

from whisperengine.characters.definition import Definition
from whisperengine.characters.png import SIGNATURE, chunk_bytes

SIDE = 256
PNG_WIDTH, PNG_HEIGHT = 400, 600


def svg(definition: Definition) -> str:
    """A square picture, 256 by 256 units."""
    background, accent = colours(definition)
    title = escape(definition.text("avatar.alt") or definition.full_name)
    lighter = _mix(background, accent, 0.25)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {SIDE}" role="img" aria-label="{title}">'
        f"<title>{title}</title>"
        f'<defs><linearGradient id="sky" x1="0" y1="0" x2="0" y2="1"><stop stop-color="{_hex(background)}"/>'
        f'<stop offset="1" stop-color="{_hex(lighter)}"/></linearGradient></defs>'
        f'<rect width="{SIDE}" height="{SIDE}" fill="url(#sky)"/>'
        f'<g fill="{_hex(accent)}" stroke="{_hex(accent)}" stroke-linecap="round" stroke-linejoin="round">'
        f"{_figure(definition, _hex(background))}</g></svg>"
    )


def colours(definition: Definition) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """(background, accent) as red, green, blue; from the name where the author chose none."""
    digest = hashlib.sha256(definition.name.encode()).digest()
    hue = digest[0] / 256
    background = _parse(definition.text("avatar.background")) or _hue(hue, 0.28)
    accent = _parse(definition.text("avatar.accent")) or _hue(hue + 0.45, 0.78)
    return background, accent


def _figure(definition: Definition, behind: str) -> str:
    digest = hashlib.sha256(definition.name.encode()).digest()
    match definition.text("avatar.motif"):
        case "wave":
            lines = "".join(_wave(112 + 34 * row, 14 - 3 * row, digest[row] / 40) for row in range(4))
            return f'<circle cx="178" cy="72" r="26" stroke="none"/><g fill="none" stroke-width="9">{lines}</g>'
        case "spark":
            return _star(128, 128, 92, 16, 4) + f'<circle cx="128" cy="128" r="11" fill="{behind}" stroke="none"/>'
        case "star":
            return _star(128, 132, 86, 36, 5)
        case "book":
            page = "M128 92 C104 70 66 68 44 80 V186 C66 174 104 176 128 198 Z"
            other = "M128 92 C152 70 190 68 212 80 V186 C190 174 152 176 128 198 Z"
            return f'<path d="{page}" stroke="none"/><path d="{other}" stroke="none" opacity="0.75"/>' + _star(
                128, 54, 26, 7, 4
            )
        case "gear":
            tooth = '<rect x="116" y="40" width="24" height="40" rx="5" stroke="none" transform="rotate({} 128 128)"/>'
            return (
                "".join(tooth.format(angle) for angle in range(0, 360, 45))
                + '<circle cx="128" cy="128" r="62" stroke="none"/>'
                + f'<circle cx="128" cy="128" r="26" fill="{behind}" stroke="none"/>'
            )
        case "leaf":
            return (
                '<path d="M62 196 C40 100 120 46 212 52 C212 150 156 212 62 196 Z" stroke="none"/>'
                f'<path d="M62 196 C104 150 140 116 178 88" fill="none" stroke="{behind}" stroke-width="8"/>'
            )
        case "moon":
            return '<path d="M164 44 A90 90 0 1 0 212 160 A72 72 0 1 1 164 44 Z" stroke="none"/>' + _star(
                196, 84, 16, 5, 4
            )
        case _:
            initials = "".join(word[0] for word in definition.called.split()[:2]).upper() or "?"
            return (
                '<text x="128" y="132" font-family="Georgia, serif" font-size="112" text-anchor="middle" '
                f'dominant-baseline="middle" stroke="none">{escape(initials)}</text>'
            )


def _wave(y: float, height: float, phase: float) -> str:
    points = [(x, y + height * math.sin(x / 26 + phase)) for x in range(-8, SIDE + 9, 8)]
    return f'<polyline points="{" ".join(f"{x},{y:.1f}" for x, y in points)}"/>'


def _star(x: float, y: float, outer: float, inner: float, points: int) -> str:
    corners = []
    for step in range(points * 2):
        angle, radius = math.pi * step / points - math.pi / 2, inner if step % 2 else outer
        corners.append(f"{x + radius * math.cos(angle):.1f},{y + radius * math.sin(angle):.1f}")
    return f'<polygon points="{" ".join(corners)}" stroke-width="4"/>'


def png(definition: Definition) -> bytes:
    """A plain PNG (a gradient in the character's colours, 400 by 600) to carry a card when there is no picture."""
    top, bottom = colours(definition)
    rows = []
    for y in range(PNG_HEIGHT):
        # Filter type 0 before each row; every pixel of a row is the same, so the whole packs to a few kilobytes.
        rows.append(b"\0" + bytes(_mix(top, bottom, 0.6 * y / PNG_HEIGHT)) * PNG_WIDTH)
    header = struct.pack(">IIBBBBB", PNG_WIDTH, PNG_HEIGHT, 8, 2, 0, 0, 0)
    body = zlib.compress(b"".join(rows), 9)
    return SIGNATURE + chunk_bytes(b"IHDR", header) + chunk_bytes(b"IDAT", body) + chunk_bytes(b"IEND", b"")


def _parse(text: str) -> tuple[int, int, int] | None:
    return (int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)) if len(text) == 7 else None


def _hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _mix(one: tuple[int, int, int], two: tuple[int, int, int], share: float) -> tuple[int, int, int]:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, two, strict=True))
    return red, green, blue


def _hue(hue: float, light: float) -> tuple[int, int, int]:
    """A soft colour of that hue (0..1, any turn) and lightness (0..1)."""
    red, green, blue = (
        round(255 * light * (0.75 + 0.25 * math.cos(2 * math.pi * (hue - third)))) for third in (0, 1 / 3, 2 / 3)
    )
    return red, green, blue
