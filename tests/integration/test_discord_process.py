"""The bot as a process: killed, ended, kept busy."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.discord_bots import Reef
from tests.support.discord_server import DiscordServer
from tests.support.discord_world import Times


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    async with DiscordServer(Times(identify_gap=0.1, heartbeat_interval=1.0, heartbeat_tolerance=1.0)) as server:
        server.rest.limits["POST messages"].size = 1000
        yield server
        assert server.breaches == []


@asynccontextmanager
async def process(dsn: str, discord: DiscordServer, *more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    arguments = ("-m", "tests.support.discord_process", "--dsn", dsn, "--base", discord.base, *more)
    running = await asyncio.create_subprocess_exec(sys.executable, *arguments, stderr=asyncio.subprocess.DEVNULL)
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


async def test_a_killed_process_is_resumed_and_what_was_said_meanwhile_is_answered_once(
    database: str, discord: DiscordServer, reef: Reef
) -> None:
    async with process(database, discord) as first:
        await discord.until(lambda: discord.gateway.connects and discord.gateway.connects[-1].ready_at, 30)
        reef.say("before")
        await reef.posts(1)
        # A session that is not saved yet cannot be resumed by anybody.
        await asyncio.sleep(0.3)
        first.send_signal(signal.SIGKILL)
        await first.wait()
    reef.say("between")
    async with process(database, discord):
        await reef.posts(2)
        reef.say("after")
        posted = await reef.posts(3)
    assert posted == ["answer to before", "answer to between", "answer to after"]
    assert [connect.opened for connect in discord.gateway.connects] == ["identify", "resume"]


async def test_a_process_killed_while_it_answers_leaves_no_message_behind(
    database: str, discord: DiscordServer, reef: Reef
) -> None:
    async with process(database, discord, "--delay", "1.5") as first:
        await discord.until(lambda: discord.gateway.connects and discord.gateway.connects[-1].ready_at, 30)
        await asyncio.sleep(0.3)
        reef.say("unfinished")
        await discord.until(lambda: discord.world.typing)
        await asyncio.sleep(0.3)
        first.send_signal(signal.SIGKILL)
        await first.wait()
    async with process(database, discord):
        await reef.posts(1)
        reef.say("after")
        posted = await reef.posts(2)
    assert posted == ["answer to unfinished", "answer to after"]


async def test_sigterm_shows_the_bot_offline_and_ends_within_five_seconds(
    database: str, discord: DiscordServer, reef: Reef
) -> None:
    discord.gateway.shutdown_expected = True
    async with process(database, discord) as running:
        await discord.until(lambda: discord.gateway.connects and discord.gateway.connects[-1].ready_at, 30)
        running.terminate()
        assert await asyncio.wait_for(running.wait(), 5) == 0
    await discord.until(lambda: discord.gateway.connects[-1].client_code)
    assert discord.gateway.connects[-1].client_code == 1000


async def test_a_slow_model_delays_neither_heartbeats_nor_acknowledgements(
    database: str, discord: DiscordServer, reef: Reef
) -> None:
    async with process(database, discord, "--delay", "30"):
        await discord.until(lambda: discord.gateway.connects and discord.gateway.connects[-1].ready_at, 30)
        for _ in range(5):
            reef.say("think hard")
        await discord.until(lambda: discord.world.typing)
        found = discord.interact(reef.bot, reef.channel, reef.anna, {"id": "1", "name": "mood", "type": 1})
        await discord.until(lambda: found.answered_at)
        assert found.answered_at - found.at < 1
        beats = discord.gateway.connects[-1].heartbeats
        await discord.until(lambda: discord.gateway.connects[-1].heartbeats >= beats + 3)
    assert len(discord.gateway.connects) == 1


async def test_a_crowd_over_fifty_channels_is_answered_once_and_in_order(
    database: str, discord: DiscordServer, reef: Reef
) -> None:
    """Three hundred messages here; the benchmark takes a thousand, which Discord's own limit makes last 22 s."""
    for number in range(48):
        discord.world.add_channel(reef.guild, f"busy-{number}")
    channels = [channel for channel, known in discord.world.channels.items() if known["type"] == 0]
    async with process(database, discord):
        await discord.until(lambda: discord.gateway.connects and discord.gateway.connects[-1].ready_at, 30)
        for number in range(300):
            reef.say(str(number), where=channels[number % 50])
        await discord.until(lambda: len(reef.posted()) >= 300, 60)
    assert sorted(reef.posted()) == sorted(f"answer to {number}" for number in range(300))
    for channel in channels:
        numbers = [int(text.split()[-1]) for text in reef.posted(channel)]
        assert numbers == sorted(numbers)
