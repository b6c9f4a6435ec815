"""The whole Discord side of the service against the fake server and a real database, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from tests.support.discord_client import QUICK
from tests.support.discord_heart import StubHeart
from tests.support.discord_server import DiscordServer
from tests.support.discord_world import Bot
from whisperengine.discord.context import Options
from whisperengine.discord.service import Account, Service


class Reef:
    """A server of the fake Discord with one bot, two channels and two people."""

    def __init__(self, discord: DiscordServer) -> None:
        self.discord = discord
        self.bot: Bot = discord.world.add_bot("token", "ElenaBot")
        self.guild, (self.channel, self.other) = discord.world.add_guild("Reef", 2)
        self.anna = discord.world.add_user("Anna")
        self.ben = discord.world.add_user("Ben")
        self.dm = discord.world.add_dm(self.bot, self.anna)
        self.call = f"<@{self.bot.id}> "

    def say(self, text: str, *, where: str = "", who: str = "", **fields: Any) -> str:
        """By default Anna writes in the first channel; returns the message id."""
        return self.discord.world.say(where or self.channel, who or self.anna, text, **fields)

    def posted(self, where: str | None = None) -> list[str]:
        return [message["content"] for message in self.discord.world.posted(where)]

    async def posts(self, count: int, where: str | None = None) -> list[str]:
        """Wait for `count` messages of the bot."""
        await self.discord.until(lambda: len(self.posted(where)) >= count)
        return self.posted(where)


@asynccontextmanager
async def bots(
    dsn: str,
    discord: DiscordServer,
    heart: StubHeart,
    accounts: Sequence[Account] | None = None,
    *,
    ready: bool = True,
    renew: float = 0.2,
    lease: float = 1.0,
    **options: Any,
) -> AsyncIterator[Service]:
    """A service that runs; ends as at SIGTERM. `options` are those of the bot with the token "token"."""
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=5)
    accounts = accounts or [Account(token="token", options=Options(**{"character": "elena", **options}))]
    service = Service(pool, dsn, heart, accounts, api_base=discord.base, timing=QUICK, lease=lease, renew=renew)
    task = asyncio.create_task(service.run())
    try:
        if ready:
            await discord.until(
                lambda: all(state["status"] == "ready" for state in service.state() or [{"status": ""}])
            )
        yield service
    finally:
        discord.gateway.shutdown_expected = True
        service.stop()
        await task
        await pool.close()
