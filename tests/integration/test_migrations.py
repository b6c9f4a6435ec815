from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from whisperengine.commands import migrate as face
from whisperengine.config import Config
from whisperengine.db import migrate
from whisperengine.db.migration_lock import LOCK_TIMEOUT, lock_key
from whisperengine.db.migration_status import DRIFT, table_name
from whisperengine.errors import DatabaseUnavailable, MigrationError, SchemaError

ROOT = Path(__file__).resolve().parents[2]
INIT = "create table notes (id int primary key, body text);\ninsert into notes values (1, 'first');\n"
INDEX = "-- migrate: no-transaction\ncreate index concurrently if not exists notes_by_body on notes (body);\n"


def write(folder: Path, *files: str) -> Path:
    """Numbered files with these contents, and none else."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.sql"):
        old.unlink()
    for number, sql in enumerate(files, 1):
        (folder / f"{number:04}_step.sql").write_text(sql, "utf-8")
    return folder


def quiet(line: str) -> None:
    """A report that nobody reads."""


async def apply(dsn: str, folder: Path, **options: Any) -> list[int]:
    """Versions that `up` applied."""
    done = await migrate.up(dsn, directory=folder, **{"report": quiet, **options})
    return [migration.version for migration in done]


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn, server_settings={"application_name": "a test"})
    try:
        yield connection
    finally:
        await connection.close()


async def fetch(dsn: str, sql: str) -> Any:
    async with connected(dsn) as connection:
        return await connection.fetchval(sql)


async def execute(dsn: str, sql: str) -> None:
    async with connected(dsn) as connection:
        await connection.execute(sql)


async def until(dsn: str, condition: str) -> None:
    """Return once the SQL `condition` holds."""
    async with asyncio.timeout(60), connected(dsn) as connection:
        while True:
            if await connection.fetchval(f"select {condition}"):
                return
            await asyncio.sleep(0.05)


async def invoke(dsn: str, folder: Path, *arguments: object, **settings: Any) -> int:
    """Exit code of `whisperengine migrate ARGUMENTS`."""
    parser = argparse.ArgumentParser()
    face.configure(parser)
    args = parser.parse_args(["--directory", str(folder), *map(str, arguments)])
    return await asyncio.to_thread(face.run, args, Config(database_url=dsn, **settings))


def environment(dsn: str, **settings: str) -> dict[str, str]:
    return {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "DOTENV_PATH": os.devnull, "DATABASE_URL": dsn, **settings}


def command(*arguments: object) -> list[str]:
    return [sys.executable, str(ROOT / "scripts" / "run_migrations.py"), *map(str, arguments)]


def run(dsn: str, *arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=environment(dsn, **settings), capture_output=True, text=True, timeout=120
    )


async def test_pending_files_are_applied_once_and_in_order(empty_database: str, tmp_path: Path) -> None:
    folder = write(
        tmp_path, INIT, "update notes set body = body || ' second'", "update notes set body = body || ' third'"
    )
    assert await apply(empty_database, folder, to=2) == [1, 2]
    assert await apply(empty_database, folder) == [3]
    assert await apply(empty_database, folder) == []
    assert await fetch(empty_database, "select body from notes") == "first second third"
    found = await migrate.status(empty_database, directory=folder)
    assert (found.version, [row.label for row in found.applied]) == (3, ["0001_step", "0002_step", "0003_step"])
    with pytest.raises(MigrationError, match="no version 4"):
        await apply(empty_database, folder, to=4)


async def test_two_runners_at_once_apply_each_file_once(empty_database: str, tmp_path: Path) -> None:
    folder = write(tmp_path, INIT + "select pg_sleep(1)", *["update notes set id = id + 1; select pg_sleep(0.1)"] * 4)
    results = await asyncio.gather(*(apply(empty_database, folder) for _ in range(3)))
    assert sorted(results, key=len) == [[], [], [1, 2, 3, 4, 5]]
    assert await fetch(empty_database, "select id from notes") == 5


async def test_two_processes_at_once_apply_each_file_once(empty_database: str, tmp_path: Path) -> None:
    folder = write(tmp_path, INIT + "select pg_sleep(1)", "update notes set id = id + 1")
    first, second = await asyncio.gather(
        *(asyncio.to_thread(run, empty_database, "--directory", folder, "up") for _ in range(2))
    )
    assert (first.returncode, second.returncode) == (0, 0)
    assert (first.stdout + second.stdout).count("applied 0002_step") == 1
    assert await fetch(empty_database, "select id from notes") == 2


async def test_a_runner_killed_in_the_middle_of_a_file_leaves_nothing_of_it(
    empty_database: str, tmp_path: Path
) -> None:
    folder = write(tmp_path, INIT, "create table half (a int);\ndelete from notes;\nselect pg_sleep(600);")
    process = await asyncio.create_subprocess_exec(
        *command("--directory", folder, "up"), env=environment(empty_database), stdout=subprocess.PIPE
    )
    await until(
        empty_database,
        "exists (select from pg_stat_activity where datname = current_database() and query = 'select pg_sleep(600)')",
    )
    process.send_signal(signal.SIGKILL)
    await process.communicate()
    assert await fetch(empty_database, "select max(version) from schema_migrations") == 1
    assert await fetch(empty_database, "select to_regclass('half') is null and exists (select from notes)")
    # The server notices that the runner is gone, and the next one gets the lock.
    write(folder, INIT, "create table half (a int);")
    assert await apply(empty_database, folder) == [2]


async def test_a_failing_file_is_rolled_back_and_shown_with_line_and_statement(
    empty_database: str, tmp_path: Path
) -> None:
    folder = write(
        tmp_path, INIT, "create table more (a int);\n\ncreate view v as\n  select id,\n  nonsense from notes;\n"
    )
    with pytest.raises(MigrationError) as caught:
        await apply(empty_database, folder)
    text = str(caught.value)
    assert text.startswith(f'{folder / "0002_step.sql"}:5: column "nonsense" does not exist')
    assert "     3 | create view v as\n     4 |   select id,\n>    5 |   nonsense from notes\n" in text
    assert "Nothing of this file was applied" in text
    assert await fetch(empty_database, "select to_regclass('more') is null")
    assert await fetch(empty_database, "select max(version) from schema_migrations") == 1


@pytest.mark.parametrize(
    ("sql", "line", "expected"),
    [
        ("select 1;\ninsert into notes values (1, 'again');", 2, "Key (id)=(1) already exists."),
        ("select 'ö';\nselect 'ü',\n oops;", 3, 'column "oops" does not exist'),
        ("do $$\nbegin\n  perform nope();\nend $$;", 1, "PL/pgSQL function inline_code_block line 3"),
        ("select 1;\nvacuum notes;", 2, "a file of its own that begins with `-- migrate: no-transaction`"),
        (
            "create table c (id int references notes deferrable initially deferred);\ninsert into c values (7);",
            None,
            'is not present in table "notes"',
        ),
    ],
)
async def test_errors_of_every_kind_name_their_place(
    empty_database: str, tmp_path: Path, sql: str, line: int | None, expected: str
) -> None:
    folder = write(tmp_path, INIT, sql)
    with pytest.raises(MigrationError) as caught:
        await apply(empty_database, folder)
    assert str(caught.value).startswith(f"{folder / '0002_step.sql'}:{f'{line}:' if line else ''} ")
    assert expected in str(caught.value)


async def test_an_edited_file_is_drift_and_stops_the_runner(
    empty_database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path, INIT)
    await apply(empty_database, folder)
    write(folder, INIT + "-- edited", "create table more (a int)")
    for arguments in (["up"], ["verify"], ["status", "--exit-code"]):
        assert await invoke(empty_database, folder, *arguments) == 3
        assert "0001_step was applied on" in "".join(capsys.readouterr())
    assert await fetch(empty_database, "select to_regclass('more') is null")
    assert await invoke(empty_database, folder, "status") == 0


async def test_a_file_that_was_skipped_is_not_applied_afterwards(empty_database: str, tmp_path: Path) -> None:
    folder = write(tmp_path, INIT, "create table b (a int)", "create table c (a int)")
    await apply(empty_database, folder)
    await execute(empty_database, "delete from schema_migrations where version = 2")
    with pytest.raises(MigrationError, match="0002_step was never applied, although a later one was") as caught:
        await apply(empty_database, folder)
    assert caught.value.code == DRIFT


def test_bad_files_are_refused_before_the_database_is_asked(tmp_path: Path) -> None:
    write(tmp_path, INIT)
    (tmp_path / "0003_late.sql").write_text("select 1")
    result = run("postgresql://user@127.0.0.1:1/nowhere", "--directory", tmp_path, "up")
    assert result.returncode == 1
    assert "0002 is missing before 0003_late.sql" in result.stderr


def test_an_unreachable_database_is_named_without_the_password(tmp_path: Path) -> None:
    with socket.socket() as closed, socket.socket() as silent:
        closed.bind(("127.0.0.1", 0))
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for listener in (closed, silent):
            host = f"127.0.0.1:{listener.getsockname()[1]}"
            result = run(f"postgresql://someone:s3cr%40t-word@{host}/nowhere", MIGRATE_WAIT="0.5")
            assert result.returncode == 1
            assert f"PostgreSQL at {host} could not be reached within 0.5 s" in result.stderr
            assert "Traceback" not in result.stderr
            for secret in ("s3cr%40t-word", "s3cr@t-word", "t-word"):
                assert secret not in result.stdout + result.stderr


async def test_a_login_that_is_refused_fails_at_once(cluster: str) -> None:
    dsn = urlsplit(cluster)._replace(netloc="nobody_known:s3cret@").geturl()
    with pytest.raises(
        DatabaseUnavailable, match='refuses the connection: role "nobody_known" does not exist'
    ) as caught:
        await migrate.wait_for_database(dsn, 3600, quiet)
    assert "s3cret" not in str(caught.value)


async def test_waiting_ends_when_the_database_appears(empty_database: str, tmp_path: Path) -> None:
    [folder] = parse_qs(urlsplit(empty_database).query)["host"]
    later, reports = tmp_path / "later", []

    def appear(line: str) -> None:
        reports.append(line)
        if not later.exists():
            later.symlink_to(folder)

    dsn = urlsplit(empty_database)._replace(query=f"host={later}").geturl()
    await migrate.wait_for_database(dsn, 60, appear)
    assert len(reports) == 1


async def test_an_index_is_built_concurrently_while_another_runner_waits(empty_database: str, tmp_path: Path) -> None:
    folder = write(tmp_path, INIT, INDEX)
    await apply(empty_database, folder, to=1)
    waiting = asyncio.Event()
    async with connected(empty_database) as writer:
        transaction = writer.transaction()
        await transaction.start()
        await writer.execute("insert into notes values (2, 'unfinished')")
        builder = asyncio.create_task(apply(empty_database, folder))
        await until(empty_database, "exists (select from pg_stat_progress_create_index where lockers_total > 0)")
        follower = asyncio.create_task(apply(empty_database, folder, report=lambda line: waiting.set()))
        await waiting.wait()
        await transaction.commit()
    assert await asyncio.gather(builder, follower) == [[2], []]
    assert await fetch(empty_database, "select indisvalid from pg_index where indexrelid = 'notes_by_body'::regclass")


async def test_an_index_left_invalid_by_a_broken_build_is_built_again(empty_database: str, tmp_path: Path) -> None:
    twice = INIT + "insert into notes values (2, 'first');"
    folder = write(tmp_path, twice, INDEX.replace("create index", "create unique index"))
    with pytest.raises(MigrationError, match=r"0002_step\.sql:2: could not create unique index"):
        await apply(empty_database, folder)
    assert await fetch(
        empty_database, "select not indisvalid from pg_index where indexrelid = 'notes_by_body'::regclass"
    )
    await execute(empty_database, "delete from notes where id = 2")
    reports: list[str] = []
    assert await apply(empty_database, folder, report=reports.append) == [2]
    assert any("dropping notes_by_body" in line for line in reports)
    assert await fetch(empty_database, "select indisvalid from pg_index where indexrelid = 'notes_by_body'::regclass")


async def test_a_runner_that_never_finishes_is_named_and_given_up(
    empty_database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path, INIT)
    async with connected(empty_database) as holder:
        await holder.execute("select pg_advisory_lock($1)", lock_key(await table_name(holder)))
        assert await invoke(empty_database, folder, "up", migrate_lock_timeout=0.7) == 4
        named, said = f"process {holder.get_server_pid()}, a test", capsys.readouterr()
        assert f"waiting for another migration runner ({named}" in said.out
        assert f"Another migration runner ({named}" in said.err
    assert await fetch(empty_database, "select to_regclass('notes') is null")


async def test_a_table_in_use_is_tried_again_until_it_is_free(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path, INIT, "alter table notes add column extra int")
    await apply(empty_database, folder, to=1)
    async with connected(empty_database) as user:
        transaction = user.transaction()
        await transaction.start()
        await user.execute("select * from notes")
        with pytest.raises(
            MigrationError, match=r"0002_step\.sql:1: canceling statement due to lock timeout"
        ) as caught:
            await apply(empty_database, folder, lock_timeout=0.8)
        assert caught.value.code == LOCK_TIMEOUT

        met = asyncio.Event()
        monkeypatch.setattr(migrate, "TABLE_LOCK_TIMEOUT", 0.2)
        runner = asyncio.create_task(apply(empty_database, folder, report=lambda line: met.set()))
        await met.wait()
        await transaction.rollback()
        assert await runner == [2]


async def test_a_connection_lost_in_the_middle_of_a_file_is_told_with_the_place(
    empty_database: str, tmp_path: Path
) -> None:
    folder = write(tmp_path, INIT, "create table more (a int);\nselect pg_sleep(600);")
    runner = asyncio.create_task(apply(empty_database, folder))
    sleeping = "from pg_stat_activity where datname = current_database() and query = 'select pg_sleep(600)'"
    await until(empty_database, f"exists (select {sleeping})")
    await execute(empty_database, f"select pg_terminate_backend(pid) {sleeping}")
    with pytest.raises(MigrationError, match=r"0002_step\.sql:2: .*terminating connection") as caught:
        await runner
    assert "Nothing of this file was applied" in str(caught.value)
    assert await fetch(empty_database, "select to_regclass('more') is null")


async def test_a_runner_that_lost_its_lock_stops(empty_database: str, tmp_path: Path) -> None:
    folder = write(tmp_path, "select pg_advisory_unlock_all()", INIT)
    with pytest.raises(MigrationError, match="The migration lock is lost"):
        await apply(empty_database, folder)
    assert await fetch(empty_database, "select to_regclass('notes') is null")


async def test_a_statement_may_be_given_a_longest_time(empty_database: str, tmp_path: Path) -> None:
    folder = write(tmp_path, "select 1;\nselect pg_sleep(600);")
    with pytest.raises(MigrationError, match=r":2: canceling statement due to statement timeout"):
        await apply(empty_database, folder, statement_timeout=0.2)


async def test_settings_of_one_file_do_not_reach_the_next(empty_database: str, tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        "set search_path = pg_catalog; set default_transaction_read_only = on;",
        "create table here (a int);",
    )
    assert await apply(empty_database, folder) == [1, 2]
    assert await fetch(empty_database, "select to_regclass('public.here') is not null")


async def test_a_newer_breaking_schema_shuts_this_program_out(
    empty_database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    breaking = "-- migrate: breaking\ndrop table notes"
    await apply(empty_database, write(tmp_path / "new", INIT, breaking))
    old = write(tmp_path / "old", INIT)
    for arguments in (["up"], ["verify"], ["status", "--exit-code"]):
        assert await invoke(empty_database, old, *arguments) == 57
        assert "0002_step shuts out older programs" in "".join(capsys.readouterr())
    async with connected(empty_database) as connection:
        with pytest.raises(SchemaError, match="Upgrade this program"):
            await migrate.check(connection, old)


async def test_a_newer_schema_that_breaks_nothing_is_only_mentioned(
    empty_database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await apply(empty_database, write(tmp_path / "new", INIT, "create table more (a int)"))
    old, reports = write(tmp_path / "old", INIT), []
    assert await apply(empty_database, old, report=reports.append) == []
    assert "newer than this program" in reports[0]
    async with connected(empty_database) as connection:
        with caplog.at_level(logging.WARNING):
            assert await migrate.check(connection, old) == 2
    assert "newer than this program" in caplog.text


async def test_an_outdated_schema_names_the_command(empty_database: str, tmp_path: Path) -> None:
    folder = write(tmp_path, INIT, "select 2")
    async with connected(empty_database) as connection:
        with pytest.raises(SchemaError, match=r"at version 0, this program needs 2\. Run `whisperengine migrate up`"):
            await migrate.check(connection, folder)
        await apply(empty_database, folder, to=1)
        with pytest.raises(SchemaError, match="at version 1"):
            await migrate.check(connection, folder)
        await apply(empty_database, folder)
        assert await migrate.check(connection, folder) == 2


async def test_a_dry_run_changes_nothing(
    empty_database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await invoke(empty_database, write(tmp_path, INIT, "select 2"), "up", "--dry-run", "--to", 1) == 0
    assert capsys.readouterr().out == "would apply 0001_step\n"
    assert await fetch(empty_database, "select count(*) from pg_class where relnamespace = 'public'::regnamespace") == 0


async def test_a_baseline_records_without_running(
    empty_database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path, INIT, "insert into notes values (2)", "insert into notes values (3)")
    await execute(empty_database, INIT)
    assert await invoke(empty_database, folder, "baseline", 2) == 1
    assert "--yes" in capsys.readouterr().err
    assert await fetch(empty_database, "select to_regclass('schema_migrations') is null")
    assert await invoke(empty_database, folder, "baseline", 9, "--yes") == 1
    assert await invoke(empty_database, folder, "baseline", 2, "--yes") == 0
    assert await apply(empty_database, folder) == [3]
    assert await fetch(empty_database, "select array_agg(id order by id) from notes") == [1, 3]
    assert await invoke(empty_database, folder, "baseline", 3, "--yes") == 1
    assert "already records version 3" in capsys.readouterr().err


async def test_status_tells_the_state_to_people_and_programs(
    empty_database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path, INIT, "-- migrate: breaking\nselect 2")
    await apply(empty_database, folder, to=1)
    assert await invoke(empty_database, folder, "status", "--exit-code") == 2
    applied, pending, version = capsys.readouterr().out.splitlines()
    assert applied.startswith("applied  0001_step ")
    assert pending.split() == ["pending", "0002_step", "breaking"]
    assert version == "schema version 1"

    assert await invoke(empty_database, folder, "status", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["version"] == 1
    assert found["applied"][0]["name"] == "step"
    assert found["pending"] == [{"version": 2, "name": "step", "breaking": True}]
    assert (found["drifted"], found["missing"], found["newer"]) == ([], [], [])

    assert await invoke(empty_database, folder, "verify") == 0
    assert await invoke(empty_database, folder, "up") == 0
    assert await invoke(empty_database, folder, "status", "--exit-code") == 0


def login(dsn: str, role: str) -> str:
    return urlsplit(dsn)._replace(netloc=f"{role}@").geturl()


@pytest.fixture
async def plain_role(empty_database: str) -> AsyncIterator[str]:
    """A role with no rights but to connect."""
    role = f"plain_{urlsplit(empty_database).path[1:]}"
    async with connected(empty_database) as connection:
        await connection.execute(f"create role {role} login")
        yield role
        await connection.execute(f"drop owned by {role}; drop role {role}")


async def test_a_role_without_the_rights_is_told_which_command_helps(
    empty_database: str, tmp_path: Path, plain_role: str
) -> None:
    folder, dsn = write(tmp_path, INIT), login(empty_database, plain_role)
    with pytest.raises(MigrationError, match=r"as a superuser in database \w+: CREATE EXTENSION vector"):
        await apply(dsn, folder)
    await execute(empty_database, "create extension vector")
    with pytest.raises(MigrationError, match=f"GRANT CREATE ON SCHEMA public TO {plain_role}"):
        await apply(dsn, folder)
    await execute(empty_database, f"grant create on schema public to {plain_role}")
    assert await apply(dsn, folder) == [1]


def test_without_arguments_the_script_brings_an_empty_database_up_to_date(empty_database: str) -> None:
    first, second = run(empty_database), run(empty_database, "wait")
    assert (first.returncode, first.stderr, first.stdout[:13]) == (0, "", "applied 0001_")
    assert (second.returncode, second.stdout) == (0, "the database accepts connections\n")
    assert run(empty_database, "status", "--exit-code").returncode == 0


def test_without_a_database_url_the_embedded_one_is_migrated(tmp_path: Path) -> None:
    folder = write(tmp_path, INIT)
    with tempfile.TemporaryDirectory() as open_to_others:
        # As root, PostgreSQL runs as another user.
        Path(open_to_others).chmod(0o711)
        for expected in ("applied 0001_step in ", "nothing to apply\n"):
            result = run("", "--directory", folder, "up", WHISPERENGINE_HOME=f"{open_to_others}/home")
            assert (result.returncode, result.stderr) == (0, "")
            assert result.stdout.startswith(expected)
