"""backup, restore and upgrade-check as people call them."""

import asyncio
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from tests.support.service import REPOSITORY, Process
from whisperengine import config


async def run(home: Path, *arguments: str, **environ: str) -> tuple[int, str]:
    """Exit code and everything that a command said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "whisperengine", *arguments),
        cwd=REPOSITORY,
        env={
            **os.environ,
            "WHISPERENGINE_HOME": str(home),
            "MODEL_CACHE_DIR": str(config.load().models_dir),
            "DOTENV_PATH": os.devnull,
            **environ,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def ask(service: Process, method: str, path: str, **options: object) -> dict:
    async with aiohttp.ClientSession() as session, session.request(method, service.url + path, **options) as response:
        body = await response.json()
        assert response.status == 200, body
        return body


@pytest.fixture
def other_home():
    folder = Path(tempfile.mkdtemp(prefix="whisperengine-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


async def test_what_was_said_before_a_backup_is_remembered_after_a_restore_elsewhere(
    home: Path, other_home: Path, empty_database: str, tmp_path: Path, processes: Callable[..., Process]
):
    file = str(tmp_path / "all.backup")
    first = processes()
    await first.start()
    await ask(first, "POST", "/api/chat", json={"user_id": "sam", "message": "My dog is called Turing."})
    # While the service runs, which has the embedded database open.
    code, said = await run(home, "backup", file)
    assert code == 0, said
    assert re.search(r"verified", said)
    code, said = await run(home, "backup", file)
    assert code == 1
    assert "exists already" in said
    code, said = await run(home, "restore", file)
    assert code == 1
    assert "in use by another WhisperEngine" in said
    before = await ask(first, "GET", "/api/users/sam/messages")
    await first.stop()

    for place, environ in ((other_home, {}), (other_home, {"DATABASE_URL": empty_database})):
        code, said = await run(place, "restore", file, **environ)
        assert code == 0, said
        second = processes(WHISPERENGINE_HOME=str(place), **environ)
        await second.start()
        assert await ask(second, "GET", "/api/users/sam/messages") == before
        await second.stop()


async def test_a_backup_is_checked_without_a_database(home: Path, tmp_path: Path, database: str):
    code, said = await run(home, "backup", str(tmp_path / "all.backup"), DATABASE_URL=database)
    assert code == 0, said
    nowhere = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    code, said = await run(home, "restore", "--check", str(tmp_path / "all.backup"), **nowhere)
    assert code == 0, said
    assert "are whole" in said
    (tmp_path / "all.backup").write_bytes(b"PK")
    code, said = await run(home, "restore", "--check", str(tmp_path / "all.backup"), **nowhere)
    assert code == 1
    assert "damaged" in said


async def test_an_upgrade_is_foretold_and_rehearsed_without_touching_the_database(
    home: Path, tmp_path: Path, empty_database: str
):
    there = {"DATABASE_URL": empty_database}
    code, said = await run(home, "migrate", "up", "--to", "1", **there)
    assert code == 0, said
    code, said = await run(home, "upgrade-check", **there)
    assert code == 0, said
    assert "version 1, to be applied: 0002_memory" in said
    assert "back up first" in said
    code, said = await run(home, "backup", str(tmp_path / "old.backup"), **there)
    assert code == 0, said
    code, said = await run(home, "upgrade-check", "--backup", str(tmp_path / "old.backup"), **there)
    assert code == 0, said
    assert "rehearsal" in said
    code, said = await run(home, "migrate", "status", **there)
    assert "schema version 1" in said


async def test_an_upgrade_that_cannot_be_is_a_problem(home: Path, database: str):
    import asyncpg

    connection = await asyncpg.connect(database)
    await connection.execute("update schema_migrations set sha256 = '\\x00' where version = 1")
    await connection.close()
    code, said = await run(home, "upgrade-check", DATABASE_URL=database)
    assert code == 1
    assert "PROBLEM schema: The database was not made by these migration files" in said
