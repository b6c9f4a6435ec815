"""From a message to an answer in the channel, and what people do to either afterwards."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from typing import Any

import aiohttp

from whisperengine.chat.incoming import Incoming
from whisperengine.discord import attachments
from whisperengine.discord.address import Why, ignored
from whisperengine.discord.context import Context
from whisperengine.discord.delivery import Delivery
from whisperengine.discord.heart import PLATFORM, Asker
from whisperengine.discord.ledger import Answered
from whisperengine.discord.mentions import Names, display_name
from whisperengine.discord.problems import (
    DiscordError,
    DiscordPaused,
    DiscordRefused,
    DiscordStopped,
    DiscordUnreachable,
)
from whisperengine.discord.talk import Line, describe, line_of
from whisperengine.errors import LLMError, RequestError, StorageError, WhisperEngineError

log = logging.getLogger(__name__)

APOLOGY = "(I cannot answer right now. Whoever runs me finds the reason in the log and under /status.)"
ONLY_THE_NAME = "(calls you and says nothing more)"
# An outage of Discord or the database is waited out this long; the work is the same however often it is done.
PAUSES = (2.0, 10.0, 30.0, 60.0)
CLOSED_CHANNEL = 600.0
NO_ACCESS = frozenset({10003, 50001, 50013})
HISTORY = 20
# Beyond so many messages in line the requests that Discord allows are kept for answers.
CROWD = 20


@dataclass(slots=True)
class Message:
    """A message that is to be answered."""

    data: dict[str, Any]
    why: Why
    character: str
    direct: bool
    begun: bool = False
    erased: bool = False

    @property
    def id(self) -> str:
        return str(self.data["id"])

    @property
    def channel(self) -> str:
        return str(self.data["channel_id"])

    @property
    def author(self) -> str:
        return str(self.data["author"]["id"])


class Conversation:
    def __init__(self, context: Context, http: aiohttp.ClientSession, api_base: str) -> None:
        self._context = context
        self._http = http
        self._api_base = api_base
        self._turns = asyncio.Semaphore(context.options.turns_at_once)
        self._awaited: dict[str, Message] = {}
        self._closed: dict[str, float] = {}

    def await_answer(self, message: Message) -> None:
        self._awaited[message.id] = message

    def give_up(self, message: Message) -> None:
        self._awaited.pop(message.id, None)

    def forget(self, author: str) -> None:
        """The person was erased: of answers that are on their way no trace stays."""
        for message in self._awaited.values():
            message.erased = message.erased or message.author == author

    def withdrawn(self, message_id: str) -> None:
        """The person deleted a message: before its turn it needs no answer."""
        waiting = self._awaited.get(message_id)
        if waiting and not waiting.begun:
            del self._awaited[message_id]

    def reworded(self, data: dict[str, Any]) -> bool:
        """The person changed a message: before its turn it is answered as it is now. False: its turn has begun, or it
        had none.
        """
        waiting = self._awaited.get(str(data["id"]))
        if waiting is None or waiting.begun:
            return False
        waiting.data.update({key: data[key] for key in ("content", "attachments", "mentions") if key in data})
        return True

    async def answer(self, message: Message) -> None:
        """Answer a message once, however often this is called and whichever process did it before."""
        try:
            for pause in (*PAUSES, None):
                try:
                    return await self._answer(message)
                except (DiscordUnreachable, DiscordPaused, StorageError) as error:
                    if pause is None:
                        log.error("discord.conversation: a message stays unanswered: %s", error)
                        self._context.note_problem(message.channel, str(error))
                        return None
                    log.warning("discord.conversation: an answer is tried again: %s", error)
                    await asyncio.sleep(max(pause, min(error.retry_after or 0.0, 300.0)))
        except DiscordStopped as error:
            log.error("discord.conversation: %s", error)
            self._context.note_problem("token", str(error))
        except DiscordRefused as error:
            self._refused(message.channel, error)
        finally:
            self._awaited.pop(message.id, None)

    def _refused(self, channel: str, error: DiscordRefused) -> None:
        log.warning("discord.conversation: channel %s: %s", channel, error)
        self._context.note_problem(channel, str(error))
        if error.reason in NO_ACCESS:
            # Refused requests are counted by Discord; what is missing is not given in the next minute.
            self._closed[channel] = time.monotonic() + CLOSED_CHANNEL

    async def _answer(self, message: Message) -> None:
        context = self._context
        if message.id not in self._awaited or self._closed.get(message.channel, 0.0) > time.monotonic():
            return
        if await context.ledger.find(message.id) or await context.heart.is_banned(message.author):
            return
        message.begun = True
        names = context.guilds.names(message.data, context.portrait(message.character).name)
        reply_to = None if message.direct else message.id
        shows_typing = context.queues.length <= CROWD
        delivery = Delivery(
            context.rest, message.channel, message.id, names, reply_to=reply_to, shows_typing=shows_typing
        )
        emoji = None
        try:
            async with self._turns, delivery.growing():
                incoming, pictures = await self._incoming(message, names)
                spoken = await context.heart.answer(incoming, delivery.write, pictures)
            text, emoji = spoken.text, spoken.emoji
        except RequestError as error:
            text = f"({error})"
        except LLMError as error:
            log.warning("discord.conversation: no answer from the model: %s", error)
            context.note_problem("model", str(error))
            text = APOLOGY
        posted = await delivery.finish(text)
        answered = Answered(message.id, message.channel, message.author, message.character, posted)
        await context.ledger.record(answered)
        if message.erased:
            await context.ledger.forget(message.author)
        if emoji:
            await self._react(message, emoji)

    async def _react(self, message: Message, emoji: str) -> None:
        try:
            await self._context.rest.react(message.channel, message.id, emoji)
        except DiscordError as error:
            log.info("discord.conversation: no reaction: %s", error)

    async def _incoming(self, message: Message, names: Names) -> tuple[Incoming, tuple[Any, ...]]:
        context, data = self._context, message.data
        scene = "" if message.direct else await self._scene(message, names)
        pictures: tuple[Any, ...] = ()
        if data.get("attachments"):
            sees = context.portrait(message.character).sees_pictures
            pictures, texts = await attachments.fetch(self._http, data, self._api_base, pictures=sees)
            scene = "\n\n".join(part for part in (scene, texts) if part)
        incoming = Incoming(
            platform=PLATFORM,
            platform_user_id=message.author,
            display_name=display_name(data["author"], data.get("member")),
            character=message.character,
            text=describe(data, names, me=context.id) or ONLY_THE_NAME,
            channel=f"discord:{message.channel}",
            shared=not message.direct,
            idempotency_key=message.id,
            scene=scene,
        )
        return incoming, pictures

    async def _scene(self, message: Message, names: Names) -> str:
        """What was said in the channel, and what the message replies to."""
        talk = self._context.talk
        if not talk.begun(message.channel):
            talk.begin(message.channel, await self._earlier(message, names))
        scene = talk.before(message.channel, message.id)
        replied = message.data.get("referenced_message")
        if isinstance(replied, dict) and isinstance(replied.get("author"), dict) and replied.get("id"):
            line = line_of(replied, lambda: names)
            if str(replied["author"].get("id")) != self._context.id:
                scene += f"\n(The message replies to {line.name}: {' '.join(line.text.split())})"
        return scene

    async def _earlier(self, message: Message, names: Names) -> dict[str, Line]:
        try:
            history = await self._context.rest.history(message.channel, HISTORY, before=message.id)
        except DiscordRefused as error:
            log.info("discord.conversation: no earlier talk: %s", error)
            return {}
        found = {}
        for data in reversed(history):
            if isinstance(data, dict) and ignored(data, self._context.id, bots=True) in (None, "own"):
                found[str(data["id"])] = line_of(data, lambda: names)
        return found

    async def regenerate(self, answered: Answered, asker: Asker) -> None:
        """Have the character answer anew; the answer takes the place of the one before. Raises WhisperEngineError."""
        context = self._context
        names = Names({context.id: context.portrait(answered.character).name})
        delivery = Delivery(context.rest, answered.channel, answered.message, names, instead_of=answered.answers)
        async with self._turns:
            spoken = await context.heart.regenerate(asker)
        posted = await delivery.finish(spoken.text)
        await context.ledger.record(replace(answered, answers=posted))

    async def edited(self, data: dict[str, Any]) -> None:
        """The person changed a message that was answered: memory follows."""
        if answered := await self._context.ledger.find(str(data["id"])):
            names = self._context.guilds.names(data, self._context.portrait(answered.character).name)
            await self._follow(
                self._context.heart.edited(self._asker(answered), describe(data, names, me=self._context.id))
            )

    async def removed(self, message_id: str) -> None:
        if answered := await self._context.ledger.find(message_id):
            await self._follow(self._context.heart.deleted(self._asker(answered)))
        elif answered := await self._context.ledger.find_answer(message_id):
            await self._follow(self._context.heart.answer_deleted(self._asker(answered)))

    async def reacted(self, data: dict[str, Any], added: bool) -> None:
        """Only the person who was answered says how the answer was."""
        answered = await self._context.ledger.find_answer(str(data["message_id"]))
        emoji = (data.get("emoji") or {}).get("name")
        if answered and isinstance(emoji, str) and str(data["user_id"]) == answered.author:
            await self._follow(self._context.heart.feedback(self._asker(answered), emoji[:64], added))

    def _asker(self, answered: Answered) -> Asker:
        return Asker(
            user=answered.author,
            name="",
            character=answered.character,
            channel=f"discord:{answered.channel}",
            request_key=answered.message,
        )

    @staticmethod
    async def _follow(change: Any) -> None:
        try:
            await change
        except WhisperEngineError as error:
            log.warning("discord.conversation: memory did not follow a change: %s", error)
