"""A database of any earlier schema number, with something in every table, comes to the newest with all of it."""

import asyncio
import re
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.support import service as services
from whisperengine.db import backup, migrate
from whisperengine.db.migration_files import load_migrations

NEWEST = len(load_migrations())

# The same values in every table, so that what refers to something finds it.
VALUES = {
    "bigint": "1",
    "bigint[]": "'{1}'",
    "bit varying": "B'101'",
    "boolean": "true",
    "bytea": "'\\x01'",
    "date": "'2024-05-06'",
    "halfvec": "'[0.5,-0.25,1]'",
    "integer": "1",
    "integer[]": "'{1}'",
    "jsonb": """'{"name": "x"}'""",
    "double precision": "0.5",
    "numeric": "0.5",
    "real": "0.5",
    "real[]": "'{0.5,0.25}'",
    "smallint": "1",
    "text": "'x'",
    "text[]": "'{x}'",
    "timestamp with time zone": "'2024-05-06 07:08:09.123+00'",
    "tsvector": "'''cat'':2 ''dog'':1'",
    "uuid": "'00000000-0000-4000-8000-000000000001'",
}

# Where one row cannot have a value in every column.
EMPTY = {("settings", "sealed")}

COLUMNS = """
select c.relname as table, a.attname as column, format_type(a.atttypid, null) as type,
  (select string_agg(pg_get_constraintdef(k.oid), ' ') from pg_constraint k
   where k.conrelid = c.oid and k.contype = 'c' and a.attnum = any(k.conkey)) as checks
from pg_class c join pg_attribute a on a.attrelid = c.oid
where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace and c.relname <> 'schema_migrations'
  and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attidentity = ''
order by c.relname, a.attnum
"""
REFERENCES = """
select conrelid::regclass::text, confrelid::regclass::text from pg_constraint
where contype = 'f' and connamespace = current_schema()::regnamespace and conrelid <> confrelid
"""


@pytest.fixture
async def connection(empty_database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(empty_database)
    yield connection
    await connection.close()


async def fill(connection: asyncpg.Connection) -> dict[str, list[str]]:
    """One row in every table; returns the columns of each."""
    columns: dict[str, list[str]] = {}
    values: dict[str, list[str]] = {}
    for table, column, kind, checks in await connection.fetch(COLUMNS):
        if (table, column) in EMPTY:
            continue
        allowed = re.search(r"'(\w+)'::text", checks or "")
        columns.setdefault(table, []).append(f'"{column}"')
        values.setdefault(table, []).append(f"'{allowed[1]}'" if allowed else VALUES[kind])
    waits: dict[str, set[str]] = {table: set() for table in columns}
    for table, other in await connection.fetch(REFERENCES):
        waits[table].add(other)
    while waits:
        for table in sorted(table for table, others in waits.items() if not others & waits.keys()):
            await connection.execute(
                f"insert into {table} ({', '.join(columns[table])}) values ({', '.join(values[table])})"
            )
            del waits[table]
    return columns


async def rows(connection: asyncpg.Connection, columns: dict[str, list[str]]) -> dict[str, list[str]]:
    return {
        table: [
            row[0] for row in await connection.fetch(f"select row({', '.join(names)})::text from {table} order by 1")
        ]
        for table, names in columns.items()
    }


@pytest.mark.parametrize("number", range(1, NEWEST + 1))
async def test_everything_survives_the_upgrade_from_a_schema_number(
    empty_database: str, connection: asyncpg.Connection, number: int
):
    await migrate.up(empty_database, to=number)
    columns = await fill(connection)
    before = await rows(connection, columns)
    assert all(len(found) == 1 for found in before.values())
    await migrate.up(empty_database)
    assert await rows(connection, columns) == before


async def test_a_service_answers_on_an_upgraded_database(empty_database: str, connection: asyncpg.Connection):
    await migrate.up(empty_database, to=1)
    await fill(connection)
    await migrate.up(empty_database)
    async with services.running(services.test_config(database_url=empty_database)) as client:
        assert (await client.say("Hello."))["response"]


async def test_a_table_that_is_filled_here_is_in_the_backup(empty_database: str, connection: asyncpg.Connection):
    await migrate.up(empty_database)
    columns = await fill(connection)
    saved = {row["name"] for row in await backup.tables_of(connection)}
    unlogged = {row[0] for row in await connection.fetch("select relname from pg_class where relpersistence = 'u'")}
    assert saved == columns.keys() - unlogged


async def test_two_programs_that_start_at_once_on_an_older_schema_upgrade_it_once(
    empty_database: str, connection: asyncpg.Connection
):
    await migrate.up(empty_database, to=NEWEST - 1)
    settings = services.test_config(database_url=empty_database, migrate_on_start=True)

    async def start() -> str:
        async with services.running(settings) as client:
            return (await client.say("Hello."))["response"]

    assert all(await asyncio.gather(start(), start()))
    assert await connection.fetchval("select count(*) from schema_migrations") == NEWEST
