"""One run: faults dealt by a seed over the worlds, each judged after it, and what came of them."""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.kinds import KINDS
from tests.faults.world import World, world

WORLDS = {"apart": True, "own": False}
FORGOTTEN_EVERY = 60
"""One fault of this many is of a kind without a share of its own."""


@dataclass
class Report:
    """`found` are sentences about invariants that did not hold; `recoveries` seconds by kind."""

    faults: int = 0
    found: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    recoveries: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refusals: Counter[str] = field(default_factory=Counter)
    turns: int = 0
    whole: int = 0
    logs: list[str] = field(default_factory=list)


def dealt(count: int, seed: int, only: Sequence[str] = ()) -> dict[str, list[str]]:
    """The kinds that happen in each world, in order: the same for the same seed."""
    chance = random.Random(seed)
    names = sorted(only or KINDS)
    frequent = [name for name in names for _ in range(KINDS[name].share)]
    rare = [name for name in names if not KINDS[name].share]
    drawn: list[str] = []
    for number in range(count):
        if rare and (not frequent or number % FORGOTTEN_EVERY == FORGOTTEN_EVERY - 1):
            drawn.append(chance.choice(rare))
        else:
            drawn.append(chance.choice(frequent))
    plan: dict[str, list[str]] = {name: [] for name in WORLDS}
    for name in drawn:
        plan[chance.choice(KINDS[name].where)].append(name)
    return plan


async def run(count: int, seed: int, *, people: int = 5, only: Sequence[str] = (), loud: bool = False) -> Report:
    """Both worlds at once, each with people of its own."""
    report = Report()
    plan = dealt(count, seed, only)
    with tempfile.TemporaryDirectory(prefix="whisperengine-faults-") as folder:
        Path(folder).chmod(0o711)
        async with asyncio.TaskGroup() as group:
            for name, faults in plan.items():
                if faults:
                    group.create_task(_one_world(Path(folder) / name, name, seed, people, faults, report, loud))
    return report


async def _one_world(
    home: Path, name: str, seed: int, people: int, faults: Sequence[str], report: Report, loud: bool
) -> None:
    async with world(home, seed, people=people, apart=WORLDS[name]) as made:
        if await made.all_served(time.monotonic(), 120) is None:
            report.found.append(f"{name}: nobody was answered before anything had happened\n{made.service.log()}")
            return
        for number, fault in enumerate(faults):
            if fault == "disk-full" and not made.disk:
                report.skipped[fault] = "a small file system needs the right to mount one"
                continue
            if not await _one_fault(made, name, number, fault, report, loud):
                report.logs.append(made.service.log())
                return
        await made.stop_talking()
        left = await made.settled()
        report.found += [f"{name}, in the end: {sentence}" for sentence in left]
        report.turns += sum(len(person.told) for person in made.people)
        for person in made.people:
            report.refusals += person.refusals
        report.logs.append(made.service.log())


async def _one_fault(made: World, where: str, number: int, name: str, report: Report, loud: bool) -> bool:
    """False when the world did not recover, so that nothing more can be learned in it."""
    kind = KINDS[name]
    what = await kind.happen(made)
    ended = time.monotonic()
    took = await made.all_served(ended, kind.within)
    if took is None:
        waiting = [person.name for person in made.people if person.served < ended]
        found = [f"{', '.join(waiting)} not served within {kind.within:g} s"]
    else:
        report.recoveries[name].append(took)
        found = await made.broken()
    report.faults += 1
    report.whole += not found
    title = f"{where} {number} {name} ({what})"
    report.found += [f"{title}: {sentence}" for sentence in found]
    if loud:
        took_text = "not served again" if took is None else f"served after {took:.1f} s"
        print(f"{title}: {took_text}{''.join(f'{chr(10)}    {each}' for each in found)}", file=sys.stderr, flush=True)
    return took is not None


def table(report: Report) -> str:
    lines = [f"{'kind':22}{'times':>6}{'served again after, p50':>26}{'worst':>8}{'stated':>8}"]
    for name, times in sorted(report.recoveries.items()):
        half = statistics.median(times)
        lines.append(f"{name:22}{len(times):6}{half:24.1f} s{max(times):6.1f} s{KINDS[name].within:6.0f} s")
    lines += [f"{name:22}  skipped: {reason}" for name, reason in report.skipped.items()]
    refusals = ", ".join(f"{name} {count}" for name, count in report.refusals.most_common())
    lines.append(f"{report.turns} turns were acknowledged; refused meanwhile: {refusals or 'none'}")
    lines.append(f"{report.whole} of {report.faults} faults left the invariants whole")
    return "\n".join([*lines, *report.found])
