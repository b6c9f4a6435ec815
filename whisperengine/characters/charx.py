"""CHARX: a zip file with `card.json` at its root and assets beside it. Also when a JPEG picture stands before the zip,
as RisuAI writes it.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from whisperengine.characters.text_files import MAX_TEXT_BYTES, InvalidFile
from whisperengine.errors import TooLargeError

CARD = "card.json"
MAX_BYTES = 128 * 1024 * 1024
MAX_FILES = 5_000
MAX_UNPACKED = 256 * 1024 * 1024
MAX_NAME = 512

# Assets are pictures and sounds, packed already; only text shrinks much. What unpacks to more than this many times its
# size is made to do harm.
MAX_RATIO = 8
_FREE_UNPACKED = 8 * 1024 * 1024
_STEP = 1024 * 1024

_END = b"PK\x05\x06"
_END_SIZE = 22
_MAX_COMMENT = 65_535
_BAD_NAME = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]')


@dataclass(frozen=True)
class Archive:
    """`card` is the JSON text as bytes; `files` maps every other path to its bytes; `front` is the picture before the
    zip, or b"".
    """

    card: bytes
    files: dict[str, bytes]
    front: bytes


def is_charx(data: bytes) -> bool:
    return data.startswith(b"PK\x03\x04") or (data.startswith(b"\xff\xd8\xff") and _end_record(data) is not None)


def read_charx(data: bytes) -> Archive:
    """Unpack within bounds. Raises InvalidFile for a damaged, encrypted or tricky archive, TooLargeError for one that
    is or becomes too large.
    """
    if len(data) > MAX_BYTES:
        raise TooLargeError(
            f"The CHARX file is {len(data):,} bytes long; at most {MAX_BYTES:,} are read. Remove assets."
        )
    _check_directory(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            card, files = _unpack(archive, budget=max(_FREE_UNPACKED, min(MAX_UNPACKED, MAX_RATIO * len(data))))
            return Archive(card, files, data[: min(info.header_offset for info in archive.infolist())])
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError, OSError, NotImplementedError) as error:
        raise InvalidFile(f"The CHARX file is damaged ({str(error)[:200]}). Export it again.") from None


def _unpack(archive: zipfile.ZipFile, budget: int) -> tuple[bytes, dict[str, bytes]]:
    infos = [info for info in archive.infolist() if not info.filename.endswith("/")]
    seen: set[str] = set()
    for info in infos:
        check_path(info.filename)
        if info.filename in seen:
            raise InvalidFile(f"The CHARX file holds {info.filename[:80]!r} twice. Export it again.")
        seen.add(info.filename)
        if info.flag_bits & 0x1:
            raise InvalidFile("The CHARX file is encrypted. Export it without a password.")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InvalidFile("The CHARX file is packed in a way that is not supported. Pack it with deflate.")
        if (info.external_attr >> 16) & 0o170000 == 0o120000:
            raise InvalidFile(f"The CHARX file holds a link ({info.filename[:80]!r}). Export it without links.")
    if CARD not in seen:
        raise InvalidFile(f"The CHARX file has no {CARD} at its root. Export the character again.")
    card = b""
    files: dict[str, bytes] = {}
    for info in infos:
        limit = min(budget, MAX_TEXT_BYTES) if info.filename == CARD else budget
        content = _read(archive, info, limit)
        budget -= len(content)
        if info.filename == CARD:
            card = content
        else:
            files[info.filename] = content
    return card, files


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    # The sizes in the directory are claims; what counts is what comes out.
    parts = []
    size = 0
    with archive.open(info) as stream:
        while part := stream.read(_STEP):
            size += len(part)
            if size > limit:
                raise TooLargeError(
                    f"The CHARX file unpacks to far more than its size (at {info.filename[:80]!r}). Export it again "
                    "with fewer or smaller assets."
                )
            parts.append(part)
    return b"".join(parts)


def check_path(path: str) -> None:
    """Raise InvalidFile unless `path` is relative, stays inside, and is spelt plainly."""
    parts = path.split("/")
    if (
        len(path) > MAX_NAME
        or _BAD_NAME.search(path)
        or any(part in ("", ".", "..") or part != part.strip() for part in parts)
    ):
        raise InvalidFile(f"The path {path[:80]!r} of an asset is not allowed. Rename the file and export again.")


def _end_record(data: bytes) -> int | None:
    place = data.rfind(_END, max(0, len(data) - _END_SIZE - _MAX_COMMENT))
    return place if place >= 0 and place + _END_SIZE <= len(data) else None


def _check_directory(data: bytes) -> None:
    """Bound the directory before zipfile builds an object for each of its entries."""
    place = _end_record(data)
    if place is None:
        raise InvalidFile("The CHARX file is cut off: it has no directory. Export it again.")
    count, size, offset = struct.unpack_from("<HII", data, place + 10)
    if 0xFFFF in (count,) or 0xFFFFFFFF in (size, offset):
        raise TooLargeError(
            "The CHARX file uses ZIP64, which only far too large files need. Export it with fewer assets."
        )
    if count > MAX_FILES or size > MAX_FILES * (46 + MAX_NAME):
        raise TooLargeError(f"The CHARX file holds {count:,} files; at most {MAX_FILES:,} are read. Remove assets.")


def write_charx(card: bytes, files: Mapping[str, bytes]) -> bytes:
    """A CHARX file; the same content always gives the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, content in {CARD: card, **files}.items():
            check_path(path)
            info = zipfile.ZipInfo(path)
            info.compress_type = zipfile.ZIP_DEFLATED if path.endswith((".json", ".txt")) else zipfile.ZIP_STORED
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    return out.getvalue()
