"""Load at fixed rates: what the service adds to the model's own time, and the highest rate that holds.

    python bench/load.py [--people 256] [--seconds 600] [--step 15] [--holds 250] [--rate 20] [--lengths even]

Open loop: each message has its moment, whether or not earlier ones were answered, and is counted from that moment, so
that a service which falls behind cannot hide it. The model is a process of its own; its answers take log-normal times
around 1.5 s, streamed, and say how long they took. Half of the answers are streamed on. Without --rate the highest rate
that holds is looked for, then 70 % of it is held for --seconds. "Holds" is a limit of what people notice, not of what a
quiet service does: in a step of 15 s the hundredth message is one of the three slowest, and a single hiccup decides.

Messages are as long as people's are (`--lengths talk`): the quantiles of the 2,760 turns of LoCoMo's conversations 1-5,
which are longer than other chat (GoEmotions' Reddit comments: median 65 characters, 90 % under 120), and on top of that
two pasted texts in a hundred, of 800 and 2,000 characters. `--lengths even` draws 20, 60, 60, 120, 300, 800 and 2,000
evenly, which is no chat, and asks more than twice as much of the encoder.

What a request waits that needs nothing (/health, ten a second) is how long the service's event loop stood.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import psutil
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.support.service import Process

MEDIAN_SECONDS, SIGMA = 1.5, 0.4
PIECES = 20
BARS = {"p99_ms": 60.0, "memory_growth": 0.05}
EVEN = (20, 60, 60, 120, 300, 800, 2_000)
TALK = ((0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0), (2, 41, 54, 77, 113, 164, 218, 257, 337, 434))
PASTED, PASTED_SHARE = (800, 2_000), 0.02
LOOK_SECONDS = 0.1
WORDS = "I went to the market with Anna today and we talked about the garden, the old train and her new job in Porto. "
GAUGES = ("pool_connections", "pool_idle", "turns_under_way", 'jobs{state="waiting"}', "job_queue_seconds")


@dataclass
class Step:
    """One rate held for a while. `added` is in ms; `samples` are (second, resident MB, gauges)."""

    rate: float
    seconds: float
    added: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    samples: list[tuple[float, float, dict[str, float]]] = field(default_factory=list)
    late: int = 0
    """Messages that found everybody still waiting for an answer."""
    stood: list[float] = field(default_factory=list)
    """Milliseconds until /health answered, counted from when it was to be asked."""

    def figures(self) -> dict[str, Any]:
        found = np.array(self.added or [math.inf])
        memory = [resident for _, resident, _ in self.samples]
        half = len(memory) // 2
        last = self.samples[-1][2] if self.samples else {}
        most = {f"most_{name}": max(each.get(name, 0.0) for *_, each in self.samples) for name in last}
        return {
            "rate": round(self.rate, 1),
            "turns": len(self.added),
            "p50_ms": round(float(np.percentile(found, 50)), 1),
            "p99_ms": round(float(np.percentile(found, 99)), 1),
            "p99.9_ms": round(float(np.percentile(found, 99.9)), 1),
            "errors": dict(self.errors),
            "late": self.late,
            "stood_p99_ms": round(float(np.percentile(self.stood or [0.0], 99)), 1),
            "stood_most_ms": round(max(self.stood, default=0.0), 1),
            "memory_mb": round(max(memory, default=0.0)),
            "memory_growth": round(memory[-1] / memory[half] - 1, 3) if half else 0.0,
            **most,
        }

    def holds(self, most_ms: float) -> bool:
        """Whether everybody was answered, and all but one in a hundred with no more than that added."""
        expected = round(self.rate * self.seconds)
        return not self.errors and len(self.added) >= expected and self.figures()["p99_ms"] <= most_ms


class Crowd:
    """So many people, of whom one who is not waiting for an answer says the next thing."""

    def __init__(self, service: Process, session: aiohttp.ClientSession, people: int, lengths: str) -> None:
        self._service, self._session, self._lengths = service, session, lengths
        self._free = [f"person-{number}" for number in range(people)]
        self._someone = asyncio.Event()
        self._random = random.Random(1)
        assert service.process
        self._process = psutil.Process(service.process.pid)

    async def hold(self, rate: float, seconds: float) -> Step:
        step = Step(rate, seconds)
        began = time.perf_counter()
        watching = [asyncio.create_task(self._watch(step, began)), asyncio.create_task(self._look(step))]
        said: set[asyncio.Task[None]] = set()
        try:
            for number in range(round(rate * seconds)):
                moment = began + number / rate
                await asyncio.sleep(max(0.0, moment - time.perf_counter()))
                task = asyncio.create_task(self._say(step, moment))
                said.add(task)
                task.add_done_callback(said.discard)
            if said:
                await asyncio.wait(said, timeout=60)
        finally:
            step.errors.update({"unanswered": len(said)} if said else {})
            for task in (*watching, *said):
                task.cancel()
        return step

    async def _say(self, step: Step, moment: float) -> None:
        if not self._free:
            step.late += 1
        while not self._free:
            self._someone.clear()
            await self._someone.wait()
        person = self._free.pop(self._random.randrange(len(self._free)))
        length = self._length()
        body = {
            "user_id": person,
            "message": (WORDS * (length // len(WORDS) + 1))[:length],
            "metadata_level": "basic",
            "stream": self._random.random() < 0.5,
        }
        try:
            async with self._session.post(self._service.url + "/api/chat", json=body) as response:
                text = await response.text()
                wall = time.perf_counter() - moment
                if response.status != 200:
                    step.errors[json.loads(text)["code"]] += 1
                elif (took := _took(text)) is None:
                    step.errors["broken stream"] += 1
                else:
                    step.added.append((wall - took) * 1000)
        except (aiohttp.ClientError, TimeoutError) as error:
            step.errors[type(error).__name__] += 1
        finally:
            self._free.append(person)
            self._someone.set()

    def _length(self) -> int:
        if self._lengths == "even":
            return self._random.choice(EVEN)
        if self._random.random() < PASTED_SHARE:
            return self._random.choice(PASTED)
        return round(float(np.interp(self._random.random(), *TALK)))

    async def _look(self, step: Step) -> None:
        while True:
            moment = time.perf_counter() + LOOK_SECONDS
            await asyncio.sleep(LOOK_SECONDS)
            async with self._session.get(self._service.url + "/health") as response:
                await response.read()
            step.stood.append((time.perf_counter() - moment) * 1000)

    async def _watch(self, step: Step, began: float) -> None:
        while True:
            async with self._session.get(self._service.url + "/metrics", headers={"Accept": "text/plain"}) as response:
                lines = dict(line.rsplit(" ", 1) for line in (await response.text()).splitlines() if line[0] != "#")
            gauges = {name: float(lines.get(f"whisperengine_{name}", 0)) for name in GAUGES}
            resident = self._process.memory_info().rss / 1e6
            step.samples.append((time.perf_counter() - began, resident, gauges))
            await asyncio.sleep(max(1.0, step.seconds / 120))


def _took(text: str) -> float | None:
    """Seconds that the model took, as its answer says."""
    start = text.rfind("took=")
    return float(text[start + 5 :].split(";")[0]) if start >= 0 else None


async def highest(crowd: Crowd, args: argparse.Namespace) -> tuple[float, list[dict[str, Any]]]:
    """The rate, doubled until it no longer holds, then halved in between until it is known to 12 %."""
    tried: list[dict[str, Any]] = []
    low, high, rate = 0.0, math.inf, args.first
    while len(tried) < 12 and rate <= args.most and (high == math.inf or high / max(low, 0.1) > 1.12):
        step = await crowd.hold(rate, args.step)
        holds = step.holds(args.holds)
        tried.append({"holds": holds, **step.figures()})
        print(json.dumps(tried[-1]), file=sys.stderr, flush=True)
        low, high = (rate, high) if holds else (low, rate)
        rate = rate * 2 if high == math.inf else (low + high) / 2
    return low, tried


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--step", type=float, default=15, help="seconds at each rate while the highest is looked for")
    parser.add_argument("--rate", type=float, help="messages each second; nothing is looked for")
    parser.add_argument("--first", type=float, default=8, help="the rate that is tried first")
    parser.add_argument("--most", type=float, default=400, help="the rate beyond which none is tried")
    parser.add_argument("--holds", type=float, default=250, help="ms that a rate which holds may add at p99")
    parser.add_argument("--lengths", choices=("talk", "even"), default="talk", help="how long messages are")
    args = parser.parse_args()
    model = await asyncio.create_subprocess_exec(sys.executable, __file__, "--model", stdout=subprocess.PIPE)
    assert model.stdout
    url = (await model.stdout.readline()).decode().strip()
    limitless = aiohttp.TCPConnector(limit=0)
    try:
        with tempfile.TemporaryDirectory() as home:
            Path(home).chmod(0o711)
            service = Process(
                Path(home), LLM_CLIENT_TYPE="local", LLM_CHAT_API_URL=url, LLM_CHAT_MODEL="stub", LOG_LEVEL="warning"
            )
            try:
                await service.start()
                async with aiohttp.ClientSession(connector=limitless) as session:
                    await report(Crowd(service, session, args.people, args.lengths), args)
            finally:
                await service.stop()
                await service.close()
    finally:
        model.kill()
        await model.wait()


async def report(crowd: Crowd, args: argparse.Namespace) -> None:
    # Everybody is known, and what is loaded at first use is loaded.
    await crowd.hold(min(args.first, args.rate or args.first), 5)
    rate, tried = args.rate, []
    if rate is None:
        top, tried = await highest(crowd, args)
        print(f"the highest rate that holds: {top:.1f} messages/s with {args.people} people")
        rate = max(0.7 * top, 0.5)
    held = await crowd.hold(rate, args.seconds)
    figures = held.figures()
    for second, resident, gauges in held.samples[:: max(1, len(held.samples) // 10)]:
        print(f"{second:7.0f} s {resident:7.0f} MB  {json.dumps(gauges)}")
    for name, value in figures.items():
        print(f"{name:32} {value}{f'   bar {BARS[name]}' if name in BARS else ''}")
    shape = {"people": args.people, "seconds": args.seconds, "lengths": args.lengths}
    print(json.dumps({"bench": "load", **shape, "tried": tried, **figures}))


async def model() -> None:
    chance = random.Random(2)

    async def complete(request: web.Request) -> web.StreamResponse:
        began = time.perf_counter()
        learning = b'"response_format"' in await request.read()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        if learning:
            await response.write(_event('{"facts": []}'))
        else:
            seconds = MEDIAN_SECONDS * math.exp(SIGMA * chance.gauss(0, 1))
            await asyncio.sleep(seconds * 0.4)
            for _ in range(PIECES):
                await response.write(_event("a few words "))
                await asyncio.sleep(seconds * 0.6 / PIECES)
            await response.write(_event(f"took={time.perf_counter() - began:.5f};"))
        await response.write(
            b'data: {"choices":[{"delta":{"content":"."},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        )
        return response

    served = web.Application()
    served.router.add_post("/v1/chat/completions", complete)
    runner = web.AppRunner(served, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/v1", flush=True)
    await asyncio.Event().wait()


def _event(words: str) -> bytes:
    return b"data: %s\n\n" % json.dumps({"choices": [{"delta": {"content": words}}]}).encode()


if __name__ == "__main__":
    asyncio.run(model() if sys.argv[1:] == ["--model"] else main())
