"""How close in meaning a message is to the entries of a lorebook."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping

import numpy as np

from whisperengine.characters.definition import Definition
from whisperengine.chat.script import KEPT, prepare
from whisperengine.inference.encoder import Encoder

log = logging.getLogger(__name__)

FIRST_WAIT = 1.0
"""Seconds that a turn waits while the entries of a character are read for the first time; it then goes on without."""


class Meanings:
    """Entries as vectors, read once for each version of a definition."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: OrderedDict[bytes, asyncio.Task[np.ndarray]] = OrderedDict()

    async def closeness(self, definition: Definition, embedding: np.ndarray) -> Mapping[str, float]:
        """Entry key -> cosine similarity to `embedding` (unit length), for entries that ask for it; empty while they
        are not read yet.
        """
        texts = (await prepare(definition)).book.meanings
        if not texts:
            return {}
        reading = self._known.get(definition.sha256)
        if reading is None:
            reading = self._known[definition.sha256] = asyncio.create_task(self._read(list(texts.values())))
            reading.add_done_callback(self._forget_failed)
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        done, _ = await asyncio.wait({reading}, timeout=FIRST_WAIT)
        if not done or reading.cancelled() or reading.exception() is not None:
            return {}
        return dict(zip(texts, (reading.result() @ embedding.astype(np.float32)).tolist(), strict=True))

    async def _read(self, texts: list[str]) -> np.ndarray:
        """Unit vectors, one row for each text."""
        return np.stack([read.embedding for read in await self._encoder.read(texts)]).astype(np.float32)

    def _forget_failed(self, reading: asyncio.Task[np.ndarray]) -> None:
        if not reading.cancelled():
            error = reading.exception()
            if error is None:
                return
            log.warning("Entries of a lorebook could not be read for their meaning: %s", error)
        self._known = OrderedDict((key, task) for key, task in self._known.items() if task is not reading)
