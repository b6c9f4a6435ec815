"""A small client on the real gateway and REST parts: answers every person's message once, and nothing more."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.support.discord_server import DiscordServer
from tests.support.discord_world import Bot
from whisperengine.discord.gateway import Event, Shard
from whisperengine.discord.keeper import Identified
from whisperengine.discord.pace import Timing
from whisperengine.discord.rest import Rest
from whisperengine.discord.seen import Seen
from whisperengine.discord.session import Session
from whisperengine.discord.transport import client_session

# Times a fiftieth as long as the real ones, except where a busy machine needs a margin: the fake server's gap is then
# 0.1 s.
QUICK = Timing(
    connect=0.5,
    ready=2.0,
    identify_gap=0.14,
    backoff_base=0.02,
    backoff_cap=0.8,
    healthy=1.2,
    storm_window=0.21,
    invalid_low=0.02,
    invalid_high=0.1,
    sent_too_much=0.1,
    save_every=0.05,
    refresh=0.5,
)


class MemoryKeeper:
    """What PostgreSQL keeps for the service, in memory."""

    def __init__(self) -> None:
        self.sessions: dict[int, Session | None] = {}
        self._next: dict[int, float] = {}
        self._last: dict[int, float] = {}
        self.used = 0

    async def save(self, shard: int, session: Session | None) -> None:
        self.sessions[shard] = session

    async def identified(self, bucket: int) -> Identified:
        now = time.monotonic()
        return Identified(max(0.0, self._next.get(bucket, now) - now), self.used, now - self._last.get(bucket, -1e6))

    async def reserve_identify(self, bucket: int, gap: float) -> float:
        now = time.monotonic()
        moment = max(now, self._next.get(bucket, now))
        self._next[bucket] = moment + gap
        return moment - now

    async def count_identify(self, bucket: int) -> None:
        self._last[bucket] = time.monotonic()
        self.used += 1


class EchoClient:
    def __init__(self, http: aiohttp.ClientSession, discord: DiscordServer, bot: Bot, **options: Any) -> None:
        self.bot = bot
        self.rest = Rest(http, discord.base, bot.token, backoff=0.01)
        self.keeper = options.pop("keeper", None) or MemoryKeeper()
        self.events: list[tuple[str, int | None]] = []
        self.answers: set[asyncio.Task[Any]] = set()
        self._seen = Seen(10_000)
        options.setdefault("timing", QUICK)
        options.setdefault("chance", random.Random(5).random)
        self.shard = Shard(http, bot.token, info=self.rest.gateway, sink=self._take, keeper=self.keeper, **options)

    def _take(self, event: Event) -> None:
        self.events.append((event.type, event.seq))
        if event.type != "MESSAGE_CREATE" or event.data["author"]["id"] == self.bot.id:
            return
        if self._seen.first(event.data["id"]):
            event.hold()
            task = asyncio.create_task(self._answer(event))
            self.answers.add(task)
            task.add_done_callback(self.answers.discard)

    async def _answer(self, event: Event) -> None:
        message = event.data
        await self.rest.send(message["channel_id"], "echo " + message["content"], nonce=message["id"])
        event.release()


@asynccontextmanager
async def running(
    discord: DiscordServer, bot: Bot, *, wait: bool = True, **options: Any
) -> AsyncIterator[tuple[EchoClient, asyncio.Task[None]]]:
    """A client that runs, and the task of its shard. Ends as a service does at SIGTERM."""
    async with client_session() as http:
        client = EchoClient(http, discord, bot, **options)
        task = asyncio.create_task(client.shard.run())
        try:
            if wait:
                await discord.until(client.shard.ready.is_set)
            yield client, task
        finally:
            discord.gateway.shutdown_expected = True
            client.shard.stop()
            await asyncio.gather(task, *client.answers, return_exceptions=True)
