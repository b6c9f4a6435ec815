"""Every command of the guides is run: ours and curl for real, those that change a machine against stand-ins that check
what they are asked for.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.support.service import Process
from whisperengine import config

PAGES = ("quickstart.md", "operations.md", "scaling.md")
BLOCK = re.compile(r"(?ms)^```sh\n(.*?)^```$")

# Not run here: they fetch, build or serve. Their arguments are noted and looked at.
STAND_INS = (
    "docker",
    "make",
    "pip",
    "psql",
    "python3",
    "whisperengine-env/bin/pip",
    "whisperengine-env/bin/whisperengine",
)
STAND_IN = """#!/bin/sh
printf '%s\\0' "{name}" "$@" >> "$NOTES"
printf '\\n' >> "$NOTES"
"""
OURS = """#!/bin/sh
PYTHONPATH={repository} exec {python} -m whisperengine "$@"
"""


def commands(text: str) -> list[str]:
    return [line for block in BLOCK.findall(text) for line in block.splitlines() if line.strip()]


class Shell:
    """Runs lines of a guide in a folder of their own; `calls` are those of the stand-ins."""

    def __init__(self, folder: Path, repository: Path, service: Process) -> None:
        self._folder, self._notes = folder / "work", folder / "notes"
        programs = folder / "bin"
        self._folder.mkdir()
        programs.mkdir()
        for name in STAND_INS:
            place = self._folder / name if "/" in name else programs / name
            place.parent.mkdir(parents=True, exist_ok=True)
            _program(place, STAND_IN.format(name=name))
        _program(programs / "whisperengine", OURS.format(repository=repository, python=sys.executable))
        self._port = service.port
        self._environ = {**service.environ, "PATH": f"{programs}:{os.environ['PATH']}", "NOTES": str(self._notes)}
        self._environ["HOME"] = str(folder)

    async def run(self, line: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", line.replace("localhost:9090", f"localhost:{self._port}")),
            cwd=self._folder,
            env=self._environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, said.decode()

    @property
    def calls(self) -> list[list[str]]:
        if not self._notes.exists():
            return []
        return [line.split("\0")[:-1] for line in self._notes.read_text().split("\n") if line]


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def check_call(call: list[str], repository: Path) -> None:
    """What a stand-in was asked for names files, services and targets that there are."""
    name, *arguments = call
    if call[:2] == ["docker", "compose"]:
        file = arguments[arguments.index("-f") + 1]
        services = yaml.safe_load((repository / file).read_text())["services"]
        words = arguments[arguments.index("-f") + 2 :]
        assert words[0] in ("up", "ps", "logs", "down", "exec", "cp", "run", "pull"), call
        if words[0] in ("logs", "exec", "run") or words[:3] == ["up", "-d", "postgres"]:
            assert any(word in services for word in words[1:]), call
        if words[0] == "cp":
            assert words[1].partition(":")[0] in services, call
        for word in words:
            if word.endswith("=4"):
                assert word.partition("=")[0] in services, call
    elif call[:2] == ["docker", "build"]:
        assert (repository / arguments[-1] / "Dockerfile").exists(), call
    elif name == "make":
        assert re.search(rf"(?m)^{arguments[0]}:", (repository / "Makefile").read_text()), call
    elif name == "psql":
        assert (repository / arguments[arguments.index("-f") + 1]).exists(), call


@pytest.fixture
async def shell(home: Path, processes: Callable[..., Process], repository: Path):
    service = processes()
    await service.start()
    return Shell(home, repository, service)


@pytest.mark.parametrize("page", PAGES)
async def test_every_command_of_a_guide_works_as_it_stands(shell: Shell, repository: Path, page: str):
    lines = commands((repository / "docs" / page).read_text())
    assert lines
    failed = []
    for line in lines:
        code, said = await shell.run(line)
        # The doctor also looks at this machine, on which other things may be missing.
        if code and not line.startswith("whisperengine doctor"):
            failed.append(f"{line}\n{said}")
        if line.startswith("curl") and '"success": false' in said:
            failed.append(f"{line}\n{said}")
    assert not failed, "\n".join(failed)
    for call in shell.calls:
        check_call(call, repository)


def test_the_guides_link_to_pages_that_there_are(repository: Path):
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", (repository / "docs" / page).read_text()):
            assert (repository / "docs" / target).exists(), f"{page}: {target}"


def test_the_version_in_the_guides_is_this_one(repository: Path):
    version = re.search(r'(?m)^version = "(.+)"$', (repository / "pyproject.toml").read_text())
    assert version
    text = (repository / "docs/quickstart.md").read_text()
    assert set(re.findall(r"whisperengine[:-](\d+\.\d+\.\d+)", text)) == {version[1]}


def test_every_variable_in_the_guides_exists(repository: Path):
    known = {variable.name for _, variable, _ in config.table()} | {
        "WHISPERENGINE_BIND",
        "WHISPERENGINE_VERSION",
        "OLLAMA_HOST",
        "EMOTION",
        "LLM_CHAT_API_KEY_FILE",
    }
    for page in PAGES:
        named = set(re.findall(r"\b[A-Z]{2,}(?:_[A-Z]+)+\b", (repository / "docs" / page).read_text()))
        assert named <= known, f"{page}: {named - known}"
