"""Pictures of characters: read safely, made into small squares once, kept in the database."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from PIL import Image, ImageOps

from whisperengine.characters.text_files import InvalidFile
from whisperengine.db.pool import Connection, Executor
from whisperengine.errors import TooLargeError

SIDES = (64, 128, 256, 512)
MAX_UPLOAD_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 25_000_000
"""Decoded, four bytes each: 100 MB."""
KEPT_SIZE = (1024, 1536)
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
TAG = (
    "coalesce((select encode(substring(p.sha256 for 8), 'hex') from character_pictures p "
    "where p.character_id = characters.id and p.side = 0), '')"
)
"""SQL: a short text that changes with the picture of a row of `characters`; '' when it has none."""

# Faces are in the upper part of a portrait.
_CENTRE = (0.5, 0.2)
_QUALITY = 82


@dataclass(frozen=True)
class Rendition:
    """A picture in one size: the side of its square in pixels, 0 for the picture as it is kept."""

    side: int
    media_type: str
    data: bytes = field(repr=False)

    @cached_property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.data).digest()


def from_upload(data: bytes) -> list[Rendition]:
    """What is kept of a picture that a person sent: a PNG of at most 1,024 by 1,536 without the camera's notes (place,
    time, device), and the squares. Computes: call it in a thread. Raises InvalidFile or TooLargeError.
    """
    if len(data) > MAX_UPLOAD_BYTES:
        raise TooLargeError(
            f"The picture is {len(data):,} bytes long; at most {MAX_UPLOAD_BYTES:,} are taken. Use a smaller one."
        )
    picture = _decoded(data)
    picture.thumbnail(KEPT_SIZE, Image.Resampling.LANCZOS)
    return [Rendition(0, "image/png", _saved(picture, "PNG", optimize=False)), *_squares(picture)]


def from_card(data: bytes, media_type: str) -> list[Rendition]:
    """What is kept of the picture of an imported card: every byte, and the squares. As `from_upload`."""
    kept = unshown(data, media_type)
    return [*kept, *_squares(_decoded(data))]


def unshown(data: bytes, media_type: str) -> list[Rendition]:
    """What is kept of a card's picture that cannot be decoded: its bytes, for exports."""
    kept = Rendition(0, media_type, data)
    # Here, in the thread: a large picture takes a while to hash.
    assert kept.sha256
    return [kept]


def as_png(data: bytes) -> bytes:
    """The picture as PNG, for a card to be written into. As `from_upload`."""
    return _saved(_decoded(data), "PNG")


def _decoded(data: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            width, height = opened.size
            if width * height > MAX_PIXELS:
                raise _too_many_pixels(f"{width:,} x {height:,}")
            opened.draft("RGB", KEPT_SIZE)
            upright = ImageOps.exif_transpose(opened)
            return upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels("far too many") from None
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, struct.error, zlib.error):
        raise InvalidFile(
            f"The picture cannot be read. Send a sound picture as {', '.join(FORMATS[:-1])} or {FORMATS[-1]}.",
            code="invalid_picture",
        ) from None


def _too_many_pixels(size: str) -> TooLargeError:
    return TooLargeError(f"The picture has {size} pixels; at most {MAX_PIXELS:,} in all are taken. Scale it down.")


def _squares(picture: Image.Image) -> list[Rendition]:
    made = []
    # Halved and thirded by plain averages first: the fine filter then has a fraction of the pixels to go through.
    picture = picture.reduce(max(1, min(picture.size) // SIDES[-1]))
    for side in reversed(SIDES):
        picture = ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS, centering=_CENTRE)
        made.append(Rendition(side, "image/webp", _saved(picture, "WEBP", quality=_QUALITY, method=1)))
    return made


def _saved(picture: Image.Image, format: str, **options: int) -> bytes:
    out = io.BytesIO()
    # Nothing of what the file told beside its pixels may leave with them.
    picture.info = {}
    picture.save(out, format, **options)
    return out.getvalue()


async def save(connection: Connection, character_id: int, renditions: list[Rendition]) -> None:
    """Put these in the place of the character's picture; none at all means the drawn one."""
    async with connection.transaction():
        await connection.execute("delete from character_pictures where character_id = $1", character_id)
        await connection.executemany(
            "insert into character_pictures (character_id, side, media_type, data, sha256) values ($1, $2, $3, $4, $5)",
            [(character_id, one.side, one.media_type, one.data, one.sha256) for one in renditions],
        )


async def get(connection: Executor, character_id: int, side: int = 0) -> Rendition | None:
    """The picture in that size, or None where there is none."""
    row = await connection.fetchrow(
        "select side, media_type, data from character_pictures where character_id = $1 and side = $2",
        character_id,
        side,
    )
    return Rendition(*row) if row else None


async def save_files(connection: Connection, character_id: int, files: Mapping[str, bytes]) -> None:
    """Put the files that came with a card in the place of the character's; path -> bytes."""
    async with connection.transaction():
        await connection.execute("delete from character_files where character_id = $1", character_id)
        await connection.executemany(
            "insert into character_files (character_id, path, data) values ($1, $2, $3)",
            [(character_id, path, data) for path, data in files.items()],
        )


async def replace_file(connection: Connection, character_id: int, path: str, data: bytes) -> None:
    """Other content for a file that is there."""
    await connection.execute(
        "update character_files set data = $3 where character_id = $1 and path = $2", character_id, path, data
    )


async def files(connection: Executor, character_id: int) -> dict[str, bytes]:
    """The files that came with the card: path -> bytes."""
    rows = await connection.fetch(
        "select path, data from character_files where character_id = $1 order by path", character_id
    )
    return {row["path"]: row["data"] for row in rows}


async def copy(connection: Connection, from_id: int, to_id: int) -> None:
    """Give a new character the picture and the files of another."""
    await connection.execute(
        "insert into character_pictures (character_id, side, media_type, data, sha256) "
        "select $2, side, media_type, data, sha256 from character_pictures where character_id = $1",
        from_id,
        to_id,
    )
    await connection.execute(
        "insert into character_files (character_id, path, data) "
        "select $2, path, data from character_files where character_id = $1",
        from_id,
        to_id,
    )
