"""Fuzzing, guided by coverage: `python -m tests.fuzz [TARGET ...] [--seconds 300]`.

With atheris installed (`pip install atheris`, beside the packages of the project; it is none of them) libFuzzer looks
for inputs that reach new code; without it the seeds are only mutated. Each target runs in a process of its own; an
input that it cannot bear, or that takes ten seconds, ends it with 1 and is written to the folder of `--keep`.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAMES = ("card", "png", "charx", "yaml", "gateway", "sse")
INPUT_SECONDS = 10
INSTRUMENTED = ["whisperengine", "yaml"]


def guided(name: str, seconds: int, keep: Path) -> None:
    """Hands the process over to libFuzzer, which ends it."""
    import atheris  # type: ignore[import-not-found]

    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name]
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.seeds()):
            Path(corpus, f"seed-{number}").write_bytes(seed)
        options = {
            "max_total_time": seconds,
            "max_len": target.most,
            "timeout": INPUT_SECONDS,
            "rss_limit_mb": 2048,
            "artifact_prefix": f"{keep}/{name}-",
            "print_final_stats": 1,
        }
        atheris.Setup([sys.argv[0], *(f"-{key}={value}" for key, value in options.items()), corpus], target.run)
        atheris.Fuzz()


def mutated(name: str, seconds: float, keep: Path, chance: random.Random, most: int | None = None) -> int:
    """Runs a target on mutated seeds; returns how many. What it raises is raised, the input kept before."""
    from tests.fuzz.targets import TARGETS

    target = TARGETS[name]
    seeds = target.seeds()
    done, until = 0, time.monotonic() + seconds
    while time.monotonic() < until and done != most:
        data = changed(chance.choice(seeds), chance)[: target.most]
        try:
            target.run(data)
        except BaseException:
            keep.joinpath(f"{name}-crash").write_bytes(data)
            raise
        done += 1
    return done


def changed(data: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, dropped, doubled, or taken from elsewhere in the input."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        if not found:
            break
        place, length = chance.randrange(len(found)), chance.randint(1, 32)
        match chance.randrange(5):
            case 0:
                found[place] = chance.randrange(256)
            case 1:
                del found[place : place + length]
            case 2:
                found[place:place] = found[place : place + length] * chance.randint(1, 4)
            case 3:
                found[place : place + 4] = chance.randbytes(4)
            case _:
                other = chance.randrange(len(found))
                found[place : place + length] = found[other : other + length]
    return bytes(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", default=NAMES, metavar="TARGET", help=f"any of {', '.join(NAMES)}")
    parser.add_argument("--seconds", type=int, default=300, help="for each target (300)")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()), help="folder for inputs that fail")
    parser.add_argument("--seed", type=int, default=None, help="repeats a run without atheris")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    with_coverage = importlib.util.find_spec("atheris") is not None
    if args.one:
        (name,) = args.targets
        if with_coverage:
            guided(name, args.seconds, args.keep)
        print(f"stat::number_of_executed_units: {mutated(name, args.seconds, args.keep, random.Random(args.seed))}")
        return 0
    failed = 0
    for name in args.targets:
        command = [sys.executable, "-m", "tests.fuzz", name, "--one", "--seconds", str(args.seconds)]
        command += ["--keep", str(args.keep), *(["--seed", str(args.seed)] if args.seed is not None else [])]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        runs = re.search(r"number_of_executed_units: *(\d+)", done.stdout)
        ending = "no failure" if done.returncode == 0 else f"FAILED\n{done.stdout[-4000:]}"
        print(f"{name}: {int(runs[1]) if runs else 0:,} inputs, {ending}", flush=True)
        failed += done.returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
