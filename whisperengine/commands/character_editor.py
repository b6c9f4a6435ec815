"""A character in $EDITOR: nothing is saved before it is valid, and nothing that was written is lost."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from whisperengine.characters.text_files import InvalidFile, read_yaml, write_yaml
from whisperengine.commands.reach import Service
from whisperengine.errors import WhisperEngineError

ROUTE = "/api/characters"


def starter(name: str) -> str:
    """The first lines of a new character."""
    return (
        "# Every field is explained in docs/cdl.md; `whisperengine character new --template` shows them all.\n"
        f'cdl: "3.0"\nname: {name}\nidentity:\n  full_name: {name.replace("_", " ").title()}\n'
        "  description: \n  archetype: real-world  # or fantasy, narrative-ai\n"
        "voice:\n  tone: \nconversation:\n  greeting: \n"
    )


class Editor:
    """One sitting. `version` is the one that is being changed, None for a new character."""

    def __init__(self, service: Service, name: str) -> None:
        self._service, self._name = service, name
        self._path = f"{ROUTE}/{quote(name, safe='')}"
        self._version: int | None = None

    async def edit(self) -> int:
        """Change the character as it is now; returns the exit code."""
        character = (await self._service.call("GET", self._path))["character"]
        self._version = character["version"]
        return await self.write(write_yaml(character["definition"]))

    async def write(self, text: str) -> int:
        """Begin with `text`; returns the exit code."""
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", prefix=self._name + "-", delete=False) as file:
            file.write(text)
        path = Path(file.name)
        while True:
            await asyncio.to_thread(_open, path)
            written = await asyncio.to_thread(path.read_text, "utf-8")
            if written == text and self._version is not None:
                print("Nothing was changed.")
                break
            problems = await self._problems(written)
            if not problems:
                break
            print("\n".join(problems), file=sys.stderr)
            if not await _yes("Go on editing?"):
                print(f"Nothing was saved. What you wrote is in {path}", file=sys.stderr)
                return 1
        await asyncio.to_thread(path.unlink)
        return 0

    async def _problems(self, written: str) -> list[str]:
        """Save, or say all that stands in the way."""
        try:
            definition = read_yaml(written)
        except InvalidFile as error:
            return [str(error)]
        try:
            return await self._saved(definition)
        except WhisperEngineError as error:
            return [f"  {problem['message']}" for problem in error.details.get("problems", ())] or [str(error)]

    async def _saved(self, definition: Any) -> list[str]:
        body = {"definition": definition}
        if self._version is None:
            character = (await self._service.call("POST", ROUTE, body))["character"]
        else:
            try:
                headers = {"If-Match": f'"v{self._version}"'}
                character = (await self._service.call("PUT", self._path, body, headers=headers))["character"]
            except WhisperEngineError as error:
                if error.code != "version_conflict":
                    raise
                changes = [f"  {change['text']}" for change in error.details["changes"]]
                # Whoever goes on has seen what the other changed, and may take it over or not.
                self._version = error.details["current"]["version"]
                return [
                    f"Somebody else saved version {self._version} in the meantime:",
                    *changes,
                    "Saving again replaces it.",
                ]
        print(f"{character['name']} saved, version {character['version']}.")
        for remark in (await self._service.call("POST", ROUTE + "/validate", body))["remarks"]:
            print(f"note: {remark}", file=sys.stderr)
        return []


def _open(path: Path) -> None:
    # As git does it: the shell knows which editor is meant, and its arguments.
    done = subprocess.run(["sh", "-c", '${VISUAL:-${EDITOR:-vi}} "$1"', "sh", str(path)], check=False)
    if done.returncode:
        raise WhisperEngineError(
            f"The editor ended with an error. Set EDITOR to one that is there. What you wrote is in {path}"
        )


async def _yes(question: str) -> bool:
    try:
        return (await asyncio.to_thread(input, f"{question} [Y/n] ")).strip().lower() in ("", "y", "yes")
    except EOFError:
        return False
