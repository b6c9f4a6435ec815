"""Bringing an answer into a channel: typing, growing by edits while the model writes, cut into messages, each posted
once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from whisperengine.discord.chunks import LIMIT, split
from whisperengine.discord.mentions import Names, postable
from whisperengine.discord.problems import DiscordError, DiscordRefused
from whisperengine.discord.rest import Rest

log = logging.getLogger(__name__)

# Discord shows typing for ten seconds.
TYPING_EVERY = 8.0
# A quick answer needs neither.
TYPING_AFTER = 0.25
STREAM_AFTER = 3.0
STREAM_CHARS = 80
# Five edits in five seconds are allowed in a channel, and other answers may be there.
EDIT_EVERY = 1.6
# Replying needs a permission that plain messages do not.
NO_HISTORY = 160002
MORE = " …"
# Parts are cut alike while an answer grows and when it is whole, so that finished ones stay as they are.
PART = LIMIT - len(MORE)


@dataclass(slots=True)
class _Posted:
    id: str
    text: str


class Delivery:
    """One answer in one channel. `key` names it: delivering it again, in whatever process, changes the same messages.

    It refers to the message `reply_to`, or takes the place of the messages `instead_of`.
    """

    def __init__(
        self,
        rest: Rest,
        channel: str,
        key: str,
        names: Names,
        *,
        reply_to: str | None = None,
        instead_of: tuple[str, ...] = (),
        shows_typing: bool = True,
    ) -> None:
        self._rest = rest
        self._channel = channel
        self._key = key
        self._names = names
        self._reply_to = reply_to
        self._shows_typing = shows_typing
        self._written = ""
        self._began = 0.0
        self._posted = [_Posted(message, "") for message in instead_of]
        self._changed = asyncio.Event()
        self._showing = asyncio.Lock()

    @property
    def message_ids(self) -> tuple[str, ...]:
        return tuple(posted.id for posted in self._posted)

    async def write(self, piece: str) -> None:
        """Take a piece of the answer while the model writes it."""
        self._began = self._began or time.monotonic()
        self._written += piece
        self._changed.set()

    @asynccontextmanager
    async def growing(self) -> AsyncIterator[None]:
        """While the block lasts, show typing, and later what is written so far."""
        typing = asyncio.create_task(self._show_typing())
        growth = asyncio.create_task(self._show_growth())
        try:
            yield
        finally:
            # An edit that is under way must end first: it could reach Discord after the last one.
            async with self._showing:
                growth.cancel()
            typing.cancel()
            for failure in await asyncio.gather(typing, growth, return_exceptions=True):
                if isinstance(failure, DiscordError):
                    log.info("discord.delivery: progress could not be shown: %s", failure)

    async def finish(self, text: str) -> tuple[str, ...]:
        """Make the channel say `text` and nothing else; returns the ids of its messages. Raises DiscordError."""
        parts = split(postable(text, self._names), PART)
        await self._show(parts)
        for surplus in self._posted[len(parts) :]:
            await self._rest.delete(self._channel, surplus.id)
        del self._posted[len(parts) :]
        return self.message_ids

    async def _show(self, parts: list[str]) -> None:
        async with self._showing:
            for index, part in enumerate(parts):
                if index == len(self._posted):
                    sent = await self._post(part, index)
                    # Discord gives back what an earlier process posted under the same name, which may be less.
                    self._posted.append(_Posted(str(sent["id"]), str(sent.get("content", part))))
                posted = self._posted[index]
                if posted.text.strip() != part.strip():
                    await self._rest.edit(self._channel, posted.id, part)
                    posted.text = part

    async def _post(self, part: str, index: int) -> dict[str, Any]:
        nonce = f"{self._key}:{index}"
        if index == 0 and self._reply_to:
            try:
                return await self._rest.send(self._channel, part, nonce=nonce, reply_to=self._reply_to)
            except DiscordRefused as error:
                if error.reason != NO_HISTORY:
                    raise
        return await self._rest.send(self._channel, part, nonce=nonce)

    async def _show_typing(self) -> None:
        await asyncio.sleep(TYPING_AFTER)
        while self._shows_typing and not self._posted:
            await self._rest.typing(self._channel)
            await asyncio.sleep(TYPING_EVERY)

    async def _show_growth(self) -> None:
        await self._changed.wait()
        await asyncio.sleep(STREAM_AFTER)
        while True:
            await self._changed.wait()
            self._changed.clear()
            if len(self._written) >= STREAM_CHARS:
                parts = split(postable(self._written, self._names), PART)
                if parts:
                    await self._show([*parts[:-1], parts[-1] + MORE])
            await asyncio.sleep(EDIT_EVERY)
