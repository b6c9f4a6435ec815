"""Sketches: the one-bit embeddings of people who are talking now, held so that a search need not read all their rows.

They are a hint and no more. The database looks at each row that is named here again, with its place, its vector and who
may see it, and searches by itself what is newer; what was deleted is not found there, and what came late from an import
is missed for a few minutes at most. Reading 50,000 sketches in the database takes 17 ms, comparing them here 1 ms.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
import numpy as np

from whisperengine.db.ids import id_at
from whisperengine.db.pool import AWAY
from whisperengine.memory.messages import Place

log = logging.getLogger(__name__)

SHORTLIST = 400
WORTH_FROM = 2_000
"""Messages from which on a search in memory is worth the reading."""
ROWS_MOST = 1_000_000
"""56 MB at 384 dimensions."""
# Embeddings of answers are written behind the talk; by this age a message has its own.
SETTLED = timedelta(minutes=10)
FRESH_SECONDS = 300.0
BEGINNING = -(2**63)

_SELECT = """
select string_agg(int8send(message_id) || boolsend(shared) || varbit_send(sketch), '')
from embeddings where user_id = $1 and character_id = $2 and model_id = $3 and message_id <= $4
"""


@dataclass(frozen=True, slots=True)
class Shortlist:
    """The most similar messages up to the id `until`; what is newer is for the database to search."""

    message_ids: Sequence[int] = ()
    until: int = BEGINNING


@dataclass(frozen=True, slots=True)
class _Held:
    """message_ids int64 (n), shared bool (n), bits uint64 (n, ceil(dimensions / 64))."""

    message_ids: np.ndarray
    shared: np.ndarray
    bits: np.ndarray
    until: int
    read_at: float


class Sketches:
    """One per process. `model_id` names the embedding model whose vectors are searched."""

    def __init__(self, pool: asyncpg.Pool, model_id: int) -> None:
        self._pool, self._model_id = pool, model_id
        self._held: OrderedDict[tuple[int, int], _Held] = OrderedDict()
        self._reading: dict[tuple[int, int], asyncio.Task[None]] = {}

    def nearest(self, place: Place, embedding: np.ndarray) -> Shortlist:
        """The shortlist for an embedding float32 (dimensions) by Hamming distance; empty when nothing is held."""
        held = self._held.get((place.user_id, place.character_id))
        if held is None:
            return Shortlist()
        self._held.move_to_end((place.user_id, place.character_id))
        distances = np.bitwise_count(held.bits ^ _bits(embedding)).sum(axis=1, dtype=np.int32)
        if place.shared:
            distances[~held.shared] = np.iinfo(np.int32).max
        if len(distances) > SHORTLIST:
            nearest = held.message_ids[np.argpartition(distances, SHORTLIST)[:SHORTLIST]]
        else:
            nearest = held.message_ids
        return Shortlist(nearest.tolist(), held.until)

    def note(self, place: Place, messages: int) -> None:
        """Hear of a conversation of so many messages; its sketches are read in the background when that is worth it."""
        key = (place.user_id, place.character_id)
        held = self._held.get(key)
        if key in self._reading or not WORTH_FROM <= messages <= ROWS_MOST:
            return
        if held is None or time.monotonic() - held.read_at > FRESH_SECONDS:
            task = self._reading[key] = asyncio.create_task(self._read(key), name="sketches")
            task.add_done_callback(lambda _: self._reading.pop(key, None))

    @property
    def reading(self) -> list[asyncio.Task[None]]:
        """What is being read now."""
        return list(self._reading.values())

    def forget(self, user_id: int) -> None:
        """Drop what is held of a person: it was erased, or much was added at once."""
        for key in [key for key in self._held if key[0] == user_id]:
            del self._held[key]
        for key in [key for key in self._reading if key[0] == user_id]:
            self._reading[key].cancel()

    async def close(self) -> None:
        if reading := self.reading:
            for task in reading:
                task.cancel()
            await asyncio.wait(reading)

    async def _read(self, key: tuple[int, int]) -> None:
        until = id_at(datetime.now(UTC) - SETTLED)
        try:
            packed = await self._pool.fetchval(_SELECT, *key, self._model_id, until) or b""
        except AWAY as error:
            log.info("sketches are not read (%s); the database searches alone", type(error).__name__)
            return
        self._held[key] = await asyncio.to_thread(_unpacked, packed, until)
        self._held.move_to_end(key)
        while len(self._held) > 1 and sum(len(held.message_ids) for held in self._held.values()) > ROWS_MOST:
            self._held.popitem(last=False)


def _unpacked(packed: bytes, until: int) -> _Held:
    """From records of (id int8, shared bool, length in bits int4, bits), all numbers big-endian."""
    bits = int.from_bytes(packed[9:13]) if packed else 0
    record = np.dtype([("id", ">i8"), ("shared", "?"), ("length", ">i4"), ("bits", "u1", (-(-bits // 8),))])
    rows = np.frombuffer(packed, record)
    return _Held(rows["id"].astype(np.int64), rows["shared"].copy(), _words(rows["bits"]), until, time.monotonic())


def _bits(embedding: np.ndarray) -> np.ndarray:
    """pgvector's binary_quantize of the half-precision vector that is stored, as uint64 (ceil(dimensions / 64))."""
    return _words(np.packbits(embedding.astype(np.float16) > 0)[None])[0]


def _words(rows: np.ndarray) -> np.ndarray:
    padded = np.zeros((len(rows), -(-rows.shape[1] // 8) * 8), np.uint8)
    padded[:, : rows.shape[1]] = rows
    return padded.view(np.uint64)
