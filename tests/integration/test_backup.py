"""A backup is the whole database, taken while it is in use, and comes back the same in any other."""

import asyncio
import json
import zipfile
from pathlib import Path

import asyncpg
import pytest

from scripts.dump_schema import dump_schema
from tests.support.tables import contents
from tests.support.talk import talking
from whisperengine.db import backup, migrate
from whisperengine.db.embedded import EmbeddedPostgres
from whisperengine.db.migration_files import load_migrations
from whisperengine.db.pool import open_pool
from whisperengine.db.restore import restore
from whisperengine.errors import BackupError

WORDS = ("I live in Lübeck 🌊.", "My sister is called Ada.", "Line one\nline two\t\\N", "I like cheese.")


def quiet(line: str) -> None:
    """Progress is of no interest here."""


@pytest.fixture
async def filled(database: str) -> str:
    """A database with two people, their talk and what comes with it."""
    for name in ("sam", "ida"):
        async with talking(database, name) as talk:
            await talk.say(*WORDS, channel="home")
            await talk.say("In the open.", channel="hall", shared=True)
    connection = await asyncpg.connect(database)
    await connection.execute("insert into turn_counts values ('sam', 60, now(), 1)")
    await connection.close()
    return database


async def test_a_backup_comes_back_the_same_in_another_database(filled: str, empty_database: str, tmp_path: Path):
    before = await contents(filled)
    written = await backup.write(filled, tmp_path / "all.backup", quiet)
    assert before["messages"][0] == 20
    assert before["embeddings"][0] == 20
    assert {table.name: table.rows for table in written.tables} == {name: rows for name, (rows, _) in before.items()}
    await restore(empty_database, tmp_path / "all.backup", quiet)
    assert await contents(empty_database) == before


async def test_a_restored_schema_is_the_schema_of_the_migrations(
    filled: str, empty_database: str, tmp_path: Path, repository: Path
):
    await backup.write(filled, tmp_path / "all.backup", quiet)
    await restore(empty_database, tmp_path / "all.backup", quiet)
    assert await asyncio.to_thread(dump_schema, empty_database) == await asyncio.to_thread(dump_schema, filled)


async def test_numbers_given_after_a_restore_continue_those_before(filled: str, empty_database: str, tmp_path: Path):
    await backup.write(filled, tmp_path / "all.backup", quiet)
    await restore(empty_database, tmp_path / "all.backup", quiet)
    connection = await asyncpg.connect(empty_database)
    number = await connection.fetchval(
        "insert into embedding_models (name, dimensions) values ('another', 3) returning model_id"
    )
    assert number > 1
    await connection.close()


async def test_a_backup_moves_from_a_server_to_the_embedded_database_and_back(
    filled: str, empty_database: str, home: Path, tmp_path: Path
):
    before = await contents(filled)
    await backup.write(filled, tmp_path / "server.backup", quiet)
    postgres = EmbeddedPostgres(home, settings={"fsync": "off"})
    dsn = await asyncio.to_thread(postgres.start)
    try:
        await restore(dsn, tmp_path / "server.backup", quiet)
        assert await contents(dsn) == before
        assert EmbeddedPostgres(home).running() == dsn
        await backup.write(dsn, tmp_path / "embedded.backup", quiet)
    finally:
        await asyncio.to_thread(postgres.stop)
    assert EmbeddedPostgres(home).running() is None
    await restore(empty_database, tmp_path / "embedded.backup", quiet)
    assert await contents(empty_database) == before


async def test_a_backup_is_of_one_moment_whatever_is_written_meanwhile(
    filled: str, empty_database: str, tmp_path: Path
):
    async with talking(filled, "writer") as talk:
        writing = True

        async def write() -> None:
            while writing:
                await talk.say("Another one.")

        task = asyncio.create_task(write())
        # Every message has its embedding in the same transaction: a backup of two moments would hold one without.
        for number in range(3):
            await backup.write(filled, tmp_path / f"{number}.backup", quiet)
        writing = False
        await task
    await restore(empty_database, tmp_path / "2.backup", quiet)
    found = await contents(empty_database)
    assert found["messages"][0] == found["embeddings"][0] > 20


async def test_a_backup_of_an_older_schema_is_restored_and_then_migrated(
    empty_database: str, database: str, tmp_path: Path
):
    pool = await open_pool(empty_database, 1)
    await migrate.up(empty_database, to=1)
    await pool.execute("insert into users (user_id, display_name) values (7, 'Sam')")
    await pool.close()
    await backup.write(empty_database, tmp_path / "old.backup", quiet)
    connection = await asyncpg.connect(empty_database)
    await connection.execute("drop schema public cascade")
    await connection.execute("create schema public")
    assert (await connection.fetchval("select to_regclass('users')")) is None
    await connection.close()
    await restore(empty_database, tmp_path / "old.backup", quiet)
    assert (await contents(empty_database))["users"][0] == 1
    assert (await migrate.status(empty_database)).version == len(load_migrations())


async def test_a_file_that_exists_is_never_replaced(filled: str, tmp_path: Path):
    target = tmp_path / "all.backup"
    target.write_text("precious")
    with pytest.raises(BackupError, match="exists already"):
        await backup.write(filled, target, quiet)
    assert target.read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["all.backup"]


async def test_a_backup_is_readable_by_its_owner_alone(filled: str, tmp_path: Path):
    await backup.write(filled, tmp_path / "all.backup", quiet)
    assert (tmp_path / "all.backup").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["all.backup"]


async def test_a_database_that_was_never_used_has_no_backup(empty_database: str, tmp_path: Path):
    with pytest.raises(BackupError, match="nothing to back up"):
        await backup.write(empty_database, tmp_path / "all.backup", quiet)
    assert list(tmp_path.iterdir()) == []


async def test_a_damaged_backup_is_noticed_before_anything_is_restored(
    filled: str, empty_database: str, tmp_path: Path
):
    await backup.write(filled, tmp_path / "all.backup", quiet)
    whole = (tmp_path / "all.backup").read_bytes()
    for name, damaged in (
        ("short", whole[: len(whole) // 2]),
        ("empty", b""),
        ("flipped", whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 255]) + whole[len(whole) // 2 + 1 :]),
        ("text", b"no archive at all"),
    ):
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(BackupError):
            await restore(empty_database, tmp_path / name, quiet)
    assert (await migrate.status(empty_database)).applied == []


async def test_no_damaged_byte_ends_in_anything_but_our_own_error(filled: str, tmp_path: Path):
    written = await backup.write(filled, tmp_path / "all.backup", quiet)
    whole = (tmp_path / "all.backup").read_bytes()
    noticed = 0
    for at in range(0, len(whole), max(1, len(whole) // 60)):
        changed = bytearray(whole)
        changed[at] ^= 0x55
        (tmp_path / "changed").write_bytes(changed)
        try:
            found = await backup.verify(tmp_path / "changed", quiet)
        except BackupError:
            noticed += 1
        else:  # a byte that says nothing (the time of a file in the archive, say): the rows are whole
            assert found == written
    assert noticed > 40


async def test_rows_that_were_exchanged_in_the_archive_are_noticed(filled: str, tmp_path: Path):
    await backup.write(filled, tmp_path / "all.backup", quiet)
    with zipfile.ZipFile(tmp_path / "all.backup") as old, zipfile.ZipFile(tmp_path / "forged", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read("users.copy" if name == "identities.copy" else name))
    with pytest.raises(BackupError, match="identities"):
        await backup.verify(tmp_path / "forged", quiet)


async def test_a_backup_of_a_newer_program_names_its_version(filled: str, empty_database: str, tmp_path: Path):
    await backup.write(filled, tmp_path / "all.backup", quiet)

    def rewritten(**changes: object) -> Path:
        target = tmp_path / "changed"
        with zipfile.ZipFile(tmp_path / "all.backup") as old, zipfile.ZipFile(target, "w") as new:
            for name in old.namelist():
                data = old.read(name)
                if name == backup.MANIFEST:
                    data = json.dumps({**json.loads(data), "app_version": "9.8.7", **changes}).encode()
                new.writestr(name, data)
        return target

    known = [file.sha256.hex() for file in load_migrations()]
    for changes in ({"version": 2}, {"schema": [*known, "00"]}, {"schema": ["00", *known[1:]]}):
        with pytest.raises(BackupError, match=r"9\.8\.7"):
            await restore(empty_database, rewritten(**changes), quiet)


async def test_a_database_in_which_people_are_is_never_restored_into(filled: str, tmp_path: Path):
    await backup.write(filled, tmp_path / "all.backup", quiet)
    before = await contents(filled)
    with pytest.raises(BackupError, match="already"):
        await restore(filled, tmp_path / "all.backup", quiet)
    assert await contents(filled) == before


async def test_a_database_with_a_service_on_it_is_not_restored_into(filled: str, empty_database: str, tmp_path: Path):
    await backup.write(filled, tmp_path / "all.backup", quiet)
    pool = await open_pool(empty_database, 1)
    with pytest.raises(BackupError, match="Stop it"):
        await restore(empty_database, tmp_path / "all.backup", quiet)
    await pool.close()


async def test_a_restore_that_fails_leaves_nothing_and_can_be_repeated(
    filled: str, empty_database: str, tmp_path: Path
):
    before = await contents(filled)
    await backup.write(filled, tmp_path / "all.backup", quiet)
    await migrate.up(empty_database)
    connection = await asyncpg.connect(empty_database)
    await connection.execute("alter table summaries add constraint broken check (false) not valid")
    await connection.execute("alter table messages add constraint broken check (content <> 'In the open.') not valid")
    with pytest.raises(asyncpg.CheckViolationError):
        await restore(empty_database, tmp_path / "all.backup", quiet)
    assert (await contents(empty_database))["users"][0] == 0
    await connection.execute("alter table messages drop constraint broken")
    await connection.execute("alter table summaries drop constraint broken")
    await connection.close()
    await restore(empty_database, tmp_path / "all.backup", quiet)
    assert await contents(empty_database) == before


async def test_every_table_has_a_primary_key_by_which_its_rows_are_ordered(database: str):
    connection = await asyncpg.connect(database)
    tables = await backup.tables_of(connection)
    await connection.close()
    assert tables
    assert [row["name"] for row in tables if not row["key"]] == []
