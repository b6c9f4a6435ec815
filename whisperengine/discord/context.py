"""What every part of one bot works with: who it is, its connections, and what it knows of the places it is in."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from whisperengine.discord.address import Rules
from whisperengine.discord.gateway import Shard
from whisperengine.discord.guilds import Guilds
from whisperengine.discord.heart import Heart, Portrait
from whisperengine.discord.ledger import Ledger
from whisperengine.discord.places import Places
from whisperengine.discord.queues import Queues
from whisperengine.discord.rest import Rest, may_read
from whisperengine.discord.talk import Talk
from whisperengine.errors import WhisperEngineError

log = logging.getLogger(__name__)

CUSTOM_STATUS = 4


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


class Context:
    """`identity` is the bot's user, `application` its id; `shards` are those of this process."""

    def __init__(
        self,
        rest: Rest,
        heart: Heart,
        ledger: Ledger,
        places: Places,
        options: Options,
        *,
        identity: dict[str, Any],
        application: str,
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
        self.portraits: dict[str, Portrait] = {}
        self.problems: dict[str, str] = {}
        self._content_granted = False

    def change(self, options: Options) -> None:
        """Behave as `options` say from now on."""
        character = self.options.character
        self.options = options
        if options.character != character:
            self._presence_changed()

    async def refresh(self) -> None:
        """Learn what others may have changed: places, portraits, the intent. Raises StorageError and DiscordError."""
        await self.places.reload()
        before = self.portraits.get(self.options.character)
        self.portraits = {portrait.slug: portrait for portrait in await self.heart.characters()}
        if self.portraits.get(self.options.character) != before:
            self._presence_changed()
        await self._ask_for_content()

    async def _ask_for_content(self) -> None:
        """Where Discord refused the intent, ask again once its switch has been turned."""
        refused = [shard for shard in self.shards.values() if shard.ready.is_set() and not shard.reads_content]
        if refused:
            before, self._content_granted = self._content_granted, may_read(await self.rest.application())
            if self._content_granted and not before:
                log.info("discord.context: %s may read messages now", self.name)
                for shard in refused:
                    shard.ask_for_content()

    def _presence_changed(self) -> None:
        for shard in self.shards.values():
            shard.presence_changed()

    async def refresh_often(self, every: float) -> None:
        """Refresh without end, `every` so many seconds."""
        while True:
            await asyncio.sleep(every)
            try:
                await self.refresh()
            except WhisperEngineError as error:
                log.warning("discord.context: %s goes on with what it knows: %s", self.name, error)

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

    def names(self, character: str) -> tuple[str, ...]:
        """What people call the bot when it is this character."""
        portrait = self.portrait(character)
        return tuple(name for name in dict.fromkeys((portrait.name, *portrait.names, self.name)) if name)

    def note_problem(self, where: str, text: str) -> None:
        """For /status: the last problem of a place."""
        self.problems.pop(where, None)
        self.problems[where] = text
        if len(self.problems) > 50:
            del self.problems[next(iter(self.problems))]
