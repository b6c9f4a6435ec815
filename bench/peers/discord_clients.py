"""The bots of this service beside bots on discord.py and hikari, against one strict fake Discord.

    python bench/peers/discord_clients.py --python VENV/bin/python [--only cpu|behaviour] [--events 10000] [--row TEXT]

VENV is an environment of its own that holds discord.py and hikari. Ours is the whole service as a process, with its
database, its encoder and a stub for a model; theirs are bots that do nothing but answer. CPU seconds are those of the
process while it hears messages that are not for it, three rounds in turn, median. Prints a table and one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
sys.path[0] = str(ROOT)
from tests.support.discord_garbage import FRAMES, GARBAGE
from tests.support.discord_server import DiscordServer
from tests.support.discord_service import Stage, echo
from tests.support.discord_world import Times
from tests.support.llm_stub import LLMStub
from whisperengine.db import migrate
from whisperengine.db.embedded import EmbeddedPostgres

CHANNELS = 50
ROUNDS = 3
STORM_SECONDS = 10.0
# How long an answer may take after which a bot counts as dead.
PATIENCE = 12.0
INTERVAL = 2.0
# discord.py leaves a silent connection after a minute, whatever the interval.
ZOMBIE_SECONDS = 70.0
OURS = "whisperengine"
PEERS = {
    "discord.py": ("-m", "tests.support.discord_py_client", "--count-only"),
    "hikari": ("bench/peers/discord_hikari_bot.py",),
}


@dataclass
class Bench:
    """`dsn` is the database of the service, `python` the interpreter of the peers."""

    dsn: str
    python: str

    @asynccontextmanager
    async def meeting(self, name: str, times: Times | None = None) -> AsyncIterator[Meeting]:
        """A strict Discord of its own, not yet visited by the bot `name`."""
        async with DiscordServer(times, house_rules=False) as discord, LLMStub().serving() as model:
            discord.gateway.shutdown_expected = True
            discord.rest.limits["POST messages"].size = 1000
            model.will(echo)
            scene = Stage(self.dsn, ("assistant",), discord, model)
            # hikari wants to find the bot's id in its token, as in Discord's own.
            scene.bot.token = base64.b64encode(scene.bot.id.encode()).decode().rstrip("=") + ".x.y"
            discord.world.bots = {scene.bot.token: scene.bot}
            yield Meeting(self, name, scene)


class Meeting:
    """One bot and one Discord. `run` starts the bot; `answers` asks whether it lives."""

    def __init__(self, bench: Bench, name: str, scene: Stage) -> None:
        self.bench, self.name, self.scene = bench, name, scene
        self.discord = scene.discord
        self._asked = 0

    @asynccontextmanager
    async def run(self) -> AsyncIterator[psutil.Process]:
        """The process, connected; killed in the end."""
        connects = self.discord.gateway.connects
        count = len(connects)
        async with self._service() if self.name == OURS else self._peer() as process:
            await self.discord.until(lambda: any(connect.ready_at for connect in connects[count:]), 60)
            yield process

    @asynccontextmanager
    async def _service(self) -> AsyncIterator[psutil.Process]:
        async with self.scene.service(DISCORD_BOT_TOKEN=self.scene.bot.token) as service:
            assert service.process
            yield psutil.Process(service.process.pid)

    @asynccontextmanager
    async def _peer(self) -> AsyncIterator[psutil.Process]:
        quiet = asyncio.subprocess.DEVNULL
        gateway = f"ws://127.0.0.1:{self.discord.port}/gateway"
        where = ("--base", self.discord.base, "--gateway", gateway, "--token", self.scene.bot.token)
        process = await asyncio.create_subprocess_exec(
            self.bench.python, *PEERS[self.name], *where, cwd=ROOT, stdout=quiet, stderr=quiet
        )
        try:
            yield psutil.Process(process.pid)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def answers(self, within: float = PATIENCE) -> bool:
        """Whether a mention is answered in time."""
        self._asked += 1
        text = f"question {self._asked}"
        self.scene.say(self.scene.call + text, self.scene.room)
        return await self.happens(lambda: any(said.endswith(text) for said in self.scene.posted()), within)

    async def happens(self, true: Callable[[], bool], within: float) -> bool:
        try:
            await self.discord.until(true, within)
        except AssertionError:
            return False
        return True

    @property
    def connects(self) -> int:
        return len(self.discord.gateway.connects)


async def cpu(meeting: Meeting, events: int) -> float:
    """CPU seconds for `events` messages over 50 channels."""
    world = meeting.discord.world
    channels = [world.add_channel(meeting.scene.guild, f"busy-{number}") for number in range(CHANNELS)]
    async with meeting.run() as process:
        assert await meeting.answers(30)
        await asyncio.sleep(1)
        before = seconds_of(process)
        for number in range(events):
            text = f"message {number} about the reef and the weather"
            world.say(channels[number % CHANNELS], meeting.scene.anna, text)
            if number % 100 == 99:
                await asyncio.sleep(0.02)
        assert await meeting.answers(120)
        return seconds_of(process) - before


async def storm(meeting: Meeting, fault: str) -> str:
    async with meeting.run():
        assert await meeting.answers(30)
        count = meeting.connects
        meeting.discord.gateway.always = fault
        meeting.discord.gateway.reset()
        await asyncio.sleep(STORM_SECONDS)
        return f"{meeting.connects - count:,} connects in {STORM_SECONDS:.0f} s"


async def zombie(meeting: Meeting, events: bool) -> str:
    async with meeting.run():
        assert await meeting.answers(30)
        gateway = meeting.discord.gateway
        count, beats = meeting.connects, gateway.connects[-1].heartbeats
        await meeting.happens(lambda: gateway.connects[-1].heartbeats > beats, 2 * INTERVAL)
        gateway.silence(events=events)
        began = time.monotonic()
        while meeting.connects == count and time.monotonic() - began < ZOMBIE_SECONDS:
            if events:
                meeting.scene.say("noise", meeting.scene.other)
            await asyncio.sleep(0.1)
        took = time.monotonic() - began
        return f"{'not left' if meeting.connects == count else 'left'} after {took:.0f} s"


async def garbage(meeting: Meeting) -> str:
    """Whoever lost its connection over one kind meets the next one fresh."""
    kinds: list[tuple[Any, bool]] = [*((payload, False) for payload in GARBAGE), *((frame, True) for frame in FRAMES)]
    survived = 0
    while kinds:
        async with meeting.run():
            count = meeting.connects
            alive = await meeting.answers(30)
            assert alive, f"{meeting.name} does not answer"
            while kinds and alive and meeting.connects == count:
                payload, framed = kinds.pop(0)
                await meeting.discord.gateway.send_raw(payload, framed=framed)
                alive = await meeting.answers()
                survived += alive
    return f"{survived} of {len(GARBAGE) + len(FRAMES)} kinds survived"


async def closed(meeting: Meeting, code: int) -> str:
    """The session is over, and the connection is closed with `code`."""
    async with meeting.run():
        assert await meeting.answers(30)
        count = meeting.connects
        meeting.discord.gateway.expire_sessions()
        await meeting.discord.gateway.close(code)
        connects = meeting.discord.gateway.connects
        back = await meeting.happens(lambda: any(connect.ready_at for connect in connects[count:]), PATIENCE)
        answered = back and await meeting.answers()
        return f"{'back' if answered else 'lost'}, {meeting.connects - count:,} connects"


async def lost_answer(meeting: Meeting, fault: str) -> str:
    """Discord posted the answer, but did not say so."""
    async with meeting.run():
        assert await meeting.answers(30)
        meeting.discord.rest.fail("POST", "/messages$", fault)
        await meeting.answers()
        await asyncio.sleep(3)
        return f"posted {len(meeting.scene.posted()) - 1}x"


async def ended(meeting: Meeting) -> str:
    async with meeting.run() as process:
        assert await meeting.answers(30)
        process.send_signal(signal.SIGTERM)
        connect = meeting.discord.gateway.connects[-1]
        await meeting.happens(lambda: connect.ended_at > 0, PATIENCE)
        return f"close code {connect.client_code}"


BEHAVIOUR: dict[str, tuple[Callable[[Meeting], Awaitable[str]], Times]] = {
    "closed with 4000 right after each connect": (partial(storm, fault="close:4000"), Times()),
    "op 7 as the first message of each connect": (partial(storm, fault="reconnect"), Times()),
    "HTTP 503 at each connect": (partial(storm, fault="503"), Times()),
    f"silence, at an interval of {INTERVAL:.0f} s": (partial(zombie, events=False), Times(INTERVAL)),
    "the same, with events but no acknowledgement": (partial(zombie, events=True), Times(INTERVAL)),
    "garbage": (garbage, Times()),
    "session invalidated, close 4003": (partial(closed, code=4003), Times()),
    "invalid sequence, close 4007": (partial(closed, code=4007), Times()),
    "an answer lost behind HTTP 502": (partial(lost_answer, fault="502-after"), Times()),
    "an answer lost with its connection": (partial(lost_answer, fault="drop-after"), Times()),
    "SIGTERM": (ended, Times()),
}


def seconds_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


async def measure(bench: Bench, names: Sequence[str], events: int) -> dict[str, float]:
    spent: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name in names:
            async with bench.meeting(name) as meeting:
                spent[name].append(await cpu(meeting, events))
    return {name: statistics.median(each) for name, each in spent.items()}


async def behave(bench: Bench, names: Sequence[str], what: str) -> dict[str, str]:
    meet, times = BEHAVIOUR[what]
    found = {}
    for name in names:
        async with bench.meeting(name, times) as meeting:
            found[name] = await meet(meeting)
    return found


@asynccontextmanager
async def database() -> AsyncIterator[str]:
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="the peers' interpreter")
    parser.add_argument("--only", choices=("cpu", "behaviour"))
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--row", default="", help="of the behaviour only the rows that hold this text")
    parser.add_argument("--clients", default=f"{OURS},{','.join(PEERS)}")
    arguments = parser.parse_args()
    names = arguments.clients.split(",")
    table: dict[str, dict[str, str]] = {}

    def show(what: str, found: dict[str, str]) -> None:
        table[what] = found
        print(f"{what:46}" + "".join(f"{found[name]:30}" for name in names), flush=True)

    print(" " * 46 + "".join(f"{name:30}" for name in names))
    async with database() as dsn:
        bench = Bench(dsn, arguments.python)
        if arguments.only != "behaviour":
            spent = await measure(bench, names, arguments.events)
            each = 1e6 / arguments.events
            costs = {name: f"{seconds:.2f} s, {seconds * each:.0f} µs each" for name, seconds in spent.items()}
            show(f"CPU of {arguments.events:,} events", costs)
        if arguments.only != "cpu":
            for what in (each for each in BEHAVIOUR if arguments.row in each):
                show(what, await behave(bench, names, what))
    print(json.dumps(table, ensure_ascii=False))


if __name__ == "__main__":
    asyncio.run(main())
