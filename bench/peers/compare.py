"""WhisperEngine beside its peers: one run, one machine, the same model stub, the same texts.

    python bench/peers/compare.py DATA/locomo/dev.json [--people 20] [--turns 200] [--questions 200] [--delay 0.3]
        [--delayed-turns 20] [--only NAME]

A turn is what an application does for a message: find what matters, ask the model for the answer, keep both sides. Each
person tells turns of a LoCoMo conversation, one turn of all at a time, in two sections of the same run:

- At once: the model answers at once. What is left is what the contender's own work costs.
- Delayed: the talk goes on, and every request to the model takes `--delay` seconds. What is left is what a person
  waits for beyond the answer, as it is when a model takes its time: mem0's `add` asks the model before it returns,
  the service learns behind the turn.

In both, the time of a turn is its wall time less the time that the stub took over the request for the answer, which
every contender needs exactly once a turn: for mem0 `search` plus `add`, with the requests of their own. Everything that
is asked of the model counts as requests and tokens, learning behind the turns too: each section ends when nothing has
been asked for a while, and turns/s are those until then. Between the sections questions are asked whose evidence was
told, and evidence counts as found when its text stands in one of ten memories; the stub extracts word for word, so that
no contender loses evidence to a poor model.

mem0 is used as its quick start does, with what its documentation offers for quality: BM25 beside the vectors (qdrant),
an HNSW index that goes on searching until enough rows pass the filter (pgvector), and with spaCy when the environment
has it (`pip install "mem0ai[nlp]"`, `python -m spacy download en_core_web_sm`). It is called in its own process, the
service and the baseline over HTTP. The environment of the peers is made by this command (bench/peers/requirements.txt).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
import venv
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import numpy as np
import psutil

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))
from bench.locomo import load
from bench.peers import ceiling
from bench.peers.contenders import Contender, Tell, contenders, model_folder

NAMES = (
    "whisperengine",
    ceiling.NAME,
    "mem0 (qdrant)",
    "mem0 (pgvector)",
    "mem0 (pgvector, no extraction)",
    "fastapi baseline",
)


QUIET_S = 2.0


@dataclass(frozen=True)
class Work:
    """Told: (person, text) in order. Asked then: (person, question, texts of its evidence). Told later: as told."""

    told: list[tuple[str, str]]
    asked: list[tuple[str, str, frozenset[str]]]
    later: list[tuple[str, str]]


def work(data: Path, people: int, turns: int, questions: int, later: int) -> Work:
    """People tell windows of the conversations, in turns of one message each; `later` turns follow on each."""
    conversations = load(data)
    windows: list[tuple[str, list[str]]] = []
    asked = []
    for number in range(people):
        conversation = conversations[number % len(conversations)]
        start = number // len(conversations) * (turns // 2)
        window = [turn.text for turn in conversation.turns[start : start + turns + later]]
        windows.append((f"person-{number}", window))
        for question in conversation.questions:
            if all(start <= index < start + turns for index in question.evidence):
                evidence = frozenset(conversation.turns[index].text for index in question.evidence)
                asked.append((f"person-{number}", question.text, evidence))
    step = max(1, len(asked) // questions)
    told, then = (
        [(person, window[i]) for i in part for person, window in windows if i < len(window)]
        for part in (range(turns), range(turns, turns + later))
    )
    return Work(told, asked[::step][:questions], then)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--delay", type=float, default=0.3, help="seconds of each request in the second section")
    parser.add_argument("--delayed-turns", type=int, default=20, help="of each person in the second section")
    parser.add_argument("--only", action="append", choices=NAMES)
    parser.add_argument(
        "--environment", type=Path, default=HERE.parents[1] / ".cache/peers", help="folder of the peers"
    )
    args = parser.parse_args()
    python = await environment(args.environment)
    todo = work(args.data, args.people, args.turns, args.questions, args.delayed_turns)
    print(
        f"{len(todo.told)} turns of {args.people} people at once, then {len(todo.asked)} questions, "
        f"then {len(todo.later)} turns with {args.delay:g} s for each request\n",
        flush=True,
    )
    rows = {}
    for name in args.only or NAMES:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o711)
            async with AsyncExitStack() as stack:
                models = await asyncio.to_thread(model_folder, Path(folder) / "model")
                rows[name] = await measure(stack, contenders(python, models, Path(folder))[name], todo, args.delay)
        print(line(name, rows[name]), flush=True)
    report(rows)


async def environment(folder: Path) -> str:
    """The python of the peers' environment, made when it is missing or outdated."""
    python, wanted = folder / "bin/python", HERE / "requirements.txt"
    stamp = folder / "installed"
    if not stamp.exists() or stamp.stat().st_mtime < wanted.stat().st_mtime:
        print("installing the peers ...", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        process = await asyncio.create_subprocess_exec(str(python), "-m", "pip", "install", "-q", "-r", str(wanted))
        if await process.wait():
            raise SystemExit("the peers could not be installed; see above")
        stamp.touch()
    return str(python)


async def measure(stack: AsyncExitStack, contender: Contender, todo: Work, delay: float) -> dict[str, float]:
    """What a contender's turns and questions take, what the model was asked, what was found, memory and disk."""
    stub = await process(stack, sys.executable, str(HERE / "stub.py"))
    url = (await stub.stdout.readline()).decode().strip()
    model = await stack.enter_async_context(aiohttp.ClientSession(url))
    began = time.perf_counter()
    tell, ask = await contender.start(stack, url)
    started = time.perf_counter() - began
    at_once = await talk(model, tell, todo.told)
    found: list[float] = []

    async def question(who: str, text: str, evidence: frozenset[str]) -> None:
        recalled = await ask(who, text)
        found.append(sum(any(each in memory for memory in recalled[:10]) for each in evidence) / len(evidence))

    questions = await timed([lambda each=each: question(*each) for each in todo.asked])
    memory = sum(each.memory_info().rss for each in contender.processes())
    disk = contender.disk()
    await model.post("/delay", json={"seconds": delay})
    delayed = await talk(model, tell, todo.later)
    return {
        "start_s": started,
        **at_once,
        "recall_p50_ms": float(np.percentile(warm(questions), 50)),
        "recall_p99_ms": float(np.percentile(warm(questions), 99)),
        "evidence_found_at_10": 100 * float(np.mean(found)),
        "memory_mb": memory / 1e6,
        "disk_mb": disk / 1e6,
        **{f"delayed_{key}": delayed[key] for key in ("turn_p50_ms", "turn_p99_ms", "turns_per_s")},
    }


async def talk(model: aiohttp.ClientSession, tell: Tell, told: list[tuple[str, str]]) -> dict[str, float]:
    """Milliseconds of turns besides their answers, turns/s until all is learned, requests and tokens per turn."""
    before = await settled(model)
    began = time.perf_counter()
    turns = await timed([lambda who=who, text=text: tell(who, text) for who, text in told])
    ended = time.perf_counter()
    after = await settled(model)
    learned = time.perf_counter() - after["idle_s"]
    answers = after["answers_ms"][len(before["answers_ms"]) :]
    besides = warm([turn - answer for turn, answer in zip(turns, answers, strict=True)])
    counted = {key: (after[key] - before[key]) / len(told) for key in ("requests", "prompt_tokens", "answer_tokens")}
    return {
        "turn_p50_ms": float(np.percentile(besides, 50)),
        "turn_p99_ms": float(np.percentile(besides, 99)),
        "turns_per_s": len(told) / (max(ended, learned) - began),
        **{f"{key}_per_turn": value for key, value in counted.items()},
    }


async def settled(model: aiohttp.ClientSession) -> dict:
    """What the stub has counted once it was asked nothing for a while: what is learned behind the turns is in it."""
    while True:
        async with model.get("/count") as response:
            counted = await response.json()
        if counted["idle_s"] >= QUIET_S:
            return counted
        await asyncio.sleep(QUIET_S / 4)


async def timed(calls: list[Callable[[], Awaitable[object]]]) -> list[float]:
    """Milliseconds of each call, one after the other."""
    took = []
    for call in calls:
        start = time.perf_counter()
        await call()
        took.append((time.perf_counter() - start) * 1000)
    return took


def warm(took: list[float]) -> list[float]:
    """Without the first few, which warm up."""
    return took[len(took) // 20 :]


async def process(stack: AsyncExitStack, *command: str, **options) -> asyncio.subprocess.Process:
    """A process with pipes, ended with the stack."""
    pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
    started = await asyncio.create_subprocess_exec(*command, **pipes, **options)

    async def end() -> None:
        if started.returncode is None:
            started.terminate()
            await started.wait()

    stack.push_async_callback(end)
    return started


def line(name: str, row: dict[str, float]) -> str:
    return f"{name:32} " + "  ".join(f"{key} {value:.1f}" for key, value in row.items())


def report(rows: dict[str, dict[str, float]]) -> None:
    print(f"\n{'':24}" + "".join(f"{name:>32}" for name in rows))
    for key in next(iter(rows.values())):
        print(f"{key:24}" + "".join(f"{row[key]:32.1f}" for row in rows.values()))
    ours = rows.get(NAMES[0])
    for key, what in (("turn_p50_ms", "at once"), ("delayed_turn_p50_ms", "delayed")):
        for name, row in rows.items() if ours else ():
            if name != NAMES[0]:
                print(f"{what}: our turn takes {ours[key] / row[key]:.2f} of the time of {name} (p50)")
    print(
        json.dumps(
            {"bench": "peers", "cores": os.cpu_count(), "memory_gb": psutil.virtual_memory().total >> 30, **rows}
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
