"""Apply the numbered SQL files of `sql/`, each exactly once, whoever else tries at the same time.

Forward only. A file and the row that records it are one transaction, so a runner killed at any moment leaves a whole
number of files. Runners take turns by an advisory lock of the session: give them a direct connection, not one through a
pooler in transaction mode (that is noticed and refused).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from whisperengine import __version__
from whisperengine.db.connect import Report, connect
from whisperengine.db.connect import wait_for_database as wait_for_database
from whisperengine.db.migration_files import Migration, Statement, concurrent_index, load_migrations, split_statements
from whisperengine.db.migration_lock import LOCK_TIMEOUT, check_lock, migration_lock
from whisperengine.db.migration_status import Status, read_status, table_name
from whisperengine.db.pool import Connection
from whisperengine.db.requirements import check_server
from whisperengine.db.url import shown_host
from whisperengine.errors import DatabaseUnavailable, MigrationError, SchemaError

log = logging.getLogger(__name__)

COMMAND = "whisperengine migrate up"
# Statements that wait for a lock make everybody who comes after them wait, too; better to let go and try again.
TABLE_LOCK_TIMEOUT = 5.0
FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionResetError)

TABLE = """
create table {} (
  version integer primary key check (version > 0),
  name text not null,
  sha256 bytea not null,
  applied_at timestamptz not null default now(),
  duration_ms integer not null,
  app_version text not null,
  breaking boolean not null
)
"""


async def up(
    dsn: str,
    *,
    directory: Path | None = None,
    to: int | None = None,
    dry_run: bool = False,
    wait: float = 60.0,
    lock_timeout: float = 300.0,
    statement_timeout: float | None = None,
    report: Report = log.info,
) -> list[Migration]:
    """Apply what is pending (up to version `to`) and return it; with `dry_run` only return it.

    Times are in seconds: `wait` for the database, `lock_timeout` for other runners and then, in each file, for tables
    in use, `statement_timeout` for one statement (None: no limit, whatever the role's setting). Raises MigrationError
    (code LOCK_TIMEOUT: a lock was not to be had; DRIFT: the database was made by other files), SchemaError (NEWER),
    DatabaseUnavailable, ConfigurationError.
    """
    files = await asyncio.to_thread(load_migrations, directory)
    if to is not None:
        _check_version(to, files)
    async with _session(dsn, wait, report) as connection:
        await check_server(connection)
        table = await table_name(connection)
        if dry_run:
            return _pending(await read_status(connection, files), to, report)
        async with migration_lock(connection, table, lock_timeout, report):
            pending = _pending(await read_status(connection, files), to, report)
            if pending:
                await _create_table(connection, table)
            for migration in pending:
                await _set_limits(connection, statement_timeout)
                milliseconds = await _apply(connection, migration, table, lock_timeout, report)
                report(f"applied {migration.label} in {milliseconds} ms")
        return pending


def up_sync(dsn: str, directory: Path | None = None) -> list[Migration]:
    """`up` for callers without an event loop."""
    return asyncio.run(up(dsn, directory=directory))


async def status(dsn: str, *, directory: Path | None = None, wait: float = 60.0, report: Report = log.info) -> Status:
    """What is applied, pending and wrong; changes nothing."""
    files = await asyncio.to_thread(load_migrations, directory)
    async with _session(dsn, wait, report) as connection:
        return await read_status(connection, files)


async def verify(dsn: str, *, directory: Path | None = None, wait: float = 60.0, report: Report = log.info) -> Status:
    """`status`, or MigrationError (DRIFT) or SchemaError (NEWER) unless the record agrees with the files.

    Pending files are no fault.
    """
    found = await status(dsn, directory=directory, wait=wait, report=report)
    if problem := found.problem():
        raise problem
    return found


async def baseline(
    dsn: str,
    version: int,
    confirm: bool,
    *,
    directory: Path | None = None,
    wait: float = 60.0,
    lock_timeout: float = 300.0,
    report: Report = log.info,
) -> None:
    """Record files 1..`version` as applied without running them: for a database whose tables were made in another way.

    Raises MigrationError without `confirm`, and when anything is recorded already.
    """
    files = await asyncio.to_thread(load_migrations, directory)
    _check_version(version, files)
    if not confirm:
        raise MigrationError(
            f"This only records versions 1 to {version} as applied, without running them. "
            "If the database has these tables already, say so with --yes."
        )
    async with _session(dsn, wait, report) as connection:
        await check_server(connection)
        table = await table_name(connection)
        async with migration_lock(connection, table, lock_timeout, report):
            found = await read_status(connection, files)
            if found.applied:
                raise MigrationError(
                    f"The database already records version {found.version}; a baseline is for one that records none. "
                    f"Run `{COMMAND}`."
                )
            await _create_table(connection, table)
            async with connection.transaction():
                for migration in files[:version]:
                    await _record(connection, table, migration, 0)
        report(f"recorded versions 1 to {version} as applied")


async def check(connection: Connection, directory: Path | None = None) -> int:
    """The schema's version, if this program can work with it.

    Raises SchemaError when the schema is outdated, or newer and breaking. Newer without breaking, or made from files
    that were edited since, is only logged.
    """
    files = await asyncio.to_thread(load_migrations, directory)
    found = await read_status(connection, files)
    problem = found.problem()
    if isinstance(problem, SchemaError):
        raise problem
    if problem:
        log.warning("%s", problem)
    if found.pending or found.missing:
        raise SchemaError(
            f"The database schema is at version {found.version}, this program needs {files[-1].version}. "
            f"Run `{COMMAND}` (or set MIGRATE_ON_START=1) and start again."
        )
    if found.newer:
        log.warning("%s", _newer(found))
    return found.version


@asynccontextmanager
async def _session(dsn: str, wait: float, report: Report) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect(dsn, wait=wait, report=report)
    try:
        yield connection
    except FAILURES as error:
        raise DatabaseUnavailable(
            f"PostgreSQL at {shown_host(dsn)} failed in the middle of the work: {error}. "
            "Look into its log and migrate again."
        ) from error
    finally:
        await connection.close()


def _check_version(version: int, files: list[Migration]) -> None:
    if not 1 <= version <= len(files):
        raise MigrationError(f"There is no version {version}. Name one from 1 to {len(files)}.")


def _pending(found: Status, to: int | None, report: Report) -> list[Migration]:
    if problem := found.problem():
        raise problem
    if found.newer:
        report(_newer(found))
    return [migration for migration in found.pending if to is None or migration.version <= to]


def _newer(found: Status) -> str:
    return (
        f"The database schema (version {found.version}) was made by WhisperEngine {found.newer[-1].app_version}, "
        f"which is newer than this program ({__version__}). It can work with it; upgrade it when you can."
    )


async def _set_limits(connection: asyncpg.Connection, statement_timeout: float | None) -> None:
    """Undo what the last file set, and limits of the role that are meant for ordinary work."""
    await connection.execute("reset all")
    await connection.execute(
        """
        select set_config(name, case name when 'statement_timeout' then $1 else '0' end, false)
        from pg_settings
        where name in
          ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')
        """,
        str(round((statement_timeout or 0) * 1000)),
    )
    try:
        # Else the server process of a killed runner works on, holding the lock, until its statement is done.
        await connection.execute("set client_connection_check_interval = '2s'")
    except asyncpg.InvalidParameterValueError:
        log.debug("the server's platform cannot notice a lost connection while it works")


async def _create_table(connection: asyncpg.Connection, table: str) -> None:
    if not await connection.fetchval("select to_regclass($1) is not null", table):
        await connection.execute(TABLE.format(table))


async def _record(connection: asyncpg.Connection, table: str, migration: Migration, milliseconds: int) -> None:
    await connection.execute(
        f"""
        insert into {table} (version, name, sha256, duration_ms, app_version, breaking)
        values ($1, $2, $3, $4, $5, $6)
        """,
        migration.version,
        migration.name,
        migration.sha256,
        milliseconds,
        __version__,
        migration.breaking,
    )


async def _apply(
    connection: asyncpg.Connection, migration: Migration, table: str, lock_timeout: float, report: Report
) -> int:
    """Run and record one file, again and again while tables are in use. Returns the last attempt's milliseconds."""
    deadline, pause = time.monotonic() + lock_timeout, 0.5
    while True:
        await check_lock(connection, table)
        try:
            if migration.transactional:
                limit = min(TABLE_LOCK_TIMEOUT, max(0.1, deadline - time.monotonic()))
                return await _run_in_transaction(connection, migration, table, limit)
            return await _run_alone(connection, migration, table, report)
        except MigrationError as error:
            if error.code != LOCK_TIMEOUT or time.monotonic() + pause >= deadline:
                raise
            report(f"{migration.label} met a table in use, trying again in {pause:g} s")
        await asyncio.sleep(pause)
        pause = min(10.0, pause * 2)


async def _run_in_transaction(
    connection: asyncpg.Connection, migration: Migration, table: str, table_lock_timeout: float
) -> int:
    began, current = time.monotonic(), None
    try:
        await connection.execute("begin")
        await connection.execute("select set_config('lock_timeout', $1, true)", str(round(table_lock_timeout * 1000)))
        for current in split_statements(migration.sql, migration.path):
            await connection.execute(current.text)
        # What fails from here on (a deferred constraint, for one) is no single statement's fault.
        current = None
        milliseconds = round((time.monotonic() - began) * 1000)
        await _record(connection, table, migration, milliseconds)
        await connection.execute("commit")
    except FAILURES as error:
        # By hand, because asyncpg's own block would replace the error of a lost connection by one about rolling back.
        if not connection.is_closed():
            await connection.execute("rollback")
        raise _failure(migration, current, error) from error
    return milliseconds


async def _run_alone(connection: asyncpg.Connection, migration: Migration, table: str, report: Report) -> int:
    began = time.monotonic()
    [statement] = split_statements(migration.sql, migration.path)
    try:
        index = concurrent_index(statement)
        if index and await connection.fetchval(
            "select exists (select from pg_index where indexrelid = to_regclass($1) and not indisvalid)", index
        ):
            # IF NOT EXISTS would be content with it. Nobody is building it: whoever did so held our lock.
            report(f"{migration.label}: dropping {index}, which an interrupted build left unfinished")
            await connection.execute(f"drop index concurrently {index}")
        await connection.execute(statement.text)
        milliseconds = round((time.monotonic() - began) * 1000)
        await _record(connection, table, migration, milliseconds)
    except FAILURES as error:
        raise _failure(migration, statement, error) from error
    return milliseconds


def _failure(migration: Migration, statement: Statement | None, error: Exception) -> MigrationError:
    """`file:line: what PostgreSQL says`, the statement around that line, and what to do."""
    place, excerpt = str(migration.path), ""
    if statement:
        position = int(getattr(error, "position", None) or 1)
        line = statement.line + statement.text.count("\n", 0, position - 1)
        place += f":{line}"
        excerpt = _excerpt(statement, line)
    context = getattr(error, "context", None)
    in_use = isinstance(error, asyncpg.LockNotAvailableError | asyncpg.DeadlockDetectedError)
    if in_use:
        advice = "A table is in use: pg_stat_activity shows by whom. Nothing of this file was applied; migrate again."
    elif isinstance(error, asyncpg.ActiveSQLTransactionError):
        advice = "Give this statement a file of its own that begins with `-- migrate: no-transaction`."
    elif migration.transactional:
        advice = f"Nothing of this file was applied. Correct the cause and run `{COMMAND}` again."
    else:
        advice = f"This file runs without a transaction. Correct the cause and run `{COMMAND}` again."
    text = "\n".join(part for part in (f"{place}: {error}", context, excerpt, advice) if part)
    return MigrationError(text, code=LOCK_TIMEOUT if in_use else None)


def _excerpt(statement: Statement, line: int) -> str:
    """The statement's lines with their numbers in the file; of a long one those around `line`."""
    numbered = list(enumerate(statement.text.split("\n"), statement.line))
    return "\n".join(
        f"{'>' if number == line else ' '} {number:4} | {text[:200]}"
        for number, text in numbered
        if len(numbered) <= 12 or abs(number - line) <= 5
    )
