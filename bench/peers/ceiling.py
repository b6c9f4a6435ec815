"""The raw ceiling: a turn's statements by asyncpg alone and its encodes alone, with nothing of the service around them.

No HTTP server, no persona, no prompt, no scoring of what was found: what is left is what the database and the encoder
take, in the order and with the overlap of a turn.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import cache

import aiohttp
import asyncpg
import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

from whisperengine import config as configuration
from whisperengine.db import migrate
from whisperengine.db.ids import new_id
from whisperengine.db.pool import open_pool
from whisperengine.inference import models
from whisperengine.inference.graph import EMBEDDING, EMOTION
from whisperengine.inference.session import feed, open_session
from whisperengine.memory import groundwork, indexing, messages, people, recall
from whisperengine.memory.messages import Place, Read
from whisperengine.memory.relationship import Step
from whisperengine.memory.sketches import BEGINNING
from whisperengine.memory.terms import search_text

NAME = "raw statements and encodes"
CHARACTER = 1
STEP = Step(0.0, 0.0, 0.0, "neutral")


class Ceiling:
    """Tells as a turn does and asks as a recall does; see `contenders.Tell` and `contenders.Ask`."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        model: int,
        encoder: ort.InferenceSession,
        tokenizer: Tokenizer,
        http: aiohttp.ClientSession,
        stub: str,
    ) -> None:
        self._pool, self._model, self._http, self._stub = pool, model, http, stub
        self._encoder, self._tokenizer = encoder, tokenizer
        self._known: dict[str, int] = {}

    @classmethod
    async def open(cls, stack: AsyncExitStack, dsn: str, stub: str) -> Ceiling:
        await migrate.up(dsn, report=lambda line: None)
        pool = await open_pool(dsn, 4)
        stack.push_async_callback(pool.close)
        await pool.execute("insert into characters (id, name, definition) values ($1, 'raw', '{}')", CHARACTER)
        config = configuration.load()
        files = await asyncio.to_thread(models.ensure, config, print)
        tokenizer = Tokenizer.from_file(str(files.tokenizer))
        tokenizer.no_padding()
        session = open_session(files.onnx, config.encoder_threads)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        return cls(pool, await indexing.model_id(pool, "raw", 384), session, tokenizer, http, stub)

    async def tell(self, person: str, text: str) -> None:
        place = await self._place(person)
        read, best = await asyncio.gather(asyncio.to_thread(self._read, text), self._lexical(place, text))
        said, now = new_id(), datetime.now(UTC)
        await asyncio.gather(
            messages.accept(self._pool, place, said, now, text, read, None), self._recall(place, read.embedding, best)
        )
        asked = {"model": "stub", "stream": True, "messages": [{"role": "user", "content": text}]}
        async with self._http.post(self._stub + "/v1/chat/completions", json=asked) as response:
            answer = (await response.text())[:100]
        number = new_id()
        read, _ = await asyncio.gather(
            asyncio.to_thread(self._read, answer),
            messages.store_answer(self._pool, place, number, now, answer, said, "stub", STEP),
        )
        await indexing.store_reads(self._pool, [((place.user_id, CHARACTER, number), read)])

    async def ask(self, person: str, text: str) -> list[str]:
        place = await self._place(person)
        read, best = await asyncio.gather(asyncio.to_thread(self._read, text), self._lexical(place, text))
        nearest = sorted(await self._recall(place, read.embedding, best), key=lambda each: -each[12])
        return [each[4] for each in nearest[:10]]

    async def _lexical(self, place: Place, text: str) -> list[int]:
        row = await self._pool.fetchrow(
            groundwork.STATEMENT, place.user_id, CHARACTER, False, search_text(text), place.channel, new_id()
        )
        return row["best"]

    async def _recall(self, place: Place, embedding: np.ndarray, best: list[int]) -> list[asyncpg.Record]:
        return await self._pool.fetch(
            recall.STATEMENT, place.user_id, CHARACTER, self._model, False, embedding, [], [], [], BEGINNING, best
        )

    async def _place(self, person: str) -> Place:
        if person not in self._known:
            self._known[person] = (await people.resolve(self._pool, "raw", person)).user_id
        return Place(self._known[person], CHARACTER, "raw", False)

    def _read(self, text: str) -> Read:
        outputs = _outputs(self._encoder)
        found = self._encoder.run(outputs, feed([self._tokenizer.encode(text).ids]))
        named = dict(zip(outputs, found, strict=True))
        return Read(self._model, named[EMBEDDING][0], named[EMOTION][0].tolist(), "neutral", 0.0)


@cache
def _outputs(session: ort.InferenceSession) -> tuple[str, ...]:
    return tuple(output.name for output in session.get_outputs())
