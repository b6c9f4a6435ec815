"""Pictures of characters are read safely and made small."""

from __future__ import annotations

import asyncio
import io
import threading

import pytest
from PIL import Image

from tests.support.pictures import opened, picture
from whisperengine.api.characters_files import Desk
from whisperengine.characters import pictures
from whisperengine.characters.text_files import InvalidFile
from whisperengine.errors import TooLargeError


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF"])
@pytest.mark.parametrize("size", [(1, 1), (30, 2000), (2000, 30), (700, 900)])
def test_every_form_and_format_becomes_a_kept_picture_and_squares(format: str, size: tuple[int, int]):
    kept, *squares = pictures.from_upload(picture(format, *size))
    assert (kept.side, kept.media_type) == (0, "image/png")
    assert all(one <= most for one, most in zip(opened(kept.data).size, pictures.KEPT_SIZE, strict=True))
    assert {one.side for one in squares} == set(pictures.SIDES)
    for one in squares:
        assert opened(one.data).size == (one.side, one.side)


def test_a_picture_of_a_card_is_kept_byte_for_byte():
    data = picture("PNG", 2000, 3000)
    assert pictures.from_card(data, "image/png")[0].data == data


def test_transparency_stays():
    out = io.BytesIO()
    Image.new("RGBA", (200, 200), (0, 0, 0, 0)).save(out, "PNG")
    smallest = pictures.from_upload(out.getvalue())[-1]
    assert opened(smallest.data).convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]


def test_a_portrait_is_cut_where_the_face_is():
    portrait = Image.new("RGB", (400, 1200), "#000000")
    portrait.paste("#ffffff", (0, 0, 400, 400))
    out = io.BytesIO()
    portrait.save(out, "PNG")
    large = next(one for one in pictures.from_upload(out.getvalue()) if one.side == 512)
    assert opened(large.data).convert("L").getpixel((256, 40)) > 200  # type: ignore[operator]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", InvalidFile),
        (b"GIF89a", InvalidFile),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", InvalidFile),
        (picture("JPEG")[:300], InvalidFile),
        (picture("PNG")[:60], InvalidFile),
        (picture("BMP"), InvalidFile),
        (picture("PNG", 6000, 6000), TooLargeError),
        (picture("PNG", 15000, 15000), TooLargeError),
        (bytes(pictures.MAX_UPLOAD_BYTES + 1), TooLargeError),
    ],
)
def test_what_is_no_picture_or_too_large_a_one_is_refused(data: bytes, error: type[Exception]):
    with pytest.raises(error):
        pictures.from_upload(data)


async def test_files_are_worked_on_away_from_the_event_loop_one_at_a_time():
    desk = Desk()
    idents = await asyncio.gather(*(desk.work(threading.get_ident) for _ in range(5)))
    assert len(set(idents)) == 1
    assert idents[0] != threading.get_ident()
