"""Commands that people use: acknowledged at once, worked on afterwards, answered for their eyes only."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import Any

from whisperengine.discord.address import born
from whisperengine.discord.answers import Answers, Command, Reply
from whisperengine.discord.chunks import split
from whisperengine.discord.context import Context
from whisperengine.discord.conversation import Conversation
from whisperengine.discord.problems import DiscordError
from whisperengine.errors import LLMError, RequestError, WhisperEngineError

log = logging.getLogger(__name__)

COMMAND, COMPONENT, AUTOCOMPLETE = 2, 3, 4
DEFERRED_MESSAGE, CHOICES = 5, 8
EPHEMERAL = 64
ALIVE = 3.0
CHOICES_WITHIN = 2.0
MOST_PARTS = 4


class Interactions:
    def __init__(self, context: Context, conversation: Conversation) -> None:
        self._context = context
        self._answers = Answers(context, conversation)
        self._ages: deque[float] = deque(maxlen=50)

    async def handle(self, data: dict[str, Any]) -> None:
        """Deal with one interaction from start to end. Never raises for what people or Discord do."""
        age = time.time() - born(str(data["id"]))
        self._ages.append(age)
        # Our clock may be wrong; the youngest interaction seen shows by how much.
        if age - min(self._ages) > ALIVE:
            log.info("discord.interactions: one that was replayed too late is dropped")
            return
        try:
            command = Command.read(data)
            if data["type"] == COMMAND:
                await self._command(command)
            elif data["type"] == AUTOCOMPLETE:
                await self._complete(command)
        except DiscordError as error:
            log.warning("discord.interactions: not answered: %s", error)

    async def _command(self, command: Command) -> None:
        rest = self._context.rest
        await rest.respond(command.id, command.token, DEFERRED_MESSAGE, {"flags": EPHEMERAL})
        reply = await self._work(command)
        parts = split(reply.text)
        files = reply.files
        if len(parts) > MOST_PARTS:
            files = (*files, ("answer.txt", reply.text.encode()))
            parts = [*parts[: MOST_PARTS - 1], "… (the whole answer is in the file)"]
        await rest.edit_response(self._context.application, command.token, parts[0] if parts else "Done.", files)
        for part in parts[1:]:
            await rest.follow_up(self._context.application, command.token, part, ephemeral=True)

    async def _work(self, command: Command) -> Reply:
        try:
            return await self._answers.answer(command)
        except LLMError as error:
            log.warning("discord.interactions: /%s: %s", command.name, error)
            return Reply("I cannot answer right now. Try again in a moment.")
        except RequestError as error:
            return Reply(str(error))
        except WhisperEngineError as error:
            log.warning("discord.interactions: /%s: %s", command.name, error)
            return Reply(
                str(error) if self._context.is_admin(command.user) else "That did not work. Try again in a moment."
            )
        except Exception:
            log.exception("discord.interactions: /%s failed", command.name)
            return Reply("Something is broken here; the log says what. Try something else.")

    async def _complete(self, command: Command) -> None:
        try:
            async with asyncio.timeout(CHOICES_WITHIN):
                choices = await self._answers.choices(command)
        except (WhisperEngineError, TimeoutError) as error:
            log.info("discord.interactions: no choices: %s", type(error).__name__)
            choices = []
        found = [{"name": name[:100], "value": value[:100]} for name, value in choices[:25] if name and value]
        await self._context.rest.respond(command.id, command.token, CHOICES, {"choices": found})
