"""PNG and APNG as containers of cards: reading and writing text chunks, everything else untouched.

Format: w3.org/TR/png-3, chapters 5 and 11. A card stands in a text chunk as base64 of UTF-8 JSON: keyword `ccv3`
(version 3) or `chara` (version 2); assets stand in `chara-ext-asset_:{path}`, in older ones without the colon.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from whisperengine.characters.text_files import MAX_TEXT_BYTES, InvalidFile
from whisperengine.errors import TooLargeError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CARD_KEYWORDS = ("ccv3", "chara")
ASSET_PREFIX = "chara-ext-asset_"

MAX_BYTES = 64 * 1024 * 1024
MAX_CHUNKS = 20_000
MAX_SIDE = 16_384
MAX_PIXELS = 64_000_000

_FREE_UNPACKED = 4 * 1024 * 1024

_TEXT_TYPES = (b"tEXt", b"zTXt", b"iTXt")
_CHUNK_TYPE = re.compile(rb"[A-Za-z]{4}")
_DAMAGED = "Export the picture again, or use the card's JSON file."


@dataclass(frozen=True, slots=True)
class Chunk:
    """Where a chunk lies in the file: from its length field at `start` to behind its checksum at `end`."""

    type: bytes
    start: int
    end: int

    def data(self, picture: bytes | memoryview) -> memoryview:
        return memoryview(picture)[self.start + 8 : self.end - 4]


def is_png(data: bytes) -> bool:
    return data.startswith(SIGNATURE)


def chunks(picture: bytes) -> list[Chunk]:
    """All chunks up to IEND; what follows it is ignored. Every length and checksum is verified.

    Raises InvalidFile for what is no sound PNG, TooLargeError for more than MAX_BYTES or MAX_CHUNKS, or for a picture
    whose pixels would not fit memory.
    """
    if len(picture) > MAX_BYTES:
        raise TooLargeError(
            f"The picture is {len(picture):,} bytes long; at most {MAX_BYTES:,} are read. Use a smaller one."
        )
    if not is_png(picture):
        raise InvalidFile("The file is not a PNG picture. Export the card again as PNG or JSON.")
    view = memoryview(picture)
    found: list[Chunk] = []
    place = len(SIGNATURE)
    while True:
        if place + 12 > len(picture):
            raise InvalidFile(f"The picture ends in the middle, after {len(picture):,} bytes. {_DAMAGED}")
        length, type_ = struct.unpack_from(">I4s", picture, place)
        end = place + 12 + length
        if not _CHUNK_TYPE.fullmatch(type_):
            raise InvalidFile(f"The picture has a chunk without a valid name at byte {place:,}. {_DAMAGED}")
        if end > len(picture):
            raise InvalidFile(
                f"The picture's {type_.decode()} chunk at byte {place:,} claims {length:,} bytes, more than the file "
                f"has. {_DAMAGED}"
            )
        (checksum,) = struct.unpack_from(">I", picture, end - 4)
        if zlib.crc32(view[place + 4 : end - 4]) != checksum:
            raise InvalidFile(
                f"The picture's {type_.decode()} chunk at byte {place:,} is damaged (wrong checksum). {_DAMAGED}"
            )
        found.append(Chunk(type_, place, end))
        if len(found) > MAX_CHUNKS:
            raise TooLargeError(
                f"The picture has more than {MAX_CHUNKS:,} chunks. Save it again with a picture editor."
            )
        place = end
        if type_ == b"IEND":
            break
    _check_size(picture, found)
    return found


def _check_size(picture: bytes, found: list[Chunk]) -> None:
    if found[0].type != b"IHDR" or found[0].end - found[0].start != 25:
        raise InvalidFile(f"The picture does not begin with a header. {_DAMAGED}")
    width, height = struct.unpack_from(">II", picture, found[0].start + 8)
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise TooLargeError(
            f"The picture is {width:,} x {height:,} pixels; at most {MAX_SIDE:,} on a side and {MAX_PIXELS:,} in all "
            "are taken. Scale it down."
        )


def texts(picture: bytes, found: list[Chunk]) -> Iterator[tuple[str, bytes]]:
    """(keyword, value) of the text chunks that hold parts of a card, of each keyword the first. Other text is not
    looked into.
    """
    seen: set[str] = set()
    # Packed text may unpack to this much in all: sixteen times the picture is more than JSON ever shrinks.
    room = min(MAX_TEXT_BYTES, max(_FREE_UNPACKED, 16 * len(picture)))
    for chunk in found:
        if chunk.type in _TEXT_TYPES:
            keyword = _keyword(chunk, picture)
            name = keyword if keyword.startswith(ASSET_PREFIX) else keyword.lower()
            if is_card_keyword(keyword) and name not in seen:
                seen.add(name)
                value = _text_value(chunk.type, chunk.data(picture), len(keyword), room)
                room -= len(value)
                yield name, value


def is_card_keyword(keyword: str) -> bool:
    return keyword.lower() in CARD_KEYWORDS or keyword.startswith(ASSET_PREFIX)


def _keyword(chunk: Chunk, picture: bytes) -> str:
    # Asset keywords hold a path and so pass the 79 bytes that PNG allows.
    return bytes(chunk.data(picture)[:1024]).split(b"\0", 1)[0].decode("latin-1")


def _text_value(type_: bytes, data: memoryview, keyword_length: int, room: int) -> bytes:
    value = data[keyword_length + 1 :]
    if type_ == b"tEXt":
        return bytes(value)
    if type_ == b"zTXt":
        return _inflate(value[1:], room)
    flags, language_and_on = bytes(value[:2]), value[2:]
    head = bytes(language_and_on[:4096]).split(b"\0", 2)
    if len(flags) < 2 or len(head) < 3:
        raise InvalidFile(f"The picture's card is cut off. {_DAMAGED}")
    text = language_and_on[len(head[0]) + len(head[1]) + 2 :]
    return _inflate(text, room) if flags[0] else bytes(text)


def _inflate(data: memoryview, room: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(data, max(1, room))
    except zlib.error:
        raise InvalidFile(f"The picture's card cannot be unpacked. {_DAMAGED}") from None
    if inflater.unconsumed_tail:
        raise TooLargeError(f"The picture's card unpacks to more than {max(0, room):,} bytes. Use its JSON file.")
    if not inflater.eof:
        raise InvalidFile(f"The picture's card is cut off. {_DAMAGED}")
    return text


def unbase64(value: bytes, what: str) -> bytes:
    """Base64 as found in the wild: white space inside, padding missing, the URL alphabet. Raises InvalidFile for
    anything else.
    """
    plain = value.translate(bytes.maketrans(b"-_", b"+/"), b" \t\r\n\0").rstrip(b"=")
    try:
        return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        raise InvalidFile(f"{what} in the picture is not base64. {_DAMAGED}") from None


def with_texts(picture: bytes, values: Mapping[str, bytes], found: list[Chunk] | None = None) -> bytes:
    """The picture with these texts (keyword -> bytes, stored as base64) as `tEXt` chunks in place of any card that it
    held.

    `found` are its chunks, where they were read already.
    """
    parts: list[bytes | memoryview] = [SIGNATURE]
    view = memoryview(picture)
    for chunk in found or chunks(picture):
        if chunk.type in _TEXT_TYPES and is_card_keyword(_keyword(chunk, picture)):
            continue
        if chunk.type == b"IEND":
            parts += [text_chunk(keyword, base64.b64encode(value)) for keyword, value in values.items()]
        parts.append(view[chunk.start : chunk.end])
    return b"".join(parts)


def text_chunk(keyword: str, value: bytes) -> bytes:
    return chunk_bytes(b"tEXt", keyword.encode("latin-1", "replace") + b"\0" + value)


def chunk_bytes(type_: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + type_ + data + struct.pack(">I", zlib.crc32(type_ + data))
