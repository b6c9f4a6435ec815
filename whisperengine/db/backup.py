"""Everything of a database as one file: written from one snapshot while the service runs.

The file is a ZIP archive: `manifest.json`, and for each table the rows as PostgreSQL's binary COPY gives them, in the
order of the primary key. So the same rows make the same bytes in every database, and one hash for each table says both
that the file is whole and, when the rows are read back, that a restored table is the same. Binary COPY does not change
between releases of PostgreSQL, which is why a backup moves between servers that pg_dump could not serve alike.

What is left out: unlogged tables (counts that a crash may forget) and generated columns.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import asyncpg

from whisperengine import __version__
from whisperengine.db.connect import Report, connect
from whisperengine.db.migration_files import load_migrations
from whisperengine.db.migration_status import read_status
from whisperengine.db.pool import reachable
from whisperengine.errors import BackupError

FORMAT, VERSION = "whisperengine-backup", 1
MANIFEST = "manifest.json"
BLOCK = 1 << 20
TELL_SECONDS = 5.0
# What zipfile raises over a file with wrong bytes in it.
DAMAGE = (OSError, EOFError, KeyError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error)

# Permanent tables of the schema that no extension brought along, with the columns that are stored and those of the key.
TABLES = """
select c.relname as name,
  array(
    select attname::text from pg_attribute
    where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = '' order by attnum
  ) as columns,
  array(
    select quote_ident(attname) || case when attcollation <> 0 then ' collate "C"' else '' end
    from pg_index, unnest(indkey[:indnkeyatts - 1]) with ordinality key (attnum, place)
      join pg_attribute a using (attnum)
    where indrelid = c.oid and indisprimary and a.attrelid = c.oid order by place
  ) as key
from pg_class c
where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' and c.relpersistence = 'p'
  and c.relname <> 'schema_migrations'
  and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
order by c.relname
"""


@dataclass(frozen=True)
class Table:
    """One table of a backup. bytes: before compression. sha256: of the rows in the order of their key."""

    name: str
    columns: list[str]
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Backup:
    """What a backup says of itself. schema: the sha256 of each applied migration file, the first for version 1."""

    created_at: str
    app_version: str
    schema: list[str]
    tables: list[Table]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    @property
    def bytes(self) -> int:
        """Before compression."""
        return sum(table.bytes for table in self.tables)


async def write(dsn: str, target: Path, report: Report) -> Backup:
    """Write the database at `dsn` to `target` and read the file back to verify it.

    The file appears under its name whole, readable by this user alone, or not at all. Raises BackupError when the file
    exists or cannot be written, DatabaseUnavailable.
    """
    part = target.with_name(target.name + ".part")
    connection = await connect(dsn)
    try:
        await asyncio.to_thread(_reserve, target)
        try:
            with reachable(dsn):
                backup = await _write(connection, part, report)
            if await verify(part, report) != backup:
                raise BackupError(f"{target} was not written as it should be. Check the disk and back up again.")
            await asyncio.to_thread(os.replace, part, target)
        except BaseException:
            await asyncio.to_thread(_remove, part, target)
            raise
    except OSError as error:
        raise BackupError(f"{target} cannot be written ({error.strerror}). Choose another place for it.") from error
    finally:
        await connection.close()
    return backup


async def verify(source: Path, report: Report) -> Backup:
    """Read the whole file and compare every hash. Raises BackupError when it is damaged or no backup of ours."""
    return await asyncio.to_thread(_verify, source, report)


def read_manifest(archive: zipfile.ZipFile) -> Backup:
    """Raises BackupError when this program cannot read such a backup."""
    try:
        found = json.loads(archive.read(MANIFEST))
        if found["format"] != FORMAT:
            raise KeyError
        if found["version"] > VERSION:
            raise BackupError(
                f"The backup was written by WhisperEngine {found['app_version']}, in a form newer than this program "
                f"({__version__}) reads. Restore it with that version."
            )
        tables = [Table(**table) for table in found["tables"]]
        return Backup(found["created_at"], found["app_version"], found["schema"], tables)
    except (KeyError, TypeError, ValueError) as error:
        raise BackupError(
            f"{archive.filename} is no backup of WhisperEngine. Name the file that was written."
        ) from error


def rows_in_order(name: str, columns: list[str], key: list[str]) -> str:
    """The statement whose rows a table's bytes and hash are made of."""
    selected = ", ".join(f'"{column}"' for column in columns)
    return f'select {selected} from "{name}" order by {", ".join(key)}'


async def copy_out(
    connection: asyncpg.Connection, query: str, sink: Callable[[bytes], Any], told: Callable[[int], None]
) -> tuple[int, int, str]:
    """Give the binary rows of `query` to `sink`, which runs in a thread; returns rows, bytes and their sha256."""
    digest, size, waiting = hashlib.sha256(), 0, bytearray()

    def pass_on(block: bytes) -> None:
        digest.update(block)
        sink(block)

    async def take(data: bytes) -> None:
        nonlocal size
        size += len(data)
        waiting.extend(data)
        if len(waiting) >= BLOCK:
            block = bytes(waiting)
            waiting.clear()
            await asyncio.to_thread(pass_on, block)
            told(size)

    status = await connection.copy_from_query(query, output=take, format="binary")
    await asyncio.to_thread(pass_on, bytes(waiting))
    return int(status.split()[1]), size, digest.hexdigest()


def telling(name: str, report: Report) -> Callable[[int], None]:
    """Reports every few seconds how many bytes of the table `name` were dealt with."""
    last = time.monotonic()

    def told(size: int) -> None:
        nonlocal last
        if time.monotonic() - last > TELL_SECONDS:
            last = time.monotonic()
            report(f"{name}: {size >> 20:,} MB so far")

    return told


async def tables_of(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Rows (name, columns, key) of the tables that are backed up; `key` is ready to stand in ORDER BY."""
    return await connection.fetch(TABLES)


async def _write(connection: asyncpg.Connection, part: Path, report: Report) -> Backup:
    files = await asyncio.to_thread(load_migrations)
    tables = []
    with _private(part) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                schema = [row.sha256.hex() for row in (await read_status(connection, files)).applied]
                if not schema:
                    raise BackupError("There is nothing to back up: this database was never used. Check DATABASE_URL.")
                for name, columns, key in await tables_of(connection):
                    query = rows_in_order(name, columns, key)
                    with archive.open(f"{name}.copy", "w", force_zip64=True) as member:
                        counted = await copy_out(connection, query, member.write, telling(name, report))
                    tables.append(Table(name, columns, *counted))
                    report(f"{name}: {counted[0]:,} rows")
            backup = Backup(datetime.now(UTC).isoformat(timespec="seconds"), __version__, schema, tables)
            archive.writestr(MANIFEST, json.dumps({"format": FORMAT, "version": VERSION, **asdict(backup)}, indent=1))
        file.flush()
        await asyncio.to_thread(os.fsync, file.fileno())
    return backup


def _reserve(target: Path) -> None:
    try:
        target.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise BackupError(
            f"{target} exists already, and a backup never replaces a file. Choose another name."
        ) from None


def _remove(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _private(part: Path) -> IO[bytes]:
    part.unlink(missing_ok=True)
    return os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")


def _verify(source: Path, report: Report) -> Backup:
    try:
        with zipfile.ZipFile(source) as archive:
            backup = read_manifest(archive)
            for table in backup.tables:
                told, done, digest = telling(f"verifying {table.name}", report), 0, hashlib.sha256()
                with archive.open(f"{table.name}.copy") as member:
                    while block := member.read(BLOCK):
                        digest.update(block)
                        told(done := done + len(block))
                if digest.hexdigest() != table.sha256:
                    raise zipfile.BadZipFile(f"the rows of {table.name} are not those that were written")
            return backup
    except FileNotFoundError:
        raise BackupError(f"There is no file {source}. Name the one that `whisperengine backup` wrote.") from None
    except DAMAGE as error:
        raise BackupError(f"{source} is damaged or no backup ({error}). Use another copy of it.") from error
