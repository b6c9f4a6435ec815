"""One bot user: takes every event of its shards, decides what concerns it, and puts that in line."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from functools import partial
from typing import Any

import aiohttp

from whisperengine.discord.address import ANYWHERE, EPHEMERAL, Self, SlowMode, addressed, ignored, is_direct
from whisperengine.discord.commands import synchronise
from whisperengine.discord.context import Context
from whisperengine.discord.conversation import Conversation, Message
from whisperengine.discord.gateway import Event
from whisperengine.discord.interactions import Interactions
from whisperengine.discord.mentions import Names
from whisperengine.discord.prefix import PrefixCommands
from whisperengine.discord.problems import DiscordError
from whisperengine.discord.seen import Seen
from whisperengine.discord.talk import line_of

log = logging.getLogger(__name__)

CLOSE_GRACE = 2.0
GUILD_EVENTS = frozenset(
    {
        *("GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE", "GUILD_EMOJIS_UPDATE", "GUILD_MEMBER_UPDATE"),
        *("GUILD_ROLE_CREATE", "GUILD_ROLE_UPDATE", "GUILD_ROLE_DELETE"),
        *("CHANNEL_CREATE", "CHANNEL_UPDATE", "CHANNEL_DELETE"),
        *("THREAD_CREATE", "THREAD_UPDATE", "THREAD_DELETE", "THREAD_LIST_SYNC", "THREAD_MEMBERS_UPDATE"),
    }
)


class Bot:
    """`take` is the sink of the bot's shards; `close` ends what is under way."""

    def __init__(self, context: Context, http: aiohttp.ClientSession, api_base: str = "") -> None:
        self.context = context
        self._conversation = Conversation(context, http, api_base)
        self._interactions = Interactions(context, self._conversation)
        self._prefix = PrefixCommands(context)
        self._seen = Seen(20_000)
        self._slow = SlowMode()
        self._bot_turns: dict[str, int] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._synchronised = False

    async def close(self) -> None:
        await self.context.queues.close(CLOSE_GRACE)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run beside everything else; a failure is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("discord.bot: a task failed", exc_info=error)

    def take(self, event: Event) -> None:
        """Take an event of a shard; returns at once."""
        kind, data = event.type, event.data
        if kind == "MESSAGE_CREATE":
            self._heard(event)
        elif kind == "INTERACTION_CREATE":
            self._spawn(self._interactions.handle(data))
        elif kind == "MESSAGE_UPDATE":
            if data.get("edited_timestamp") and ignored(data, self.context.id) is None:
                self._line(data)
                if not self._conversation.reworded(data):
                    self._later(event, str(data["channel_id"]), partial(self._conversation.edited, data))
        elif kind == "MESSAGE_DELETE":
            self._removed(event, [data["id"]])
        elif kind == "MESSAGE_DELETE_BULK":
            self._removed(event, data["ids"])
        elif kind in ("MESSAGE_REACTION_ADD", "MESSAGE_REACTION_REMOVE"):
            if str(data["user_id"]) != self.context.id and data.get("message_author_id") in (None, self.context.id):
                added = kind.endswith("ADD")
                self._later(event, str(data["channel_id"]), partial(self._conversation.reacted, data, added))
        elif kind in GUILD_EVENTS:
            self.context.guilds.note(kind, data)
        elif kind == "READY" and not self._synchronised:
            self._synchronised = True
            self._spawn(self._synchronise())

    async def _synchronise(self) -> None:
        try:
            await synchronise(self.context.rest, self.context.application)
        except DiscordError as error:
            self._synchronised = False
            self.context.note_problem("commands", str(error))
            log.warning("discord.bot: slash commands of %s are as they were: %s", self.context.name, error)

    def _line(self, data: dict[str, Any]) -> None:
        if not data.get("guild_id"):
            return

        def names() -> Names:
            place = self.context.place_of("", str(data["guild_id"]), str(data["channel_id"]))
            return self.context.guilds.names(data, self.context.portrait(place.character).name)

        line = line_of(data, names)
        if data["author"]["id"] == self.context.id:
            line.name = names().users[self.context.id]
        self.context.talk.add(str(data["channel_id"]), str(data["id"]), line)

    def _heard(self, event: Event) -> None:
        data = event.data
        reason = ignored(data, self.context.id, bots=self.context.options.bot_turns > 0)
        channel, guild = str(data["channel_id"]), str(data.get("guild_id") or "")
        if reason == "own" and not data.get("flags", 0) & EPHEMERAL:
            self._line(data)
            self.context.guilds.joined(guild, channel)
        if reason:
            return
        self._line(data)
        user = str(data["author"]["id"])
        if not self._permitted(data, guild, channel, user):
            return
        place = self.context.place_of(user, guild, channel)
        if self._prefix.matches(data, partial(self.context.names, place.character)):
            if self._seen.first(str(data["id"])):
                self._later(event, channel, partial(self._prefix.run, data))
            return
        if place.mode == "off" and guild:
            return
        known = self.context.guilds.get(guild)
        me = Self(
            self.context.id,
            self.context.names(place.character) if place.mode != "mention" else (),
            known.my_roles if known else frozenset(),
            self.context.guilds.threads,
        )
        why = addressed(data, me, place.mode)
        if why is None or not self._may_answer_bot(data, channel) or not self._seen.first(str(data["id"])):
            return
        if not self._slow.allows(channel, user, place.slow_seconds, time.monotonic()):
            log.info("discord.bot: slow mode leaves a message unanswered")
            return
        message = Message(data, why, place.character, direct=is_direct(data))
        self._conversation.await_answer(message)
        if not self._later(event, channel, partial(self._conversation.answer, message)):
            self._conversation.give_up(message)

    def _permitted(self, data: dict[str, Any], guild: str, channel: str, user: str) -> bool:
        rules = self.context.options.rules
        if rules == ANYWHERE:
            return True
        roles = [str(role) for role in (data.get("member") or {}).get("roles") or ()]
        return rules.permit(guild=guild, channels=self.context.guilds.lineage(guild, channel), user=user, roles=roles)

    def _may_answer_bot(self, data: dict[str, Any], channel: str) -> bool:
        """Two bots would talk for ever: after some turns a person has to say something first."""
        if not data["author"].get("bot"):
            self._bot_turns.pop(channel, None)
            return True
        turns = self._bot_turns.get(channel, 0)
        self._bot_turns[channel] = turns + 1
        return turns < self.context.options.bot_turns

    def _removed(self, event: Event, ids: list[Any]) -> None:
        channel = str(event.data["channel_id"])
        for removed in map(str, ids):
            self.context.talk.remove(channel, removed)
            self._conversation.withdrawn(removed)
            self._later(event, channel, partial(self._conversation.removed, removed))

    def _later(self, event: Event, channel: str, work: Any) -> bool:
        """Put work in the line of its channel. The event counts as dealt with when the work is done, not when it is
        cancelled.
        """

        async def worked() -> None:
            try:
                await work()
            except Exception:
                # What failed once would fail again; only what was cut short is for a later process.
                event.release()
                raise
            event.release()

        if not self.context.queues.add(channel, worked):
            return False
        event.hold()
        return True
