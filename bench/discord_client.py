"""The Discord client alone, with Discord's real times.

    python bench/discord_client.py

Each scenario has a strict server of its own on loopback; they run side by side because they mostly wait. Prints a table
and one JSON line. The whole service is measured by discord_service.py.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[0] = str(ROOT)
from tests.support.discord_client import EchoClient, running
from tests.support.discord_server import DiscordServer
from tests.support.discord_world import Times
from whisperengine.discord.link import PRESENCE
from whisperengine.discord.pace import Timing

FAULT_SECONDS = 45.0
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


async def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    rows = await real_times()
    for name, said, bar, good in rows:
        print(f"{name:36} {said:58} {bar:24} {'ok' if good else 'MISSED'}")
    print(json.dumps({name: {"measured": said, "bar": bar, "ok": good} for name, said, bar, good in rows}))


if __name__ == "__main__":
    asyncio.run(main())
