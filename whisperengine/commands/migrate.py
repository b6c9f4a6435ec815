"""`whisperengine migrate`: the schema of the database, also behind `scripts/run_migrations.py`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whisperengine.config import Config
from whisperengine.db import migrate
from whisperengine.db.embedded import EmbeddedPostgres
from whisperengine.db.migration_lock import LOCK_TIMEOUT
from whisperengine.db.migration_status import DRIFT, NEWER, Status
from whisperengine.errors import WhisperEngineError

OK, FAILED, PENDING = 0, 1, 2
EXIT_CODES = {DRIFT: 3, LOCK_TIMEOUT: 4, NEWER: 57}
EPILOG = (
    "Exit codes: 0 done, 1 error, 2 pending migrations, 3 drift, 4 lock timeout, "
    "57 the schema is newer and shuts out this program."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands and their arguments."""
    parser.epilog = EPILOG
    parser.add_argument(
        "--directory", type=Path, help="folder of the NNNN_name.sql files; by default those of this program"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    up = actions.add_parser("up", help="wait for the database and apply what is pending")
    up.add_argument("--to", type=int, metavar="N", help="stop after version N")
    up.add_argument("--dry-run", action="store_true", help="only say what would be applied")
    up.add_argument(
        "--statement-timeout", type=float, metavar="SECONDS", help="most time for one statement; none by default"
    )
    status = actions.add_parser("status", help="show what is applied, pending and wrong")
    status.add_argument("--json", action="store_true", help="as one JSON object")
    status.add_argument("--exit-code", action="store_true", help="exit with 2, 3 or 57 unless the schema is up to date")
    actions.add_parser("verify", help="fail unless what was applied agrees with the files")
    baseline = actions.add_parser("baseline", help="record versions 1 to N as applied without running them")
    baseline.add_argument("version", type=int, metavar="N")
    baseline.add_argument("--yes", action="store_true", help="the database has these tables already")
    actions.add_parser("wait", help="return once the database accepts connections")


def run(args: argparse.Namespace, config: Config) -> int:
    """Do what `args` ask for; errors go to standard error. Returns the exit code."""
    try:
        with _database(config) as dsn:
            return asyncio.run(_run(args, config, dsn))
    except WhisperEngineError as error:
        print(error, file=sys.stderr)
        return EXIT_CODES.get(error.code, FAILED)


@contextmanager
def _database(config: Config) -> Iterator[str]:
    """URL of the configured database; the embedded one is that of a running service, or runs meanwhile."""
    if not config.embedded:
        yield config.dsn
        return
    postgres = EmbeddedPostgres(config.home)
    if dsn := postgres.running():
        yield dsn
        return
    try:
        yield postgres.start()
    finally:
        postgres.stop()


async def _run(args: argparse.Namespace, config: Config, dsn: str) -> int:
    directory, wait, lock_timeout = args.directory, config.migrate_wait, config.migrate_lock_timeout
    if args.action == "up":
        done = await migrate.up(
            dsn,
            directory=directory,
            to=args.to,
            dry_run=args.dry_run,
            wait=wait,
            lock_timeout=lock_timeout,
            statement_timeout=args.statement_timeout,
            report=_say,
        )
        if args.dry_run:
            for migration in done:
                _say(f"would apply {migration.label}")
        if not done:
            _say("nothing to apply")
    elif args.action == "status":
        found = await migrate.status(dsn, directory=directory, wait=wait, report=_say_aside)
        _say(found.to_json() if args.json else _table(found))
        if args.exit_code:
            problem = found.problem()
            return EXIT_CODES[problem.code] if problem else PENDING if found.pending else OK
    elif args.action == "verify":
        found = await migrate.verify(dsn, directory=directory, wait=wait, report=_say_aside)
        _say(f"version {found.version} agrees with the files, {len(found.pending)} pending")
    elif args.action == "baseline":
        await migrate.baseline(
            dsn, args.version, args.yes, directory=directory, wait=wait, lock_timeout=lock_timeout, report=_say
        )
    else:
        await migrate.wait_for_database(dsn, wait, _say)
        _say("the database accepts connections")
    return OK


def _say(line: str) -> None:
    print(line, flush=True)


def _say_aside(line: str) -> None:
    """Progress that must not mix with output that a program reads."""
    print(line, file=sys.stderr, flush=True)


def _table(found: Status) -> str:
    drifted = {row.version for row in found.drifted}
    newer = {row.version for row in found.newer}
    rows = {
        row.version: (
            "drifted" if row.version in drifted else "newer" if row.version in newer else "applied",
            row.label,
            f"{row.applied_at:%Y-%m-%d %H:%M} UTC, {row.duration_ms} ms",
            row.breaking,
        )
        for row in found.applied
    }
    for state, files in (("missing", found.missing), ("pending", found.pending)):
        rows |= {file.version: (state, file.label, "", file.breaking) for file in files}
    lines = [
        f"{state:8} {label:40} {when}{'  breaking' if breaking else ''}".rstrip()
        for _, (state, label, when, breaking) in sorted(rows.items())
    ]
    problem = found.problem()
    return "\n".join([*lines, f"schema version {found.version}", *([str(problem)] if problem else [])])
