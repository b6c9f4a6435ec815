"""`whisperengine settings`: list, get, set, unset, audit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.e2e.test_terminal import command
from tests.support import service as services

SECRET = "sk-typed-into-the-command-0123456789"


async def test_settings_are_shown_changed_and_told_apart_by_their_source(database: str, tmp_path: Path):
    settings = replace(services.test_config(database_url=database, home=tmp_path), given=frozenset({"llm_autodetect"}))
    async with services.running(settings) as client:

        async def run(*words: str, stdin: str = "") -> tuple[int, str, str]:
            return await command("settings", *words, "--url", client.url, stdin=stdin)

        assert (await run("set", "llm.model", "qwen3:8b"))[:2] == (0, "llm.model = qwen3:8b  (stored)\n")
        code, out, error = await run("set", "llm.key", stdin=f"{SECRET}\n")
        assert (code, out) == (0, "llm.key = ********  (stored)\n"), error
        code, out, _ = await run("list")
        assert (code, "llm.autodetect = false  (environment, LLM_AUTODETECT)" in out) == (0, True)
        assert (await run("unset", "llm.model"))[:2] == (0, "llm.model =   (default)\n")
        code, _, error = await run("set", "llm.autodetect", "1")
        assert (code, "LLM_AUTODETECT is set in the environment" in error, "Traceback" in error) == (1, True, False)
        code, _, error = await run("get", "no.such")
        assert (code, "settings list" in error) == (1, True)
        code, out, _ = await run("audit")
        told = [line.split("  ", 2)[2] for line in out.splitlines()]
        assert told == [
            "llm.model: qwen3:8b -> (default)",
            "llm.key: (not set) -> (set)",
            "llm.model: (default) -> qwen3:8b",
        ]
        assert SECRET not in out
