"""What is kept of a person's talk with a character, outside of a turn: searched, added to, put right."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg

from whisperengine.characters.definition import Definition
from whisperengine.characters.store import Character
from whisperengine.db.ids import new_id
from whisperengine.db.pool import reachable
from whisperengine.emotion.feelings import Feelings
from whisperengine.inference.encoder import Encoder
from whisperengine.learning.indexer import to_read
from whisperengine.memory import corrections, history, recall
from whisperengine.memory.asked import Asked, ask
from whisperengine.memory.history import Said
from whisperengine.memory.messages import Place
from whisperengine.memory.people import Person
from whisperengine.memory.recall import Memory
from whisperengine.memory.sketches import Sketches


def asked_of(person: Person, definition: Definition, text: str, now: datetime) -> Asked:
    """What a person asks of the memory with these words to the character that is so defined."""
    return ask(
        text,
        person=person.display_name,
        character=definition.called,
        now=now,
        zone=person.time_zone,
    )


class Memories:
    """One per process."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        dsn: str,
        encoder: Encoder,
        feelings: Feelings,
        model_id: int,
        sketches: Sketches,
    ) -> None:
        self._pool, self._dsn = pool, dsn
        self._encoder, self._feelings, self._model_id = encoder, feelings, model_id
        self._sketches = sketches

    async def search(
        self, place: Place, text: str, person: Person, character: Character, *, limit: int
    ) -> list[Memory]:
        """The memories that `text` would recall at `place`, best first."""
        asked = asked_of(person, character.definition, text, datetime.now(UTC))
        reading = (await self._encoder.read([asked.embedded]))[0]
        with reachable(self._dsn):
            found = await recall.recall(
                self._pool, place, asked, reading.embedding, self._model_id, before=new_id(), limit=limit
            )
        return found.memories

    async def tell(self, place: Place, said: Sequence[Said], zone: str) -> int:
        """Store past talk; returns how many of its messages were not known yet."""
        texts = [message.content for message in said]
        readings = await self._encoder.read(texts)
        feelings = await self._feelings.read(texts, readings)
        reads = [to_read(self._model_id, reading, feeling) for reading, feeling in zip(readings, feelings, strict=True)]
        with reachable(self._dsn):
            stored = await history.store(self._pool, place, said, reads, zone)
        self._sketches.forget(place.user_id)
        return len(stored)

    async def edit(self, person: Person, character: Character, message_id: int, content: str) -> bool:
        """Put other words in a stored message's place. False when there is none."""
        with reachable(self._dsn):
            stored = await corrections.find(self._pool, person.user_id, character.id, message_id)
            if stored is None:
                return False
            reading = (await self._encoder.read([content]))[0]
            feeling = (await self._feelings.read([content], [reading]))[0]
            read = to_read(self._model_id, reading, feeling)
            return await corrections.edit(self._pool, person.user_id, character.id, message_id, content, read)
