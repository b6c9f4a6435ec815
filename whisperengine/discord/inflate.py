"""Transport compression of the gateway: one zlib stream over all binary frames of a connection."""

from __future__ import annotations

import zlib

SUFFIX = b"\x00\x00\xff\xff"
MAX_PAYLOAD = 128 * 1024 * 1024


class Undecodable(Exception):
    """What came is no zlib stream, or would fill the memory. The connection cannot be read any further."""


class Inflater:
    """Frames in, payloads out. `limit` bounds a payload before and after inflation, in bytes: a few kB can unfold to
    gigabytes.
    """

    def __init__(self, limit: int = MAX_PAYLOAD) -> None:
        self._stream = zlib.decompressobj()
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        # The last bytes seen, because the mark itself may be spread over frames.
        self._tail = b""

    def feed(self, frame: bytes) -> bytes | None:
        """The payload that `frame` completes, or None while it goes on. Raises Undecodable."""
        if self._parts or not frame.endswith(SUFFIX):
            self._parts.append(frame)
            self._size += len(frame)
            if self._size > self._limit:
                raise Undecodable("a payload is larger than the limit")
            self._tail = (self._tail + frame)[-4:]
            if self._tail != SUFFIX:
                return None
            frame = b"".join(self._parts)
            self._tail = b""
            self._parts.clear()
            self._size = 0
        try:
            payload = self._stream.decompress(frame, self._limit)
        except zlib.error as error:
            raise Undecodable("not a zlib stream") from error
        if self._stream.eof:
            raise Undecodable("the zlib stream ended")
        if self._stream.unconsumed_tail:
            raise Undecodable("a payload unfolds beyond the limit")
        return payload
