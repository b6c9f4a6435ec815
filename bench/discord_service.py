"""The whole service with its bots on a strict Discord, with Discord's real times and limits.

    python bench/discord_service.py [--only crowd|cuts|slow|zombies|replicas|limits|storms|cpu]

The service is a process of its own, its language model a stub, its database an embedded PostgreSQL; for the CPU of
10,000 events a bot on discord.py is measured in turn with it. Prints a table and one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.peers.discord_clients import Bench, measure
from tests.support.discord_rest import Limit
from tests.support.discord_service import Stage, change, stage
from tests.support.discord_world import Times
from tests.support.llm_stub import says
from tests.support.service import Process
from whisperengine.db import migrate
from whisperengine.db.embedded import EmbeddedPostgres

Rows = list[tuple[str, str, str, bool]]
Meet = Callable[[Stage], Awaitable[Rows]]
MESSAGES, CHANNELS, SECONDS = 1000, 50, 10.0
FAULT_SECONDS = 30.0
CUTS = ("4000", "1000", "1001", "none", "reset", "op 7", "op 9 true")
STORMS = ("close:4000", "reconnect", "503", "hang", "resume-close:4007")
INTERVAL = 5.0
EVENTS = 10_000


async def crowd(scene: Stage) -> Rows:
    """1,000 messages in 10 s over 50 channels. Discord allows 5 posts in 5 s in each, so answering takes 20 s."""
    scene.discord.rest.limits["POST messages"] = Limit(5, 5.0)
    world = scene.discord.world
    channels = [world.add_channel(scene.guild, f"busy-{number}") for number in range(CHANNELS)]
    people = [world.add_user(f"Person {number}") for number in range(CHANNELS)]
    async with scene.service(DISCORD_RESPOND_MODE="all") as process:
        await scene.ask("warm", scene.room)
        service = of(process)
        before, spent = service.memory_info().rss, cpu(service)
        began = time.monotonic()
        for number in range(MESSAGES):
            scene.say(f"number {number}", channels[number % CHANNELS], people[number % CHANNELS])
            await asyncio.sleep(max(0.0, began + number * SECONDS / MESSAGES - time.monotonic()))
        highest = before
        while len(scene.posted()) <= MESSAGES and time.monotonic() - began < 120:
            highest = max(highest, service.memory_info().rss)
            await asyncio.sleep(0.1)
        took = time.monotonic() - began
        spent, requests = cpu(service) - spent, len(scene.discord.rest.requests)
        # Whatever were posted twice would come now.
        await asyncio.sleep(2)
        answers = sorted(scene.posted()[1:])
        once = answers == sorted(f"answer to number {number}" for number in range(MESSAGES))
        order = all(
            [text.split()[-1] for text in scene.posted(channel)] == [str(n) for n in range(index, MESSAGES, CHANNELS)]
            for index, channel in enumerate(channels)
        )
    grown = (highest - before) / 2**20
    found = "each once" if once else f"{len(answers)} answers"
    kept = "in order" if order else "order lost"
    said = f"{found}, {kept}, in {took:.0f} s, +{grown:.0f} MB, {spent:.0f} s of CPU, {requests} requests"
    good = once and order and grown < 100 and not scene.discord.breaches
    return [(f"{MESSAGES:,} messages in {SECONDS:.0f} s over {CHANNELS} channels", said, "each once, < 100 MB", good)]


async def cuts(scene: Stage) -> Rows:
    """Each of seven bots loses its connection in its own way while a message arrives."""
    rows: Rows = []
    connects = scene.discord.gateway.connects
    async with scene.service():
        for name, how in zip(scene.characters, CUTS, strict=True):
            await asyncio.sleep(1)
            count = len(connects)
            began = time.monotonic()
            scene.say(how, scene.dms[name])
            await scene.connection(scene.bots[name]).cut(how)
            await scene.discord.until(lambda count=count: len(connects) > count and connects[-1].ready_at, 60)
            took = connects[-1].ready_at - began
            await scene.answers(1, scene.dms[name])
            await asyncio.sleep(1)
            times = len(scene.posted(scene.dms[name]))
            good = took < 1 and times == 1 and connects[-1].opened == "resume" and not scene.discord.breaches
            rows.append((f"cut: {how}", f"resumed after {took * 1000:.0f} ms, answered {times}x", "< 1 s, once", good))
    return rows


async def slow(scene: Stage) -> Rows:
    """A model that takes 30 s, and a service that is told to end meanwhile."""
    scene.model.will(says("done", delay=30))
    async with scene.service() as process:
        for number in range(5):
            scene.say(f"think, {number}", scene.room if number % 2 else scene.dm, scene.anna)
        await asyncio.sleep(1)
        waits = []
        for _ in range(20):
            found = scene.interact("mood", scene.dm, scene.anna, "", {})
            await scene.discord.until(lambda found=found: found.answered_at, 10)
            waits.append(found.answered_at - found.at)
        await asyncio.sleep(12)
        (connect,) = scene.discord.gateway.connects
        beats, breaches = connect.heartbeats, len(scene.discord.breaches)
        scene.discord.gateway.shutdown_expected = True
        began = time.monotonic()
        status = await process.stop()
        took = time.monotonic() - began
        await scene.discord.until(lambda: connect.client_code)
    return [
        ("a model of 30 s: deferral", f"{max(waits) * 1000:.0f} ms at most", "< 1 s", max(waits) < 1),
        ("a model of 30 s: heartbeats", f"{beats} beats, {breaches} late", "in time", beats >= 2 and not breaches),
        (
            "SIGTERM meanwhile",
            f"exit {status} after {took:.1f} s, close code {connect.client_code}",
            "< 5 s, 1000",
            took < 5 and status == 0 and connect.client_code == 1000,
        ),
    ]


async def zombies(scene: Stage) -> Rows:
    """A connection on which nothing comes any more, and one on which all comes but acknowledgements."""
    rows: Rows = []
    connects = scene.discord.gateway.connects
    async with scene.service():
        for name, events in zip(scene.characters, (False, True), strict=True):
            where = scene.dms[name]
            count = len(connects)
            began = time.monotonic()
            scene.connection(scene.bots[name]).silence(events=events)
            unheard = scene.say("unheard", where)
            while len(connects) == count or not connects[-1].ready_at:
                if events:
                    scene.discord.edit(unheard, f"unheard at {time.monotonic()}")
                await asyncio.sleep(0.2)
            took = connects[-1].ready_at - began
            await asyncio.sleep(2)
            times = len(scene.posted(where))
            good = took <= 2 * INTERVAL + 1 and times == 1 and connects[-1].opened == "resume"
            said = f"resumed after {took:.1f} s at an interval of {INTERVAL:.0f} s, answered {times}x"
            rows.append((f"zombie: {name}", said, "<= 2 intervals + 1 s, once", good and not scene.discord.breaches))
    return rows


async def bucket(scene: Stage) -> Rows:
    """Twelve people ask in one channel, where Discord allows five messages in five seconds."""
    scene.discord.rest.limits["POST messages"] = Limit(5, 5.0)
    people = [scene.discord.world.add_user(f"Person {number}") for number in range(12)]
    async with scene.service():
        began = time.monotonic()
        for number, person in enumerate(people):
            scene.say(f"{scene.call}number {number}", scene.room, person)
        answers = await scene.answers(12, scene.room)
        took = time.monotonic() - began
    order = [text.split()[-1] for text in answers] == [str(number) for number in range(12)]
    limited = sum(status == 429 for *_, status in scene.discord.rest.requests)
    said = f"{took:.1f} s, {limited} x 429, order {'kept' if order else 'lost'}"
    return [("12 answers into 5 per 5 s", said, "0 x 429, in order", order and not limited)]


async def presence(scene: Stage) -> Rows:
    """The bot is two hundred times another character, in 40 s."""
    environ = dict.fromkeys(("DISCORD_BOT_TOKEN", "DISCORD_TOKENS"), "")
    async with scene.service(connected=False, **environ) as process, scene.client(process) as client:
        began = time.monotonic()
        for number in range(200):
            name = scene.characters[number % 2]
            await change(client, {"discord.tokens": f"{name}=token-{scene.characters[0]}"})
            await asyncio.sleep(max(0.0, began + number * 0.2 - time.monotonic()))
        await asyncio.sleep(2 * INTERVAL)
        took = time.monotonic() - began
        (connect,) = scene.discord.gateway.connects
        shown, breaches = len(scene.discord.gateway.presences), len(scene.discord.breaches)
        said = (
            f"{connect.sends} sends in {took:.0f} s: {shown} presences, {connect.heartbeats} beats; {breaches} breaches"
        )
    return [("200 changes of presence", said, "<= 120 a minute, no beat late", shown > 2 and not breaches)]


async def replicas(scene: Stage) -> Rows:
    """Two processes share four shards; one is killed while people on every shard write."""
    world = scene.discord.world
    scene.discord.gateway.shards = 4
    rooms = []
    for number in range(12):
        rooms += world.add_guild(f"Server {number}", 1)[1]
        # The time in a server's id says which shard it is on.
        await asyncio.sleep(0.003)
    async with scene.service() as dying, scene.service() as living:
        async with scene.client(dying) as one, scene.client(living) as other:
            for client in (one, other):
                await scene.until_bots(client, lambda bots: len(bots[0]["shards"]) == 2 and bots[0]["state"] == "ready")
        began = time.monotonic()
        await dying.kill()
        for number, room in enumerate(rooms):
            scene.say(f"{scene.call}number {number}", room)
        await scene.discord.until(lambda: len(scene.posted()) >= len(rooms), 60)
        took = time.monotonic() - began
        await asyncio.sleep(2)
        once = sorted(scene.posted()) == sorted(f"answer to number {number}" for number in range(len(rooms)))
    said = f"all answered {'once' if once else 'not once'}, the last after {took:.0f} s"
    good = once and took <= 30 and not scene.discord.breaches
    return [("one of two replicas killed, four shards", said, "<= 30 s, once", good)]


async def processor(dsn: str) -> Rows:
    spent = await measure(Bench(dsn, sys.executable), ("whisperengine", "discord.py"), EVENTS)
    ratio = spent["whisperengine"] / spent["discord.py"]
    said = f"{spent['whisperengine']:.2f} s of CPU, discord.py {spent['discord.py']:.2f} s: {ratio:.2f}"
    return [(f"{EVENTS:,} events that are not for it", said, "<= 0.5 of discord.py", ratio <= 0.5)]


def storm(fault: str) -> Meet:
    async def meet(scene: Stage) -> Rows:
        gateway = scene.discord.gateway
        async with scene.service():
            count = len(gateway.connects)
            gateway.always = fault
            began = time.monotonic()
            scene.connection(scene.bot).abort()
            await asyncio.sleep(FAULT_SECONDS)
            gateway.reset_faults()
            mended = time.monotonic()
            made = [connect.at - began for connect in gateway.connects[count:]]
            first, later = sum(at < 10 for at in made), sum(20 <= at < 30 for at in made)
            await scene.discord.until(lambda: gateway.connects[-1].ready_at, 90)
            back = time.monotonic() - mended
            answered = await scene.ask("after the storm") == "answer to after the storm"
        good = first <= 6 and later <= first and back <= 60 and answered and not scene.discord.breaches
        said = f"{first} connects in 10 s, {later} in 20-30 s, back after {back:.0f} s"
        return [(f"storm: {fault}", said, "<= 6, fewer, <= 60 s", good)]

    return meet


def of(process: Process) -> psutil.Process:
    assert process.process
    return psutil.Process(process.process.pid)


def cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


@asynccontextmanager
async def databases() -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """Makes databases with all migrations applied, by name."""
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o711)
        server = EmbeddedPostgres(Path(home))
        main = await asyncio.to_thread(server.start)

        async def make(name: str) -> str:
            connection = await asyncpg.connect(main)
            await connection.execute(f"create database {name}")
            owner = await connection.fetchval("select current_database()")
            await connection.close()
            dsn = main.replace(f"/{owner}?", f"/{name}?")
            await migrate.up(dsn, wait=0, lock_timeout=60, report=lambda _: None)
            return dsn

        try:
            yield make
        finally:
            await asyncio.to_thread(server.stop)


async def scenario(name: str, dsn: str, meet: Meet, times: Times, characters: Sequence[str]) -> Rows:
    try:
        async with stage(dsn, *characters, times=times) as scene:
            return await meet(scene)
    except AssertionError as error:
        return [(name, str(error)[:200], "", False)]


def often() -> Times:
    return Times(heartbeat_interval=INTERVAL, heartbeat_tolerance=1.0)


# Those of one group mostly wait, and run side by side.
GROUPS: dict[str, dict[str, tuple[Meet, Times, Sequence[str]]]] = {
    "crowd": {"crowd": (crowd, Times(), ())},
    "cuts": {"cuts": (cuts, Times(), [f"bot{number}" for number in range(len(CUTS))])},
    "slow": {"slow": (slow, often(), ())},
    "zombies": {"zombies": (zombies, often(), ("silent", "unacknowledged"))},
    "replicas": {"replicas": (replicas, Times(), ())},
    "limits": {"bucket": (bucket, Times(), ()), "presence": (presence, often(), ("bella", "halcyon"))},
    "storms": {f"storm: {fault}": (storm(fault), Times(), ()) for fault in STORMS},
}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=(*GROUPS, "cpu"))
    only = parser.parse_args().only
    rows: Rows = []
    async with databases() as make:
        for group, scenarios in GROUPS.items():
            if only in (None, group):
                dsns = [await make(f"{group}{number}") for number in range(len(scenarios))]
                met = zip(scenarios.items(), dsns, strict=True)
                found = await asyncio.gather(*(scenario(name, dsn, *each) for (name, each), dsn in met))
                rows += [row for some in found for row in some]
        if only in (None, "cpu"):
            rows += await processor(await make("cpu"))
    for name, said, bar, good in rows:
        print(f"{'ok  ' if good else 'MISS'} {name:44} {said:70} {bar}")
    print(json.dumps({name: {"measured": said, "bar": bar, "met": good} for name, said, bar, good in rows}))


if __name__ == "__main__":
    asyncio.run(main())
