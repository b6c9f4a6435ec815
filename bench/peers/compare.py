"""WhisperEngine beside its peers: one run, one machine, the same model stub, the same texts.

    python bench/peers/compare.py DATA/locomo/dev.json [--people 20] [--turns 200] [--questions 200] [--only NAME]

Each person tells turns of a LoCoMo conversation, one after the other, then questions are asked whose evidence was told.
A turn is what an application does for a message: find what matters, ask the model, keep both sides. The peers run in an
environment of their own that this command makes (bench/peers/requirements.txt).
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
from bench.peers.contenders import Contender, contenders, model_folder

NAMES = (
    "whisperengine",
    ceiling.NAME,
    "mem0 (qdrant)",
    "mem0 (pgvector)",
    "mem0 (pgvector, no extraction)",
    "fastapi baseline",
)


@dataclass(frozen=True)
class Work:
    """Told: (person, text) in order. Asked then: (person, question, texts of its evidence)."""

    told: list[tuple[str, str]]
    asked: list[tuple[str, str, frozenset[str]]]


def work(data: Path, people: int, turns: int, questions: int) -> Work:
    """People tell windows of the conversations, in turns of one message each."""
    conversations = load(data)
    windows: list[tuple[str, list[str]]] = []
    asked = []
    for number in range(people):
        conversation = conversations[number % len(conversations)]
        start = number // len(conversations) * (turns // 2)
        window = [turn.text for turn in conversation.turns[start : start + turns]]
        windows.append((f"person-{number}", window))
        for question in conversation.questions:
            if all(start <= index < start + turns for index in question.evidence):
                evidence = frozenset(conversation.turns[index].text for index in question.evidence)
                asked.append((f"person-{number}", question.text, evidence))
    step = max(1, len(asked) // questions)
    longest = max(len(window) for _, window in windows)
    told = [(person, window[i]) for i in range(longest) for person, window in windows if i < len(window)]
    return Work(told, asked[::step][:questions])


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--only", action="append", choices=NAMES)
    parser.add_argument(
        "--environment", type=Path, default=HERE.parents[1] / ".cache/peers", help="folder of the peers"
    )
    args = parser.parse_args()
    python = await environment(args.environment)
    todo = work(args.data, args.people, args.turns, args.questions)
    print(f"{len(todo.told)} turns of {args.people} people, then {len(todo.asked)} questions\n", flush=True)
    rows = {}
    for name in args.only or NAMES:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o711)
            async with AsyncExitStack() as stack:
                models = await asyncio.to_thread(model_folder, Path(folder) / "model")
                rows[name] = await measure(stack, contenders(python, models, Path(folder))[name], todo)
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


async def measure(stack: AsyncExitStack, contender: Contender, todo: Work) -> dict[str, float]:
    """Milliseconds of turns and of questions, what the model was asked, what was found, memory and disk."""
    stub = await process(stack, sys.executable, str(HERE / "stub.py"))
    url = (await stub.stdout.readline()).decode().strip()
    began = time.perf_counter()
    tell, ask = await contender.start(stack, url)
    started = time.perf_counter() - began
    turns = await timed([lambda who=who, text=text: tell(who, text) for who, text in todo.told])
    async with aiohttp.ClientSession() as session, session.get(url + "/count") as response:
        asked = await response.json()
    found: list[float] = []

    async def question(who: str, text: str, evidence: frozenset[str]) -> None:
        recalled = await ask(who, text)
        found.append(sum(any(each in memory for memory in recalled[:10]) for each in evidence) / len(evidence))

    questions = await timed([lambda each=each: question(*each) for each in todo.asked])
    memory = sum(each.memory_info().rss for each in contender.processes())
    return {
        "start_s": started,
        "turn_p50_ms": float(np.percentile(turns, 50)),
        "turn_p99_ms": float(np.percentile(turns, 99)),
        "turns_per_s": 1000 / float(np.mean(turns)),
        "recall_p50_ms": float(np.percentile(questions, 50)),
        "recall_p99_ms": float(np.percentile(questions, 99)),
        "requests_per_turn": asked["requests"] / len(todo.told),
        "prompt_tokens_per_turn": asked["prompt_tokens"] / len(todo.told),
        "evidence_found_at_10": 100 * float(np.mean(found)),
        "memory_mb": memory / 1e6,
        "disk_mb": contender.disk() / 1e6,
    }


async def timed(calls: list[Callable[[], Awaitable[object]]]) -> list[float]:
    """Milliseconds of each call, one after the other; the first few warm up and are not counted."""
    took = []
    for call in calls:
        start = time.perf_counter()
        await call()
        took.append((time.perf_counter() - start) * 1000)
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
    ours = rows.get(NAMES[0])
    for key in next(iter(rows.values())):
        print(f"{key:24}" + "".join(f"{row[key]:32.1f}" for row in rows.values()))
    if ours:
        for name, row in rows.items():
            print(f"turn of {name}: {row['turn_p50_ms'] / ours['turn_p50_ms']:.2f} times ours")
    print(
        json.dumps(
            {"bench": "peers", "cores": os.cpu_count(), "memory_gb": psutil.virtual_memory().total >> 30, **rows}
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
