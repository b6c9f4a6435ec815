"""Turns that are not taken: what a message would lead to, without storing anything or asking a model."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg

from whisperengine.characters.definition import Definition
from whisperengine.chat.meaning import Meanings
from whisperengine.chat.memories import asked_of
from whisperengine.chat.prompt import Composed, compose
from whisperengine.chat.taken import trajectory
from whisperengine.chat.voice import Voice
from whisperengine.db.ids import new_id
from whisperengine.db.pool import reachable
from whisperengine.emotion.feelings import Feelings
from whisperengine.emotion.trajectory import Felt
from whisperengine.inference.encoder import Encoder
from whisperengine.memory import people, recall
from whisperengine.memory.messages import Place
from whisperengine.memory.people import Person
from whisperengine.memory.recall import Recollection
from whisperengine.memory.relationship import Relationship
from whisperengine.memory.sketches import Sketches


class Rehearsal:
    """Composes with the parts that turns are taken with."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        dsn: str,
        encoder: Encoder,
        feelings: Feelings,
        model_id: int,
        voice: Voice,
        meanings: Meanings,
        sketches: Sketches,
    ) -> None:
        self._pool, self._dsn, self._model_id, self._sketches = pool, dsn, model_id, sketches
        self._encoder, self._feelings, self._voice, self._meanings = encoder, feelings, voice, meanings

    async def known(self, platform: str, platform_user_id: str) -> Person | None:
        """A person who was here before, or None."""
        with reachable(self._dsn):
            return await people.find(self._pool, platform, platform_user_id)

    async def prompt(self, definition: Definition, text: str, person: Person, place: Place | None) -> Composed:
        """The prompt that `text` would lead to. Nothing is recalled without a place."""
        now = datetime.now(UTC)
        asked = asked_of(person, definition, text, now)
        reading, *searched = await self._encoder.read(list(dict.fromkeys((text, asked.embedded))))
        feeling = (await self._feelings.read([text], [reading]))[0]
        recollection = Recollection([], [], Relationship(), 0)
        if place is not None:
            wanted = (searched or [reading])[0].embedding
            with reachable(self._dsn):
                recollection = await recall.recall(
                    self._pool, place, asked, wanted, self._model_id, before=new_id(), now=now, sketches=self._sketches
                )
        similarity = await self._meanings.closeness(definition, reading.embedding)
        return compose(
            definition,
            person=person,
            recollection=recollection,
            feeling=feeling,
            trajectory=trajectory(recollection, True, Felt(now, feeling.primary, feeling.intensity)),
            message=text,
            scene="",
            now=now,
            budget=self._voice.budget(definition.model),
            similarity=similarity,
        )
