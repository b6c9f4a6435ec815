"""One turn: accept, read, recall, compose, complete, store. Read `Turns.take` first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar
from weakref import WeakValueDictionary

import asyncpg
import numpy as np

from whisperengine.characters.store import Character
from whisperengine.chat import prompt
from whisperengine.chat.acquaintances import Acquaintances
from whisperengine.chat.cast import Cast
from whisperengine.chat.incoming import Incoming, clean_text
from whisperengine.chat.meaning import Meanings
from whisperengine.chat.memories import Memories, asked_of
from whisperengine.chat.offline_scene import offline_scene
from whisperengine.chat.recalled import before_others
from whisperengine.chat.rehearsal import Rehearsal
from whisperengine.chat.taken import Clock, Turn, trajectory
from whisperengine.chat.voice import Voice
from whisperengine.db.ids import new_id
from whisperengine.db.pool import reachable
from whisperengine.emotion.classifier import interpret
from whisperengine.emotion.feelings import Feelings
from whisperengine.emotion.trajectory import Felt
from whisperengine.errors import NotFoundError
from whisperengine.inference.encoder import Encoder, Reading
from whisperengine.learning.indexer import Indexer, to_read
from whisperengine.llm.answer_text import Pieces
from whisperengine.memory import corrections, groundwork, messages, people, recall, relationship, usage
from whisperengine.memory.asked import time_told
from whisperengine.memory.messages import Answer, Place
from whisperengine.memory.people import Person
from whisperengine.memory.sketches import Sketches
from whisperengine.memory.turn_leases import Lease, TakenElsewhere, TurnLeases

OnToken = Callable[[str], Awaitable[None]]
First = TypeVar("First")
Second = TypeVar("Second")
COUNTED = 3
"""Memories of a turn that count as needed again: the best ones; every count is a write."""


class Turns:
    """Takes turns.

    Turns of one person with one character are answered in order; different people never wait for each other.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        dsn: str,
        encoder: Encoder,
        feelings: Feelings,
        model_id: int,
        cast: Cast,
        voice: Voice,
        indexer: Indexer,
        sketches: Sketches,
        acquaintances: Acquaintances,
    ) -> None:
        self._pool, self._dsn = pool, dsn
        self._encoder, self._feelings, self._model_id = encoder, feelings, model_id
        self._cast, self._voice, self._indexer, self._sketches = cast, voice, indexer, sketches
        self._acquaintances = acquaintances
        self._meanings = Meanings(encoder)
        self.rehearsal = Rehearsal(pool, dsn, encoder, feelings, model_id, voice, self._meanings, sketches)
        self.memories = Memories(pool, dsn, encoder, feelings, model_id, sketches)
        self._leases = TurnLeases(pool)
        self._order: WeakValueDictionary[tuple[int, int], asyncio.Lock] = WeakValueDictionary()
        self.under_way = 0

    async def take(
        self,
        incoming: Incoming,
        on_token: OnToken | None = None,
        *,
        with_answer_feeling: bool = True,
        gate: Awaitable[None] | None = None,
    ) -> Turn:
        """Answer one message. `on_token` gets the answer in pieces as they come; it may wait, and the model then waits
        too.

        `gate` is awaited (more than once) before anything is kept; what it raises ends the turn. `with_answer_feeling`
        waits until the answer itself was read. Raises RequestError for a message that cannot be
        taken, LLMError when no answer could be had (the person's message is kept, and the same call again answers it
        once), StorageError when the
        database is away.
        """
        text = clean_text(incoming.text)
        self.under_way += 1
        try:
            arguments = (incoming, text, on_token, with_answer_feeling, gate)
            try:
                return await self._in_order(*arguments)
            except asyncpg.ForeignKeyViolationError:
                # The person was joined to another, or erased, and the word of it has not come here yet.
                self.forget_person((await self.whom(incoming))[1].user_id)
                return await self._in_order(*arguments)
        finally:
            self.under_way -= 1

    async def _in_order(
        self,
        incoming: Incoming,
        text: str,
        on_token: OnToken | None,
        with_answer_feeling: bool,
        gate: Awaitable[None] | None,
    ) -> Turn:
        character, person = await self.whom(incoming)
        order = self._order.setdefault((person.user_id, character.id), asyncio.Lock())
        if gate and order.locked():
            await gate
        key = (person.user_id, character.id)
        async with order, self._leases.lease(*key) as lease:
            while True:
                try:
                    return await self._take(
                        incoming, text, character, person, on_token, with_answer_feeling, gate, lease
                    )
                except TakenElsewhere:
                    with reachable(self._dsn):
                        await self._leases.until_free(*key)

    async def whom(self, incoming: Incoming) -> tuple[Character, Person]:
        """Who is spoken to, and by whom. Raises NotFoundError for a character that there is not."""
        with reachable(self._dsn):
            character, person = (
                await self._cast.get(incoming.character),
                await self._acquaintances.get(incoming.platform, incoming.platform_user_id, incoming.display_name),
            )
        if incoming.shared and not incoming.display_name:
            # The name that is known may have been told in private.
            person = replace(person, display_name="")
        return character, person

    async def _take(
        self,
        incoming: Incoming,
        text: str,
        character: Character,
        person: Person,
        on_token: OnToken | None,
        with_answer_feeling: bool,
        gate: Awaitable[None] | None,
        lease: Lease,
    ) -> Turn:
        clock = Clock()
        place = Place(person.user_id, character.id, incoming.channel, incoming.shared)
        message_id, now = new_id(), datetime.now(UTC)

        asked = asked_of(person, character.definition, text, now)
        with reachable(self._dsn):
            (reading, *searched), ground = await _both(
                # One pass for both: what is asked for differs from what was said only where it points at the character.
                self._encoder.read(list(dict.fromkeys((text, asked.embedded)))),
                groundwork.lay(self._pool, place, asked, message_id),
            )
        feeling = (await self._feelings.read([text], [reading]))[0]
        if gate:
            await gate
        clock.mark("encode")

        lease.claimed = True
        with reachable(self._dsn):
            # Neither waits for the other: the commit's disk time passes while memories are searched.
            accepted, recollection = await _both(
                messages.accept(
                    self._pool,
                    place,
                    message_id,
                    now,
                    text,
                    to_read(self._model_id, reading, feeling),
                    incoming.idempotency_key,
                    time_told(text, now, person.time_zone),
                    holder=lease.holder,
                ),
                recall.recall(
                    self._pool,
                    place,
                    asked,
                    (searched or [reading])[0].embedding,
                    self._model_id,
                    before=message_id,
                    ground=ground,
                    now=now,
                    sketches=self._sketches,
                ),
            )
        recollection.forget(accepted.message_id)
        if incoming.talk is not None:
            recollection.tell(incoming.talk)
        clock.mark("recall")
        if incoming.shared:
            person = before_others(person, recollection)
        turn = Turn(
            answer="",
            message_id=accepted.message_id,
            answer_id=0,
            character=character,
            person=person,
            feeling=feeling,
            answer_feeling=None,
            relationship=recollection.relationship,
            recollection=recollection,
            llm="",
            stored=True,
            trajectory=trajectory(recollection, True, Felt(now, feeling.primary, feeling.intensity)),
        )
        if accepted.answer and accepted.answer.interrupted:
            with reachable(self._dsn):
                await corrections.discard_answer(
                    self._pool, place.user_id, place.character_id, accepted.answer.message_id
                )
        elif accepted.answer:
            lease.claimed = False
            return await self._repeat(turn, accepted.answer, on_token, clock)

        similarity = await self._meanings.closeness(character.definition, reading.embedding)
        composed = prompt.compose(
            character.definition,
            person=person,
            recollection=recollection,
            feeling=feeling,
            trajectory=turn.trajectory,
            message=text,
            scene=incoming.scene,
            now=now,
            budget=self._voice.budget(character.definition.document.get("model")),
            similarity=similarity,
        )
        turn.composed = composed
        clock.mark("compose")

        said = Pieces()

        async def hand_on(piece: str) -> None:
            said.append(piece)
            if on_token:
                await on_token(piece)

        try:
            spoken = await self._voice.speak(
                prompt.extended(composed.messages, incoming.images, incoming.after),
                lambda: offline_scene(turn, text, now),
                hand_on,
                incoming.parameters,
                character.definition.document.get("model"),
            )
        except (asyncio.CancelledError, ConnectionError):
            # Whoever listened has gone. What was said is part of the talk all the same.
            turn.answer = said.text
            if turn.answer:
                turn.llm = self._voice.describe()["model"] or ""
                await asyncio.shield(self._store(turn, incoming, place, lease, interrupted=True))
            raise
        turn.answer, turn.llm, turn.tool_calls = spoken.text, spoken.llm, spoken.tool_calls
        turn.finish_reason = spoken.finish_reason
        turn.prompt_tokens, turn.completion_tokens = spoken.prompt_tokens, spoken.completion_tokens
        turn.cost = spoken.cost
        clock.mark("model")
        if turn.tool_calls:
            with reachable(self._dsn):
                await usage.add(self._pool, place.user_id, place.character_id, turn.usage)
            turn.milliseconds = clock.total()
            return turn

        reading = asyncio.ensure_future(self._encoder.read([turn.answer])) if with_answer_feeling else None
        try:
            place = await self._store(turn, incoming, place, lease)
            clock.mark("store")
            if not turn.repeated:
                await self._index(turn, place, reading)
        finally:
            if reading:
                reading.cancel()
        clock.mark("read_answer")
        turn.milliseconds = clock.total()
        return turn

    async def again(self, incoming: Incoming) -> Incoming:
        """The last message of `incoming`'s channel, to be taken anew; the answer that it has had is thrown away.

        Raises NotFoundError where nothing was said yet.
        """
        character, person = await self.whom(incoming)
        with reachable(self._dsn):
            asked = await corrections.answered_anew(
                self._pool, person.user_id, character.id, incoming.channel, f"again:{new_id():x}"
            )
        if asked is None:
            raise NotFoundError("Nothing was said in this conversation yet. Send a message first.", code="nothing_said")
        return replace(incoming, text=asked.content, shared=asked.shared, idempotency_key=asked.request_key)

    def forget_person(self, user_id: int) -> None:
        """Drop what is cached of a person who was erased or changed."""
        self._acquaintances.forget(user_id)

    async def _store(
        self, turn: Turn, incoming: Incoming, place: Place, lease: Lease, *, interrupted: bool = False
    ) -> Place:
        """One transaction: the answer and what the turn changed. Returns where: a person who was joined to another
        while the model spoke is answered there.
        """
        turn.answer_id = new_id()
        with reachable(self._dsn):
            try:
                await self._store_at(turn, incoming, place, lease, interrupted)
            except asyncpg.ForeignKeyViolationError:
                self.forget_person(place.user_id)
                person = await people.find(self._pool, incoming.platform, incoming.platform_user_id)
                if person is None or not await corrections.find(
                    self._pool, person.user_id, place.character_id, turn.message_id
                ):
                    raise NotFoundError(
                        "This person was erased meanwhile. A new message starts anew.", code="unknown_user"
                    ) from None
                place = replace(place, user_id=person.user_id)
                await self._store_at(turn, incoming, place, lease, interrupted)
        return place

    async def _store_at(self, turn: Turn, incoming: Incoming, place: Place, lease: Lease, interrupted: bool) -> None:
        """Another process that was faster is believed."""
        feeling, chars = turn.feeling, len(clean_text(incoming.text))
        step = relationship.step(turn.relationship, feeling.primary, feeling.intensity, chars)
        stands = await messages.store_answer(
            self._pool,
            place,
            turn.answer_id,
            datetime.now(UTC),
            turn.answer,
            turn.message_id,
            turn.llm,
            step,
            state=turn.composed.state.as_json() if turn.composed else None,
            interrupted=interrupted,
            usage=turn.usage,
            holder=lease.holder,
        )
        if stands is None:
            answer = await messages.answer_to(self._pool, place, turn.message_id)
            assert answer is not None
            turn.answer, turn.answer_id, turn.llm, turn.repeated = (
                answer.content,
                answer.message_id,
                answer.model,
                True,
            )
        else:
            turn.relationship = stands
            lease.claimed = False

    async def _index(self, turn: Turn, place: Place, reading: asyncio.Future[list[Reading]] | None) -> None:
        """Hand the stored answer on to be found later; without a reading it is read then, together with others."""
        self._indexer.note_recalled(
            [(place.user_id, place.character_id, memory.message_id) for memory in turn.recollection.memories[:COUNTED]]
        )
        answer = None
        if reading:
            (answer,) = await reading
            (turn.answer_feeling,) = await self._feelings.read([turn.answer], [answer])
        key = (place.user_id, place.character_id, turn.answer_id)
        self._indexer.add(key, turn.answer, answer, turn.answer_feeling)

    async def _repeat(self, turn: Turn, answer: Answer, on_token: OnToken | None, clock: Clock) -> Turn:
        """Hand out the answer that a message has had already."""
        turn.answer, turn.answer_id, turn.llm, turn.repeated = answer.content, answer.message_id, answer.model, True
        if answer.emotion is not None:
            turn.answer_feeling = interpret(np.array(answer.emotion, np.float32), answer.content)
        if on_token:
            await on_token(answer.content)
        turn.milliseconds = clock.total()
        return turn


async def _both(first: Awaitable[First], second: Awaitable[Second]) -> tuple[First, Second]:
    """Both results.

    When one fails the other still ends before the error goes on: what a person said is stored whatever else happens.
    """
    one, other = await asyncio.gather(first, second, return_exceptions=True)
    if isinstance(one, BaseException):
        raise one
    if isinstance(other, BaseException):
        raise other
    return one, other
