"""The commands that are written as messages: !help, !ping, !bot_status, !llm_status."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from whisperengine.discord.address import is_direct
from whisperengine.discord.chunks import split
from whisperengine.discord.context import Context

EVERYBODY = "whisperengine"
ALIASES = {"commands": "help", "bot_help": "help", "bot_commands": "help"}


class PrefixCommands:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._handlers: dict[str, Callable[[], Awaitable[str]]] = {
            "help": self._help,
            "ping": self._ping,
            "bot_status": self._bot_status,
            "llm_status": self._llm_status,
        }

    def matches(self, message: dict[str, Any], names: Callable[[], Iterable[str]]) -> bool:
        """Whether the message is a command for this bot: on a server its name (or whisperengine) must stand behind
        it.
        """
        words = self._words(message)
        if not words or words[0] not in self._handlers:
            return False
        if is_direct(message) or any(
            isinstance(user, dict) and user.get("id") == self._context.id for user in message.get("mentions") or ()
        ):
            return True
        called = " ".join(words[1:])
        return any(re.search(rf"(?<!\w){re.escape(name.lower())}(?!\w)", called) for name in (*names(), EVERYBODY))

    async def run(self, message: dict[str, Any]) -> None:
        """Answer the command in its channel. Raises WhisperEngineError."""
        text = await self._handlers[self._words(message)[0]]()
        for index, part in enumerate(split(text)):
            await self._context.rest.send(str(message["channel_id"]), part, nonce=f"{message['id']}:{index}")

    def _words(self, message: dict[str, Any]) -> list[str]:
        content = message.get("content")
        prefix = self._context.options.prefix
        if not prefix or not isinstance(content, str) or not content.startswith(prefix):
            return []
        words = content[len(prefix) :].lower().split()
        return [ALIASES.get(words[0], words[0]), *words[1:]] if words else []

    async def _help(self) -> str:
        prefix = self._context.options.prefix
        listed = ", ".join(f"`{prefix}{name}`" for name in self._handlers)
        return f"Write to me, mention me or reply to me. Commands: `/help` and its kin, and {listed}."

    async def _ping(self) -> str:
        latencies = [shard.state.latency for shard in self._context.shards.values() if shard.state.latency is not None]
        return f"Pong! {min(latencies) * 1000:.0f} ms" if latencies else "Pong!"

    async def _bot_status(self) -> str:
        shards = ", ".join(f"{shard.state.shard}: {shard.state.status}" for shard in self._context.shards.values())
        return f"{self._context.name} is here. Shards: {shards}. Servers: {len(self._context.guilds)}."

    async def _llm_status(self) -> str:
        return "\n".join(f"{name}: {value}" for name, value in (await self._context.heart.status()).items())
