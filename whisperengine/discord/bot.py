"""One bot user: takes every event of its shards, decides what concerns it, and puts that in line."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import aiohttp

from whisperengine.discord.address import ANYWHERE, EPHEMERAL, Rules, Self, SlowMode, addressed, ignored, is_direct
from whisperengine.discord.commands import synchronise
from whisperengine.discord.conversation import Conversation, Message
from whisperengine.discord.gateway import Event, Shard
from whisperengine.discord.guilds import Guilds
from whisperengine.discord.heart import Heart, Portrait
from whisperengine.discord.interactions import Interactions
from whisperengine.discord.ledger import Ledger
from whisperengine.discord.mentions import Names
from whisperengine.discord.places import Places
from whisperengine.discord.prefix import PrefixCommands
from whisperengine.discord.problems import DiscordError
from whisperengine.discord.queues import Queues
from whisperengine.discord.rest import Rest
from whisperengine.discord.seen import Seen
from whisperengine.discord.talk import Talk, line_of
from whisperengine.errors import WhisperEngineError

log = logging.getLogger(__name__)

CUSTOM_STATUS = 4
REFRESH = 30.0
CLOSE_GRACE = 2.0
GUILD_EVENTS = frozenset(
    {
        *("GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE", "GUILD_EMOJIS_UPDATE", "GUILD_MEMBER_UPDATE"),
        *("GUILD_ROLE_CREATE", "GUILD_ROLE_UPDATE", "GUILD_ROLE_DELETE"),
        *("CHANNEL_CREATE", "CHANNEL_UPDATE", "CHANNEL_DELETE"),
        *("THREAD_CREATE", "THREAD_UPDATE", "THREAD_DELETE", "THREAD_LIST_SYNC", "THREAD_MEMBERS_UPDATE"),
    }
)


class InForce(NamedTuple):
    """A place with nothing left open."""

    mode: str
    character: str
    slow_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a bot behaves where nobody chose otherwise. `bot_turns` is how often it answers other bots before a person
    must speak.
    """

    character: str
    mode: str = "mention"
    prefix: str = "!"
    admins: frozenset[str] = frozenset()
    rules: Rules = field(default_factory=Rules)
    slow_seconds: int = 0
    bot_turns: int = 0
    turns_at_once: int = 32


class Bot:
    """`identity` is the bot's user, `application` its id. `take` is the sink of its shards; `close` ends what is
    under way.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        rest: Rest,
        heart: Heart,
        ledger: Ledger,
        places: Places,
        options: Options,
        *,
        identity: dict[str, Any],
        application: str,
        api_base: str = "",
    ) -> None:
        self.id = str(identity["id"])
        self.name = str(identity.get("username", ""))
        self.application = application
        self.options = options
        self.rest = rest
        self.heart = heart
        self.ledger = ledger
        self.places = places
        self.guilds = Guilds()
        self.guilds.me = self.id
        self.talk = Talk()
        self.shards: dict[int, Shard] = {}
        self.queues = Queues()
        self.conversation = Conversation(self, http, api_base)
        self.portraits: dict[str, Portrait] = {}
        self.problems: dict[str, str] = {}
        self._interactions = Interactions(self)
        self._prefix = PrefixCommands(self)
        self._seen = Seen(20_000)
        self._slow = SlowMode()
        self._bot_turns: dict[str, int] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._anywhere = options.rules == ANYWHERE
        self._synchronised = False

    def change(self, options: Options) -> None:
        """Behave as `options` say from now on."""
        character = self.options.character
        self.options = options
        self._anywhere = options.rules == ANYWHERE
        if options.character != character:
            self._presence_changed()

    async def refresh(self) -> None:
        """Load what others may have changed: places and portraits. Raises StorageError."""
        await self.places.reload()
        before = self.portraits.get(self.options.character)
        self.portraits = {portrait.slug: portrait for portrait in await self.heart.characters()}
        if self.portraits.get(self.options.character) != before:
            self._presence_changed()

    def _presence_changed(self) -> None:
        for shard in self.shards.values():
            shard.presence_changed()

    async def refresh_often(self) -> None:
        while True:
            await asyncio.sleep(REFRESH)
            try:
                await self.refresh()
            except WhisperEngineError as error:
                log.warning("discord.bot: %s goes on with what it knows: %s", self.name, error)

    async def close(self) -> None:
        await self.queues.close(CLOSE_GRACE)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def presence(self) -> dict[str, Any]:
        """What stands beside the name, after the character."""
        portrait = self.portraits.get(self.options.character)
        activities = []
        if portrait and portrait.doing:
            activities.append({"name": "Custom Status", "type": CUSTOM_STATUS, "state": portrait.doing[:128]})
        return {"since": None, "activities": activities, "status": "online", "afk": False}

    def portrait(self, character: str) -> Portrait:
        return self.portraits.get(character) or Portrait(slug=character, name=self.name or character)

    def place_of(self, user: str, guild: str, channel: str) -> InForce:
        """What holds for a person in a channel."""
        found = self.places.in_force(person=user, lineage=self.guilds.lineage(guild, channel), guild=guild)
        options = self.options
        return InForce(
            found.mode or options.mode,
            found.character or options.character,
            options.slow_seconds if found.slow_seconds is None else found.slow_seconds,
        )

    def is_admin(self, user: str) -> bool:
        return user in self.options.admins

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run beside everything else; a failure is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("discord.bot: a task failed", exc_info=error)

    def note_problem(self, where: str, text: str) -> None:
        """For /status: the last problem of a place."""
        self.problems.pop(where, None)
        self.problems[where] = text
        if len(self.problems) > 50:
            del self.problems[next(iter(self.problems))]

    def take(self, event: Event) -> None:
        """Take an event of a shard; returns at once."""
        kind, data = event.type, event.data
        if kind == "MESSAGE_CREATE":
            self._heard(event)
        elif kind == "INTERACTION_CREATE":
            self.spawn(self._interactions.handle(data))
        elif kind == "MESSAGE_UPDATE":
            if data.get("edited_timestamp") and ignored(data, self.id) is None:
                self._line(data)
                if not self.conversation.reworded(data):
                    self._later(event, str(data["channel_id"]), partial(self.conversation.edited, data))
        elif kind == "MESSAGE_DELETE":
            self._removed(event, [data["id"]])
        elif kind == "MESSAGE_DELETE_BULK":
            self._removed(event, data["ids"])
        elif kind in ("MESSAGE_REACTION_ADD", "MESSAGE_REACTION_REMOVE"):
            if str(data["user_id"]) != self.id and data.get("message_author_id") in (None, self.id):
                added = kind.endswith("ADD")
                self._later(event, str(data["channel_id"]), partial(self.conversation.reacted, data, added))
        elif kind in GUILD_EVENTS:
            self.guilds.note(kind, data)
        elif kind == "READY" and not self._synchronised:
            self._synchronised = True
            self.spawn(self._synchronise())

    async def _synchronise(self) -> None:
        try:
            await synchronise(self.rest, self.application)
        except DiscordError as error:
            self._synchronised = False
            self.note_problem("commands", str(error))
            log.warning("discord.bot: slash commands of %s are as they were: %s", self.name, error)

    def _line(self, data: dict[str, Any]) -> None:
        if not data.get("guild_id"):
            return

        def names() -> Names:
            place = self.place_of("", str(data["guild_id"]), str(data["channel_id"]))
            return self.guilds.names(data, self.portrait(place.character).name)

        line = line_of(data, names)
        if data["author"]["id"] == self.id:
            line.name = names().users[self.id]
        self.talk.add(str(data["channel_id"]), str(data["id"]), line)

    def _heard(self, event: Event) -> None:
        data = event.data
        reason = ignored(data, self.id, bots=self.options.bot_turns > 0)
        channel, guild = str(data["channel_id"]), str(data.get("guild_id") or "")
        if reason == "own" and not data.get("flags", 0) & EPHEMERAL:
            self._line(data)
            self.guilds.joined(guild, channel)
        if reason:
            return
        self._line(data)
        user = str(data["author"]["id"])
        if not self._permitted(data, guild, channel, user):
            return
        place = self.place_of(user, guild, channel)
        if self._prefix.matches(data, partial(self._names, place.character)):
            if self._seen.first(str(data["id"])):
                self._later(event, channel, partial(self._prefix.run, data))
            return
        if place.mode == "off" and guild:
            return
        known = self.guilds.get(guild)
        me = Self(
            self.id,
            self._names(place.character) if place.mode != "mention" else (),
            known.my_roles if known else frozenset(),
            self.guilds.threads,
        )
        why = addressed(data, me, place.mode)
        if why is None or not self._may_answer_bot(data, channel) or not self._seen.first(str(data["id"])):
            return
        if not self._slow.allows(channel, user, place.slow_seconds, time.monotonic()):
            log.info("discord.bot: slow mode leaves a message unanswered")
            return
        message = Message(data, why, place.character, direct=is_direct(data))
        self.conversation.await_answer(message)
        if not self._later(event, channel, partial(self.conversation.answer, message)):
            self.conversation.give_up(message)

    def _permitted(self, data: dict[str, Any], guild: str, channel: str, user: str) -> bool:
        rules = self.options.rules
        if self._anywhere:
            return True
        roles = [str(role) for role in (data.get("member") or {}).get("roles") or ()]
        return rules.permit(guild=guild, channels=self.guilds.lineage(guild, channel), user=user, roles=roles)

    def _names(self, character: str) -> tuple[str, ...]:
        portrait = self.portrait(character)
        return tuple(name for name in dict.fromkeys((portrait.name, *portrait.names, self.name)) if name)

    def _may_answer_bot(self, data: dict[str, Any], channel: str) -> bool:
        """Two bots would talk for ever: after some turns a person has to say something first."""
        if not data["author"].get("bot"):
            self._bot_turns.pop(channel, None)
            return True
        turns = self._bot_turns.get(channel, 0)
        self._bot_turns[channel] = turns + 1
        return turns < self.options.bot_turns

    def _removed(self, event: Event, ids: list[Any]) -> None:
        channel = str(event.data["channel_id"])
        for removed in map(str, ids):
            self.talk.remove(channel, removed)
            self.conversation.withdrawn(removed)
            self._later(event, channel, partial(self.conversation.removed, removed))

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

        if not self.queues.add(channel, worked):
            return False
        event.hold()
        return True
