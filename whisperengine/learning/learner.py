"""What happens after the turn: facts are learned, finished stretches summarised, old messages deleted if that is set.

The handlers of the jobs `learn`, `summarise` and `retain`. Each does what there is to do, however often it is run, and
holds no connection while a model is asked.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import groupby
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import asyncpg

from whisperengine.db import jobs
from whisperengine.db.jobs import Job
from whisperengine.db.pool import Connection
from whisperengine.errors import LLMError, LLMRateLimited, LLMTimeout, LLMUnreachable
from whisperengine.learning import extraction, patterns, retention, summaries
from whisperengine.learning.extraction import Line
from whisperengine.learning.importance import importance
from whisperengine.llm.asking import asks, plain, sentences
from whisperengine.llm.client import Completion, LLMClient
from whisperengine.llm.endpoint import Endpoint
from whisperengine.memory import facts, people, usage
from whisperengine.memory.facts import Learned
from whisperengine.memory.usage import Usage
from whisperengine.settings.settings import Settings

log = logging.getLogger(__name__)

BATCH = 40
REQUEST_TURNS = 8
MODEL_DAYS = 7
NIGHT_SPREAD = timedelta(minutes=30)
RETAIN_EVERY = timedelta(days=1)
TRANSIENT = (LLMUnreachable, LLMTimeout, LLMRateLimited)


@dataclass(frozen=True, slots=True)
class Unlearned:
    """A message from which nothing was learned yet; `answers` is the text that it answers."""

    message_id: int
    by_person: bool
    channel: str
    shared: bool
    said_at: datetime
    content: str
    feeling: str | None
    intensity: float | None
    edited_at: datetime | None
    answers: str | None


class Learner:
    """One per process. `endpoint` gives the model's address at the moment, or None when there is none.

    LEARNING, LLM_CONTEXT_TOKENS and MEMORY_RETENTION_DAYS count as `settings` have them at the moment.
    `on_person_changed` hears of people whose name or time zone was learned.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        client: LLMClient,
        endpoint: Callable[[], Awaitable[Endpoint | None]],
        settings: Settings,
        *,
        on_person_changed: Callable[[int], None] = lambda user_id: None,
    ) -> None:
        self._pool, self._client, self._endpoint, self._settings = pool, client, endpoint, settings
        self._on_person_changed = on_person_changed

    @property
    def _learning(self) -> str:
        return self._settings.config.learning

    @property
    def _chars(self) -> int:
        """Characters that may be shown to the model: three a token, a third being set aside for the instructions and
        the answer.
        """
        return max(2_000, self._settings.config.llm_context_tokens * 2)

    @property
    def handlers(self) -> dict[str, Callable[[Job], Awaitable[None]]]:
        return {"learn": self.learn, "summarise": self.summarise, "retain": self.retain}

    async def learn(self, job: Job) -> None:
        """Learn from all messages of a person with a character that were not learned from yet."""
        user_id, character_id = job.user_id, _character(job)
        zone = await _zone(self._pool, user_id)
        if zone is None:
            return
        channels: set[str] = set()
        while batch := await _unlearned(self._pool, user_id, character_id):
            found = await self._found(job, batch, zone)
            if await self._store(user_id, character_id, batch, found):
                self._on_person_changed(user_id)
            channels |= {message.channel for message in batch}
        if channels and self._learning != "off":
            most = await summaries.open_messages(self._pool, user_id, character_id, sorted(channels))
            full = most >= summaries.MOST_MESSAGES
            delay = timedelta(0) if full else _until_night(datetime.now(UTC), zone)
            await jobs.add(self._pool, "summarise", user_id, character_id, delay=delay)

    async def summarise(self, job: Job) -> None:
        """Summarise every finished stretch of a person with a character."""
        user_id, character_id = job.user_id, _character(job)
        zone = await _zone(self._pool, user_id)
        if zone is None or self._learning == "off":
            return
        channel: str | None = ""
        left_open = False
        while channel is not None:
            page = await summaries.finished(self._pool, user_id, character_id, zone, datetime.now(UTC), channel)
            stored = 0
            for stretch in page.stretches:
                text = await self._asked_summary(job, stretch)
                origin = "model" if text else "extract"
                text = text or await asyncio.to_thread(summaries.quoted, stretch, zone)
                stored += await summaries.store(self._pool, user_id, character_id, stretch, text, origin)
            left_open = left_open or page.open
            # A channel of which nothing could be stored is left for the next job.
            channel = page.following if stored or page.following != channel else None
        if left_open:
            delay = _until_night(datetime.now(UTC), zone)
            await jobs.add(self._pool, "summarise", user_id, character_id, delay=delay)

    async def retain(self, job: Job) -> None:
        """Delete what is older than the set number of days, in every conversation, and come back in a day."""
        if not self._settings.config.memory_retention_days:
            return
        await jobs.add(self._pool, "retain", delay=RETAIN_EVERY)
        after = (-1, -1)
        # Read again for each step: whoever lengthens the time has deleted nothing more from then on.
        while (days := self._settings.config.memory_retention_days) and (
            found := await retention.conversations(self._pool, days, after)
        ):
            for user_id, character_id in found:
                deleted = retention.BATCH
                while deleted == retention.BATCH:
                    # Each batch is a transaction of its own, so that turns get their word in.
                    deleted = await retention.delete_old(self._pool, user_id, character_id, days)
            after = found[-1]

    async def _found(self, job: Job, batch: Sequence[Unlearned], zone: tzinfo) -> list[Learned]:
        if self._learning == "off":
            return []
        theirs = [message for message in batch if message.by_person]
        by_pattern = await asyncio.to_thread(
            lambda: [
                fact
                for message in theirs
                for fact in patterns.find(message.content, message.message_id, message.said_at.astimezone(zone))
            ]
        )
        taken = {(fact.message_id, fact.slot) for fact in by_pattern}
        by_model: list[Learned] = []
        # What is long past comes from an import: a model would be asked a thousand times for one.
        recent = [m for m in batch if m.said_at > datetime.now(UTC) - timedelta(days=MODEL_DAYS)]
        for lines in _requests(recent):
            by_model += await self._asked_facts(job, lines)
        found = [*by_pattern, *(fact for fact in by_model if (fact.message_id, fact.slot) not in taken)]
        return sorted(found, key=lambda fact: fact.message_id or 0)

    async def _model(self) -> Endpoint | None:
        return await self._endpoint() if self._learning == "auto" else None

    async def _asked_facts(self, job: Job, lines: list[Line]) -> list[Learned]:
        answer = await self._asked(
            job,
            lambda endpoint: extraction.ask(self._client, endpoint, lines, self._chars),
            "facts are learned without the model (%s)",
        )
        return await asyncio.to_thread(extraction.read, answer, lines) if answer is not None else []

    async def _asked_summary(self, job: Job, stretch: summaries.Stretch) -> str | None:
        answer = await self._asked(
            job,
            lambda endpoint: summaries.ask(self._client, endpoint, stretch, self._chars),
            "a stretch is summarised without the model (%s)",
        )
        return summaries.believed(answer, stretch) if answer is not None else None

    async def _asked(self, job: Job, ask: Callable[[Endpoint], Awaitable[Completion]], without: str) -> str | None:
        """What the model says, counted for whom it was asked. None when it is not to be had; `without` is logged then.

        Raises LLMError where it may be had at the job's next attempt.
        """
        endpoint = await self._model()
        if endpoint is None:
            return None
        try:
            answer = await ask(endpoint)
        except LLMError as error:
            if isinstance(error, TRANSIENT) and job.attempts < jobs.ATTEMPTS:
                raise
            log.warning(without, error.code)
            return None
        prompt, completion = answer.prompt_tokens, answer.completion_tokens
        used = Usage(prompt, completion, endpoint.cost(prompt, completion))
        await usage.add_learning(self._pool, job.user_id, _character(job), used)
        return answer.text

    async def _store(
        self, user_id: int, character_id: int, batch: Sequence[Unlearned], found: Sequence[Learned]
    ) -> bool:
        """One transaction: the facts, and that their messages were learned from. Returns whether the person's name or
        time zone was filled in.

        What was edited, deleted or learned by another process while we read counts no more.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            # Whoever edits or deletes takes this lock first, so that nothing is learned from what is gone.
            await connection.execute(
                "select from conversations where user_id = $1 and character_id = $2 for no key update",
                user_id,
                character_id,
            )
            rows = await connection.fetch(
                "select m.message_id from messages m join unnest($3::bigint[], $4::timestamptz[]) "
                "as read(message_id, edited_at) on m.message_id = read.message_id "
                "and m.edited_at is not distinct from read.edited_at "
                "where m.user_id = $1 and m.character_id = $2 and not m.learned",
                user_id,
                character_id,
                [message.message_id for message in batch],
                [message.edited_at for message in batch],
            )
            standing = {row["message_id"] for row in rows}
            by_id = {message.message_id: message for message in batch if message.message_id in standing}
            told: dict[int, int] = dict.fromkeys(by_id, 0)
            filled = False
            for fact in found:
                source = by_id.get(fact.message_id or 0)
                if source is None:
                    continue
                told[source.message_id] += 1
                if await facts.learn(connection, user_id, character_id, fact, source.shared):
                    filled |= await _fill_person(connection, user_id, fact, source.shared)
            await _mark(connection, user_id, character_id, by_id, told)
            if filled:
                await people.announce(connection, user_id)
            return filled


def _character(job: Job) -> int:
    if job.character_id is None:
        raise ValueError(f"a job of the kind {job.kind} needs a character")
    return job.character_id


async def _zone(pool: asyncpg.Pool, user_id: int) -> tzinfo | None:
    """The person's time zone; None when they were erased."""
    name = await pool.fetchval("select time_zone from users where user_id = $1", user_id)
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


async def _unlearned(pool: asyncpg.Pool, user_id: int, character_id: int) -> list[Unlearned]:
    rows = await pool.fetch(
        "select m.message_id, m.role = 'person' as by_person, m.channel, m.shared, m.said_at, m.content, m.feeling, "
        "m.intensity, m.edited_at, a.content as answers from messages m "
        "left join messages a on a.user_id = $1 and a.character_id = $2 and a.message_id = m.reply_to "
        "where m.user_id = $1 and m.character_id = $2 and not m.learned order by m.message_id limit $3",
        user_id,
        character_id,
        BATCH,
    )
    return [Unlearned(**row) for row in rows]


def _requests(batch: Sequence[Unlearned]) -> list[list[Line]]:
    """The batch in requests of at most eight turns of one channel each, those without a word of the person left out."""
    requests: list[list[Line]] = []
    for _, messages in groupby(sorted(batch, key=lambda m: (m.channel, m.shared)), lambda m: (m.channel, m.shared)):
        lines: list[Line] = []
        theirs = 0
        for message in messages:
            if message.by_person and theirs == REQUEST_TURNS:
                requests.append(lines)
                lines, theirs = [], 0
            theirs += message.by_person
            lines.append(Line(message.message_id, message.by_person, message.content, message.said_at))
        if theirs:
            requests.append(lines)
    return requests


async def _fill_person(connection: Connection, user_id: int, fact: Learned, shared: bool) -> bool:
    """Name and time zone of a person who has none yet.

    A name told in private stays a fact of the private lane: the name in `users` is shown in shared channels, too.
    """
    if fact.kind == "name" and shared:
        statement = "update users set display_name = $2 where user_id = $1 and display_name = '' returning true"
    elif fact.kind == "time_zone":
        statement = (
            "update users set time_zone = $2 where user_id = $1 and time_zone = 'UTC' and $2 <> 'UTC' returning true"
        )
    else:
        return False
    return bool(await connection.fetchval(statement, user_id, fact.value))


async def _mark(
    connection: Connection, user_id: int, character_id: int, by_id: dict[int, Unlearned], told: dict[int, int]
) -> None:
    weights = [
        importance(m.content, m.feeling, m.intensity, told[m.message_id], _asks(m.content) or _asks(m.answers or ""))
        for m in by_id.values()
    ]
    await connection.execute(
        "update messages m set learned = true, importance = w.importance "
        "from unnest($3::bigint[], $4::real[]) as w(message_id, importance) "
        "where m.user_id = $1 and m.character_id = $2 and m.message_id = w.message_id",
        user_id,
        character_id,
        list(by_id),
        weights,
    )


def _asks(text: str) -> bool:
    return any(asks(sentence) for sentence in sentences(plain(text)[:1_000]))


def _until_night(now: datetime, zone: tzinfo) -> timedelta:
    """Time until the person's day is over, and up to half an hour more, so that not all are summarised at once."""
    here = now.astimezone(zone)
    midnight = (here + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.astimezone(UTC) - now + timedelta(minutes=1) + random.random() * NIGHT_SPREAD
