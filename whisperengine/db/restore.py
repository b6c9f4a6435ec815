"""Bring a backup into an empty database: its schema, all rows in one transaction, then the newer migrations."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from whisperengine.db import backup as backups
from whisperengine.db import migrate
from whisperengine.db.backup import BLOCK, Backup, Table
from whisperengine.db.connect import Report, connect
from whisperengine.db.migration_files import load_migrations
from whisperengine.db.migration_status import read_status
from whisperengine.db.pool import SERVER_SETTINGS, reachable
from whisperengine.errors import BackupError

# What holds rows together and finds them. Loading without it and building it again afterwards is several times quicker.
FOREIGN_KEYS = """
select c.conrelid::regclass::text as table, quote_ident(c.conname) as name, pg_get_constraintdef(c.oid) as definition
from pg_constraint c where c.contype = 'f' and c.connamespace = current_schema()::regnamespace
order by 1, 2
"""
INDEXES = """
select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition
from pg_index i join pg_class c on c.oid = i.indrelid
where c.relnamespace = current_schema()::regnamespace and c.relname = any($1)
  and not exists (select from pg_constraint where conindid = i.indexrelid)
order by 1
"""
NUMBERED = """
select c.relname as table, a.attname as column, pg_get_serial_sequence(quote_ident(c.relname), a.attname) as sequence
from pg_class c join pg_attribute a on a.attrelid = c.oid
where c.relnamespace = current_schema()::regnamespace and c.relname = any($1) and a.attidentity <> ''
"""
IN_SERVICE = """
select exists (select from pg_stat_activity where datname = current_database() and application_name = $1)
"""
# Rows that a service writes when it starts, before anybody has talked.
BORN_WITH = """
select exists (select from users) or exists (select from characters where builtin_sha256 is null)
"""


async def restore(dsn: str, source: Path, report: Report) -> Backup:
    """Bring `source` into the database at `dsn`, which holds nothing yet, and prove that the rows are the same.

    Until everything is in and proved, nothing is. Afterwards the schema is at this program's version. Raises
    BackupError (the file is damaged, too new, or the database in use), MigrationError, DatabaseUnavailable.
    """
    backup = await backups.verify(source, report)
    report(f"the backup of {backup.created_at} is whole: {backup.rows:,} rows, {backup.bytes >> 20:,} MB")
    await _check_schema(backup)
    version = len(backup.schema)
    connection = await connect(dsn)
    try:
        with reachable(dsn):
            await _check_empty(connection, version)
            await migrate.up(dsn, to=version, wait=0, report=report)
            async with connection.transaction():
                await _load(connection, source, backup, report)
            report("all rows are in; making statistics")
            await connection.execute("vacuum (analyze)")
    finally:
        await connection.close()
    await migrate.up(dsn, wait=0, report=report)
    return backup


async def _check_schema(backup: Backup) -> None:
    files = await asyncio.to_thread(load_migrations)
    known = [file.sha256.hex() for file in files[: len(backup.schema)]]
    if len(backup.schema) > len(files):
        raise BackupError(
            f"The backup holds schema version {len(backup.schema)}, made by WhisperEngine {backup.app_version}; this "
            f"program knows {len(files)}. Restore it with that version or a newer one."
        )
    if backup.schema != known:
        raise BackupError(
            f"The backup was made from other migration files than this program's (WhisperEngine {backup.app_version}). "
            "Restore it with that version."
        )


async def _check_empty(connection: asyncpg.Connection, version: int) -> None:
    if await connection.fetchval(IN_SERVICE, SERVER_SETTINGS["application_name"]):
        raise BackupError("A service is connected to this database. Stop it, and start it again after the restore.")
    found = await read_status(connection, await asyncio.to_thread(load_migrations))
    if not found.applied:
        if await backups.tables_of(connection):
            raise BackupError("Other tables are in this database. Name an empty one with DATABASE_URL or POSTGRES_DB.")
        return
    if await connection.fetchval(BORN_WITH):
        raise BackupError(
            "People or characters are in this database already, and restoring would replace them. Name an empty one "
            "with DATABASE_URL or POSTGRES_DB, or for the embedded database an empty folder with WHISPERENGINE_HOME."
        )
    if found.version != version:
        raise BackupError(
            f"This database has schema version {found.version} and the backup {version}. Restore into one without "
            "tables: its schema is made as the backup needs it and then brought up to date."
        )


async def _load(connection: asyncpg.Connection, source: Path, backup: Backup, report: Report) -> None:
    keys = {row["name"]: row["key"] for row in await backups.tables_of(connection)}
    names = [table.name for table in backup.tables]
    if missing := sorted(set(names) - keys.keys()):
        raise BackupError(f"The schema has no table {', '.join(missing)}. Restore with the version that backed up.")
    foreign_keys = await connection.fetch(FOREIGN_KEYS)
    indexes = await connection.fetch(INDEXES, names)
    for row in foreign_keys:
        await connection.execute(f"alter table {row['table']} drop constraint {row['name']}")
    for row in indexes:
        await connection.execute(f"drop index {row['name']}")
    await connection.execute("truncate " + ", ".join(f'"{name}"' for name in names))
    await connection.execute("set local maintenance_work_mem = '256MB'")
    with zipfile.ZipFile(source) as archive:
        for table in backup.tables:
            await _load_table(connection, archive, table, keys[table.name], report)
    for row in await connection.fetch(NUMBERED, names):
        await connection.execute(
            f'select setval($1, coalesce((select max("{row["column"]}") from "{row["table"]}"), 0) + 1, false)',
            row["sequence"],
        )
    report("building indexes")
    for row in indexes:
        await connection.execute(row["definition"])
    for row in foreign_keys:
        await connection.execute(f"alter table {row['table']} add constraint {row['name']} {row['definition']}")


async def _load_table(
    connection: asyncpg.Connection, archive: zipfile.ZipFile, table: Table, key: list[str], report: Report
) -> None:
    told = backups.telling(table.name, report)
    async with _blocks(archive, table, told) as blocks:
        await connection.copy_to_table(table.name, source=blocks, columns=table.columns, format="binary")
    query = backups.rows_in_order(table.name, table.columns, key)
    told = backups.telling(f"verifying {table.name}", report)
    _, _, sha256 = await backups.copy_out(connection, query, lambda block: None, told)
    if sha256 != table.sha256:
        raise BackupError(
            f"The rows of {table.name} are not the same in the database as in the backup; nothing was restored. "
            "Check the database's disk and restore again."
        )
    report(f"{table.name}: {table.rows:,} rows, the same as in the backup")


@asynccontextmanager
async def _blocks(
    archive: zipfile.ZipFile, table: Table, told: Callable[[int], None]
) -> AsyncIterator[AsyncIterator[bytes]]:
    with archive.open(f"{table.name}.copy") as member:

        async def read() -> AsyncIterator[bytes]:
            done = 0
            while block := await asyncio.to_thread(member.read, BLOCK):
                yield block
                told(done := done + len(block))

        yield read()
