"""The heart of the bots: turns, corrections and what the service says of itself, over the rest of the program."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import replace

import asyncpg

from whisperengine import __version__
from whisperengine.characters.store import Character
from whisperengine.chat.cast import Cast
from whisperengine.chat.incoming import Incoming, clean_text
from whisperengine.chat.taken import Turn
from whisperengine.chat.turn import Turns
from whisperengine.chat.voice import Voice
from whisperengine.config import Config
from whisperengine.db import limits
from whisperengine.db.limits import DAY, MINUTE, Limit
from whisperengine.db.pool import reachable
from whisperengine.discord import emoji as emojis
from whisperengine.discord.adapter_records import Records, request_key
from whisperengine.discord.heart import PLATFORM, Asker, Ban, OnToken, Picture, Portrait, Spoken
from whisperengine.errors import ConflictError, NotFoundError, TooManyRequests
from whisperengine.memory import corrections, messages, reactions
from whisperengine.memory.messages import Place
from whisperengine.memory.people import Person

Counted = Callable[[Awaitable[Turn]], Awaitable[Turn]]

_PORTRAITS = """
select name, coalesce(definition #>> '{identity,full_name}', initcap(replace(name, '_', ' '))) as full_name,
  coalesce(definition #>> '{identity,nickname}', '') as nickname,
  coalesce(definition #>> '{extensions,discord,status}', definition #>> '{identity,occupation}', '') as doing,
  left(coalesce(definition #>> '{identity,description}', ''), 120) as summary
from characters where archived_at is null and ($1::text is null or name = $1) order by name limit 1000
"""
_JOBS = "select count(*) filter (where dead_at is null) as waiting, count(dead_at) as dead from jobs"


class Adapter(Records):
    """`config` gives the settings in force, `counted` counts a turn for /metrics."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        dsn: str,
        turns: Turns,
        cast: Cast,
        voice: Voice,
        config: Callable[[], Config],
        counted: Counted,
    ) -> None:
        super().__init__(pool, dsn, turns, cast)
        self._voice, self._config, self._counted = voice, config, counted

    async def answer(
        self, incoming: Incoming, on_token: OnToken | None = None, pictures: tuple[Picture, ...] = ()
    ) -> Spoken:
        incoming = replace(
            incoming,
            idempotency_key=request_key(incoming.idempotency_key) if incoming.idempotency_key else None,
            images=tuple(
                f"data:{picture.media_type};base64,{base64.b64encode(picture.content).decode()}" for picture in pictures
            ),
        )
        await self._admit(incoming.platform_user_id)
        try:
            turn = await self._counted(self._turns.take(incoming, on_token))
        except ConflictError:
            # The message came again and reads otherwise: it was edited meanwhile, or names in it are known now.
            await self._reword(incoming)
            turn = await self._counted(self._turns.take(incoming, on_token))
        return _spoken(turn, incoming)

    async def regenerate(self, asker: Asker, on_token: OnToken | None = None) -> Spoken:
        character, person, stored = await self._exchange(asker)
        place = Place(person.user_id, character.id, stored.channel, stored.shared)
        incoming = Incoming(
            platform=PLATFORM,
            platform_user_id=asker.user,
            display_name=asker.name,
            character=character.name,
            text=stored.content,
            channel=stored.channel,
            shared=stored.shared or asker.shared,
            idempotency_key=request_key(asker.request_key),
        )
        await self._admit(asker.user)
        with reachable(self._dsn):
            answer = await messages.answer_to(self._pool, place, stored.message_id)
            if answer:
                await corrections.discard_answer(self._pool, person.user_id, character.id, answer.message_id)
        return _spoken(await self._counted(self._turns.take(incoming, on_token)), incoming)

    async def edited(self, asker: Asker, text: str) -> None:
        found = await self._stored(asker)
        if found and text.strip():
            character, person, stored = found
            await self._turns.memories.edit(person, character, stored.message_id, clean_text(text))

    async def deleted(self, asker: Asker) -> None:
        await self.forget(asker, "")

    async def answer_deleted(self, asker: Asker) -> None:
        if answered := await self._answered(asker):
            with reachable(self._dsn):
                await corrections.delete(self._pool, *answered)

    async def feedback(self, asker: Asker, emoji: str, added: bool) -> None:
        if answered := await self._answered(asker):
            with reachable(self._dsn):
                if added:
                    await reactions.add(self._pool, *answered, emoji, emojis.valence(emoji))
                else:
                    await reactions.remove(self._pool, *answered, emoji)

    async def portrait(self, character: str) -> Portrait | None:
        return next(iter(await self._portraits(character)), None)

    async def characters(self) -> list[Portrait]:
        return await self._portraits(None)

    async def is_banned(self, user: str) -> bool:
        with reachable(self._dsn):
            return await limits.is_banned(self._pool, PLATFORM, user)

    async def ban(self, user: str, reason: str, by: str) -> None:
        with reachable(self._dsn):
            await limits.ban(self._pool, PLATFORM, user, reason, f"{PLATFORM}:{by}")

    async def unban(self, user: str) -> bool:
        with reachable(self._dsn):
            return await limits.unban(self._pool, PLATFORM, user)

    async def bans(self) -> list[Ban]:
        with reachable(self._dsn):
            found = await limits.bans(self._pool)
        return [
            Ban(user=ban["platform_user_id"], reason=ban["reason"], since=f"{ban['banned_at']:%Y-%m-%d}")
            for ban in found
            if ban["platform"] == PLATFORM
        ]

    async def status(self) -> dict[str, str]:
        with reachable(self._dsn):
            jobs = await self._pool.fetchrow(_JOBS)
        assert jobs is not None
        model = self._voice.describe()
        return {
            "Version": __version__,
            "Database": "embedded" if self._config().embedded else "server",
            "Model": f"{model['model'] or 'first of the endpoint'} at {model['host']}" if model["host"] else "offline",
            "Turns under way": str(self._turns.under_way),
            "Jobs": f"{jobs['waiting']} waiting, {jobs['dead']} failed",
        }

    async def _portraits(self, character: str | None) -> list[Portrait]:
        with reachable(self._dsn):
            rows = await self._pool.fetch(_PORTRAITS, character)
        return [
            Portrait(
                slug=row["name"],
                name=row["nickname"] or row["full_name"],
                doing=row["doing"],
                summary=row["summary"],
                names=(row["full_name"], *row["full_name"].split()[:1]),
                sees_pictures=self._config().llm_vision,
            )
            for row in rows
        ]

    async def _admit(self, user: str) -> None:
        config = self._config()
        subject = f"person:{PLATFORM}:{user}"
        given = ((MINUTE, config.limit_person_minute), (DAY, config.limit_person_day))
        counted = [Limit(subject, seconds, most) for seconds, most in given if most]
        if not counted:
            return
        with reachable(self._dsn):
            standing = await limits.take(self._pool, PLATFORM, user, counted)
        if standing.exceeded:
            raise TooManyRequests(
                f"That is more than I may answer now. Write again in {standing.reset} seconds.",
                retry_after=standing.reset,
            )

    async def _reword(self, incoming: Incoming) -> None:
        character, person = await self._turns.whom(incoming)
        with reachable(self._dsn):
            stored = await corrections.asked_as(
                self._pool, person.user_id, character.id, incoming.idempotency_key or ""
            )
        if stored:
            await self._turns.memories.edit(person, character, stored.message_id, clean_text(incoming.text))

    async def _answered(self, asker: Asker) -> tuple[int, int, int] | None:
        """(person, character, answer) of the stored answer to the message; None when either is gone."""
        found = await self._stored(asker)
        if found is None:
            return None
        character, person, stored = found
        with reachable(self._dsn):
            place = Place(person.user_id, character.id, stored.channel, stored.shared)
            answer = await messages.answer_to(self._pool, place, stored.message_id)
        return (person.user_id, character.id, answer.message_id) if answer else None

    async def _exchange(self, asker: Asker) -> tuple[Character, Person, corrections.Stored]:
        found = await self._stored(asker)
        if found is None:
            raise NotFoundError("I have forgotten that message, so I cannot answer it anew. Write it again.")
        return found


def _spoken(turn: Turn, incoming: Incoming) -> Spoken:
    felt = turn.answer_feeling.primary if turn.answer_feeling else ""
    exchange = f"{incoming.text}\n{turn.answer}"
    emoji = emojis.reaction(turn.character.definition, felt, exchange, incoming.idempotency_key or "")
    return Spoken(text=turn.answer, emoji=emoji)
