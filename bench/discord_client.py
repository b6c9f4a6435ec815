"""The Discord client with Discord's real times, and beside discord.py.

    python bench/discord_client.py [--only cpu|times|crowd] [--events 10000] [--dsn DSN]

Each scenario has a strict server of its own on loopback; they run side by side because they mostly wait. The CPU
figures are taken alone,
three rounds each in turn, of whole processes: for ours the complete service with its database (an embedded one unless
--dsn names one
with all migrations applied). Prints a table and one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
sys.path[0] = str(ROOT)
from tests.support.discord_client import EchoClient, running
from tests.support.discord_server import DiscordServer
from tests.support.discord_world import Times
from whisperengine.db import migrate
from whisperengine.db.embedded import EmbeddedPostgres
from whisperengine.discord.link import PRESENCE
from whisperengine.discord.pace import Timing

FAULT_SECONDS = 45.0
ROUNDS = 3
Rows = list[tuple[str, str, str, bool]]


class Scene:
    """A server with a bot, a channel and a person, and a client with the real times."""

    def __init__(self, **times: Any) -> None:
        self.discord = DiscordServer(Times(**times))

    @asynccontextmanager
    async def client(self, *, wait: bool = True) -> AsyncIterator[EchoClient]:
        async with self.discord as discord:
            self.bot = discord.world.add_bot("token", "Elena")
            _, (self.channel,) = discord.world.add_guild("Reef")
            self.person = discord.world.add_user("Anna")
            async with running(discord, self.bot, wait=wait, timing=Timing(), chance=random.random) as (client, _):
                yield client

    def connects_between(self, start: float, end: float) -> int:
        begun = self.discord.gateway.connects[0].at
        return sum(begun + start <= connect.at < begun + end for connect in self.discord.gateway.connects)


async def storm(fault: str) -> Rows:
    scene = Scene()
    scene.discord.gateway.always = fault
    async with scene.client(wait=False) as client:
        await asyncio.sleep(FAULT_SECONDS)
        first, later = scene.connects_between(0, 10), scene.connects_between(20, 30)
        scene.discord.gateway.reset_faults()
        mended = time.monotonic()
        await scene.discord.until(client.shard.ready.is_set, 90)
        recovered = time.monotonic() - mended
    good = first <= 6 and later <= first and recovered <= 60 and not scene.discord.breaches
    said = f"{first} connects in 10 s, {later} in 20-30 s, back after {recovered:.0f} s"
    return [(f"storm: {fault}", said, "<= 6, fewer, <= 60 s", good)]


async def refused_resume() -> Rows:
    scene = Scene()
    async with scene.client() as client:
        scene.discord.gateway.always = "resume-close:4007"
        await scene.discord.gateway.close(4000)
        await scene.discord.until(lambda: len(scene.discord.gateway.connects) >= 3 and client.shard.ready.is_set(), 60)
        total, breaches = len(scene.discord.gateway.connects), scene.discord.breaches
    return [("resume answered with 4007", f"new session at connect {total}", "no loop", total == 3 and not breaches)]


async def resumed(how: Any) -> Rows:
    scene = Scene()
    async with scene.client() as client:
        gateway = scene.discord.gateway
        began = time.monotonic()
        if how == "reset":
            gateway.reset()
        elif how in ("op 7", "op 9 true"):
            await gateway.send(7 if how == "op 7" else 9, True)
        else:
            await gateway.close(how)
        scene.discord.world.say(scene.channel, scene.person, "during")
        await scene.discord.until(lambda: len(gateway.connects) == 2 and client.shard.ready.is_set(), 30)
        took = gateway.connects[1].ready_at - began
        await scene.discord.until(lambda: scene.discord.world.posted())
        await asyncio.sleep(1)
        answers = len(scene.discord.world.posted())
    good = took < 1 and answers == 1 and not scene.discord.breaches and gateway.connects[1].opened == "resume"
    return [(f"cut: {how}", f"resumed after {took * 1000:.0f} ms, answered {answers}x", "< 1 s, once", good)]


async def replaced(how: Any) -> Rows:
    scene = Scene()
    async with scene.client() as client:
        gateway = scene.discord.gateway
        gateway.expire_sessions()
        await (gateway.send(9, False) if how == "op 9 false" else gateway.close(how))
        await scene.discord.until(lambda: len(gateway.connects) == 2 and client.shard.ready.is_set(), 60)
        gap = gateway.connects[1].opened_at - gateway.connects[0].opened_at
        path = gateway.connects[1].path
    good = gap >= 5 and path == "/gateway" and not scene.discord.breaches
    return [(f"dead session: {how}", f"IDENTIFY after {gap:.2f} s on {path}", ">= 5 s, main url", good)]


async def zombie(events: bool) -> Rows:
    interval = 5.0
    scene = Scene(heartbeat_interval=interval)
    async with scene.client() as client:
        gateway = scene.discord.gateway
        await scene.discord.until(lambda: gateway.connects[0].heartbeats >= 1, 20)
        gateway.silence(events=events)
        began = time.monotonic()
        while len(gateway.connects) < 2:
            if events:
                scene.discord.world.say(scene.channel, scene.person, "noise")
            await asyncio.sleep(0.5)
        await scene.discord.until(client.shard.ready.is_set, 20)
        took = time.monotonic() - began
    name = "zombie: events, no ACK" if events else "zombie: silent"
    good = took <= 2 * interval + 1 and not scene.discord.breaches
    return [(name, f"back after {took:.1f} s at {interval:.0f} s", "<= 2 intervals + 1 s", good)]


async def sends() -> Rows:
    scene = Scene(heartbeat_interval=5.0)
    presence = {"since": None, "activities": [], "status": "online", "afk": False}
    async with scene.client() as client:
        waiting = asyncio.gather(*(client.shard.send(PRESENCE, presence) for _ in range(200)))
        began = time.monotonic()
        await waiting
        took = time.monotonic() - began
        breaches = scene.discord.breaches
    return [
        ("200 presence updates", f"{took:.0f} s, breaches {len(breaches)}", "never over 120 a minute", not breaches)
    ]


async def bucket() -> Rows:
    scene = Scene()
    async with scene.client() as client:
        began = time.monotonic()
        await asyncio.gather(*(client.rest.send(scene.channel, str(n), nonce=f"n{n}") for n in range(12)))
        took = time.monotonic() - began
        order = [message["content"] for message in scene.discord.world.posted()] == [str(n) for n in range(12)]
        limited = sum(status == 429 for *_, status in scene.discord.rest.requests)
    good = order and not limited and not scene.discord.breaches
    return [
        (
            "12 sends into 5 per 5 s",
            f"{took:.1f} s, {limited} x 429, order {'kept' if order else 'lost'}",
            "0 x 429",
            good,
        )
    ]


async def real_times() -> Rows:
    work: list[Awaitable[Rows]] = [
        *(storm(fault) for fault in ("close:4000", "reconnect", "503", "hang", "drop")),
        *(resumed(how) for how in (4000, 1000, 1001, None, "reset", "op 7", "op 9 true")),
        *(replaced(how) for how in (4003, 4007, 4009, "op 9 false")),
        *(refused_resume(), zombie(False), zombie(True), sends(), bucket()),
    ]
    return [row for rows in await asyncio.gather(*work) for row in rows]


@asynccontextmanager
async def child(module: str, *arguments: str) -> AsyncIterator[psutil.Process]:
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, cwd=ROOT, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield psutil.Process(running.pid)
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


def seconds_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


@asynccontextmanager
async def crowd_server() -> AsyncIterator[tuple[DiscordServer, list[str], str, str]]:
    """(server, 50 channels, a person, how the person calls the bot)."""
    async with DiscordServer(Times(), house_rules=False) as discord:
        bot = discord.world.add_bot("token", "Elena")
        _, channels = discord.world.add_guild("Reef", 50)
        discord.gateway.shutdown_expected = True
        yield discord, channels, discord.world.add_user("Anna"), f"<@{bot.id}> "


def ours(discord: DiscordServer, dsn: str, mode: str) -> Any:
    arguments = ("--dsn", dsn, "--base", discord.base, "--mode", mode, "--real-times")
    return child("tests.support.discord_process", *arguments)


def theirs(discord: DiscordServer) -> Any:
    gateway = f"ws://127.0.0.1:{discord.port}/gateway"
    return child("tests.support.discord_py_client", "--base", discord.base, "--gateway", gateway, "--count-only")


async def cpu_of(start: Callable[[DiscordServer], Any], events: int) -> float:
    """CPU seconds of a process that hears `events` messages which are not for it."""
    async with crowd_server() as (discord, channels, person, call), start(discord) as process:
        await discord.until(lambda: discord.gateway.connects and discord.gateway.connects[-1].ready_at, 60)
        discord.world.say(channels[0], person, call + "warm")
        await discord.until(lambda: len(discord.world.posted()) == 1, 30)
        await asyncio.sleep(1)
        before = seconds_of(process)
        for number in range(events):
            discord.world.say(channels[number % 50], person, f"message {number} about the reef and the weather")
            if number % 100 == 99:
                await asyncio.sleep(0.02)
        discord.world.say(channels[0], person, call + "done?")
        await discord.until(lambda: len(discord.world.posted()) == 2, 120)
        return seconds_of(process) - before


async def side_by_side(dsn: str, events: int) -> Rows:
    mine, others = [], []
    for _ in range(ROUNDS):
        mine.append(await cpu_of(lambda discord: ours(discord, dsn, "mention"), events))
        others.append(await cpu_of(theirs, events))
    ratio = statistics.median(mine) / statistics.median(others)
    said = f"{statistics.median(mine):.2f} s, discord.py {statistics.median(others):.2f} s: {ratio:.2f}"
    return [(f"CPU of {events} events", said, "<= 0.5", ratio <= 0.5)]


async def crowd(dsn: str) -> Rows:
    async with crowd_server() as (discord, channels, person, _), ours(discord, dsn, "all") as process:
        await discord.until(lambda: discord.gateway.connects and discord.gateway.connects[-1].ready_at, 60)
        await asyncio.sleep(1)
        before = process.memory_info().rss
        began = time.monotonic()
        for number in range(1000):
            discord.world.say(channels[number % 50], person, str(number))
            await asyncio.sleep(max(0.0, began + number / 100 - time.monotonic()))
        highest = before
        while len(discord.world.posted()) < 1000 and time.monotonic() - began < 120:
            highest = max(highest, process.memory_info().rss)
            await asyncio.sleep(0.2)
        took = time.monotonic() - began
        await asyncio.sleep(2)
        answers = sorted(message["content"] for message in discord.world.posted())
        grown = (highest - before) / 2**20
        once = answers == sorted(f"answer to {number}" for number in range(1000))
    good = once and not discord.breaches and grown < 50
    said = f"{'each once' if once else f'{len(answers)} answers'} in {took:.0f} s, +{grown:.0f} MB"
    return [("1,000 messages in 10 s, 50 channels", said, "each once, bounded", good)]


@asynccontextmanager
async def database(dsn: str) -> AsyncIterator[str]:
    if dsn:
        yield dsn
        return
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o711)
        server = EmbeddedPostgres(Path(home))
        dsn = await asyncio.to_thread(server.start)
        try:
            await migrate.up(dsn, wait=0, lock_timeout=60, report=lambda _: None)
            yield dsn
        finally:
            await asyncio.to_thread(server.stop)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("cpu", "times", "crowd"))
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--dsn", default="")
    arguments = parser.parse_args()
    rows: Rows = []
    if arguments.only in (None, "times"):
        rows += await real_times()
    if arguments.only != "times":
        async with database(arguments.dsn) as dsn:
            if arguments.only in (None, "crowd"):
                rows += await crowd(dsn)
            if arguments.only in (None, "cpu"):
                rows += await side_by_side(dsn, arguments.events)
    for name, said, bar, good in rows:
        print(f"{name:36} {said:58} {bar:24} {'ok' if good else 'MISSED'}")
    print(json.dumps({name: {"measured": said, "bar": bar, "ok": good} for name, said, bar, good in rows}))


if __name__ == "__main__":
    asyncio.run(main())
