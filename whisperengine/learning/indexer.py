"""Gives stored answers their embedding and feeling, in batches behind the conversation; picks up what a crash left
pending.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import asyncpg

from whisperengine.db.pool import AWAY
from whisperengine.emotion.classifier import EmotionReading
from whisperengine.emotion.feelings import Feelings
from whisperengine.errors import EncoderError
from whisperengine.inference.encoder import Encoder, Reading
from whisperengine.memory import indexing
from whisperengine.memory.messages import Read

log = logging.getLogger(__name__)

BATCH = 64
QUEUE_LIMIT = 2_000
GATHER_SECONDS = 0.25
"""Answers are read and written together with those of so long: people take longer to say the next thing."""
SWEEP_SECONDS = 60.0

Key = tuple[int, int, int]
Written = tuple[Key, str, Reading | None, EmotionReading | None]
"""An answer (user_id, character_id, message_id), its text, and what was read from it so far."""


def to_read(model_id: int, reading: Reading, feeling: EmotionReading) -> Read:
    """What the encoder saw and the classifier made of it, as it is stored."""
    return Read(model_id, reading.embedding, reading.emotion.tolist(), feeling.primary, feeling.intensity)


class Indexer:
    """One per process.

    `add` never waits; what does not fit the queue stays marked in the database and is swept later.
    """

    def __init__(self, pool: asyncpg.Pool, encoder: Encoder, feelings: Feelings, model_id: int) -> None:
        self._pool, self._encoder, self._feelings, self._model_id = pool, encoder, feelings, model_id
        self._queue: asyncio.Queue[Written] = asyncio.Queue(QUEUE_LIMIT)
        self._recalled: list[Key] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="indexer")

    def add(self, key: Key, text: str, reading: Reading | None = None, feeling: EmotionReading | None = None) -> None:
        """Take a stored answer, to be written soon with what is read from it; what is not known yet is read then."""
        if not self._queue.full():
            self._queue.put_nowait((key, text, reading, feeling))

    def note_recalled(self, keys: Sequence[Key]) -> None:
        """Take note of memories that were shown to the model, to be counted soon. Forgotten when too many wait."""
        if len(self._recalled) < QUEUE_LIMIT:
            self._recalled.extend(keys)

    async def close(self) -> None:
        """Writes what is queued and was read, and ends. The rest is marked, and read by who starts next."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        while not self._queue.empty():
            await self._write([item for item in self._take() if item[2]])

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        sweep_at = clock()
        while True:
            try:
                # By the clock: where people talk without a pause, what an outage left would wait for ever.
                if clock() >= sweep_at:
                    sweep_at = clock() + SWEEP_SECONDS
                    await self._sweep()
                if first := await self._next(sweep_at):
                    await asyncio.sleep(GATHER_SECONDS)
                    await self._write([first, *self._take()])
            except AWAY as error:
                log.warning(
                    "indexing waits for the database (%s); what is pending is tried again", type(error).__name__
                )
                sweep_at = clock() + 2.0
            except EncoderError as error:
                log.warning("answers wait to be read (%s); they are tried again in a minute", error)
                sweep_at = clock() + SWEEP_SECONDS

    async def _next(self, until: float) -> Written | None:
        """The first that waits; None when there is none until then (loop time)."""
        try:
            # Not wait_for, which before Python 3.12 can lose a cancellation that comes as its time ends.
            async with asyncio.timeout_at(until):
                return await self._queue.get()
        except TimeoutError:
            return None

    def _take(self) -> list[Written]:
        return [self._queue.get_nowait() for _ in range(min(BATCH - 1, self._queue.qsize()))]

    async def _write(self, items: Sequence[Written]) -> None:
        texts = [text for _, text, reading, _ in items if reading is None]
        read = iter(await self._encoder.read(texts, waited=False))
        known = [(key, text, reading or next(read), feeling) for key, text, reading, feeling in items]
        unfelt = [(text, reading) for _, text, reading, feeling in known if feeling is None]
        felt = iter(await self._feelings.read([text for text, _ in unfelt], [reading for _, reading in unfelt]))
        await indexing.store_reads(
            self._pool,
            [(key, to_read(self._model_id, reading, feeling or next(felt))) for key, _, reading, feeling in known],
        )
        recalled, self._recalled = self._recalled, []
        await indexing.count_recalled(self._pool, recalled)

    async def _sweep(self) -> None:
        while items := await indexing.pending(self._pool, BATCH):
            await self._write([((u, c, m), text, None, None) for u, c, m, text in items])
            log.info("%d messages indexed that had been waiting", len(items))
