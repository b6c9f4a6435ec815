"""`whisperengine chat` and `whisperengine doctor` as a person uses them."""

from __future__ import annotations

import asyncio
import os
import sys

from tests.support import service as services
from tests.support.service import Client


async def command(*arguments: str, stdin: str = "", **environ: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "whisperengine",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "LLM_AUTODETECT": "0", "DOTENV_PATH": os.devnull, **environ},
        cwd=services.REPOSITORY,
    )
    out, error = await process.communicate(stdin.encode())
    return process.returncode or 0, out.decode(), error.decode()


async def test_the_terminal_talks_to_a_running_service_and_shows_why_and_mood(offline: Client):
    await offline.say("My dog is called Biscuit.", user="kim")
    code, out, _ = await command(
        "chat",
        "--url",
        offline.url,
        "--user",
        "kim",
        stdin="What is my dog called?\n/why\n/mood\n/quit\n",
    )
    assert code == 0
    assert "Biscuit" in out
    assert "lexical" in out
    assert "trust" in out


async def test_the_terminal_opens_a_service_of_its_own_when_none_runs(database: str):
    code, out, error = await command(
        "chat",
        stdin="Hello\n",
        DATABASE_URL=database,
        HEALTH_CHECK_PORT=str(services.free_port()),
        LLM_CLIENT_TYPE="disabled",
    )
    assert (code, bool(out.strip())) == (0, True), error


async def test_the_doctor_finds_nothing_wrong_with_a_good_installation(database: str, tmp_path):
    code, out, _ = await command(
        "doctor",
        DATABASE_URL=database,
        WHISPERENGINE_HOME=str(tmp_path),
        HEALTH_CHECK_PORT=str(services.free_port()),
        LLM_CLIENT_TYPE="disabled",
    )
    assert (code, "PROBLEM" in out) == (0, False), out
    assert "Everything is in order." in out


async def test_the_doctor_says_what_to_do_about_each_problem(empty_database: str, tmp_path):
    (tmp_path / "file").write_text("")
    code, out, _ = await command(
        "doctor",
        DATABASE_URL=empty_database,
        WHISPERENGINE_HOME=str(tmp_path / "file"),
        HEALTH_CHECK_PORT=str(services.free_port()),
        LLM_CHAT_API_URL=f"http://127.0.0.1:{services.free_port()}/v1",
    )
    assert code == 1
    for problem in ("folders", "database", "language model"):
        assert f"PROBLEM {problem}:" in out, out
    assert "whisperengine migrate up" in out


async def test_a_wrong_setting_ends_every_command_with_its_name(tmp_path):
    code, _, error = await command("serve", HEALTH_CHECK_PORT="eighty")
    assert code == 2
    assert "HEALTH_CHECK_PORT is 'eighty'" in error
    assert "Traceback" not in error


async def test_the_service_refuses_an_outdated_schema_and_names_the_command(empty_database: str, tmp_path):
    code, _, error = await command(
        "serve",
        DATABASE_URL=empty_database,
        WHISPERENGINE_HOME=str(tmp_path),
        HEALTH_CHECK_PORT=str(services.free_port()),
    )
    assert code == 1
    assert "whisperengine migrate up" in error
    assert "Traceback" not in error
