"""Long random runs of the state machines: `python -m tests.machines [turns memory characters] [--minutes 5]`.

Each runs on a PostgreSQL of its own until its time is up; a sequence that breaks the model is shortened and shown.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlsplit

from hypothesis.stateful import run_state_machine_as_test

from tests.machines import Machine, thorough
from tests.machines.characters import characters
from tests.machines.memory import memory
from tests.machines.turns import turns
from whisperengine.db import migrate
from whisperengine.db.embedded import EmbeddedPostgres, bin_dir

MACHINES: dict[str, Callable[[str], AbstractContextManager[Machine]]] = {
    "turns": turns,
    "memory": memory,
    "characters": characters,
}
ROUND = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("machines", nargs="*", default=list(MACHINES), metavar="MACHINE")
    parser.add_argument("--minutes", type=float, default=5, help="for each machine (5)")
    args = parser.parse_args()
    # The model of `turns` fails on purpose, and the service says so each time.
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="whisperengine-machines-") as folder:
        home = Path(folder)
        home.chmod(0o711)
        postgres = EmbeddedPostgres(home)
        dsn = postgres.start(timeout=300)
        try:
            for name in args.machines:
                database = _database(dsn, name)
                until, sequences = time.monotonic() + args.minutes * 60, 0
                with MACHINES[name](database) as machine:
                    while time.monotonic() < until:
                        run_state_machine_as_test(machine, settings=thorough(ROUND))
                        sequences += ROUND
                print(f"{name}: {sequences:,} sequences of up to 50 steps, no failure", flush=True)
        finally:
            postgres.stop()
    return 0


def _database(dsn: str, name: str) -> str:
    subprocess.run([bin_dir() / "psql", "-X", "-q", "-c", f"create database {name}", dsn], check=True)
    found = urlsplit(dsn)._replace(path=f"/{name}").geturl()
    migrate.up_sync(found)
    return found


if __name__ == "__main__":
    sys.exit(main())
