"""Write cdl-web-ui/lib/api-schema.d.ts: the types of /openapi.json for the page. A test holds the file equal.

Needs the packages of the page: `npm ci` in cdl-web-ui/.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from whisperengine.api.context import Context
from whisperengine.api.description import DOCUMENT
from whisperengine.api.server import application
from whisperengine.config import Config

PAGE = Path(__file__).resolve().parents[1] / "cdl-web-ui"
TYPES = PAGE / "lib" / "api-schema.d.ts"
COMMAND = (
    PAGE / "node_modules" / ".bin" / "openapi-typescript",
    "--root-types",
    "--root-types-no-schema-prefix",
    "--empty-objects-unknown",
)
FIRST_FAILURE = 400
# The page reads the language of characters as data, from /api/characters/schema.
DOCUMENTS = {"Definition", "DefinitionOutput"}
# Longer ones are lists of this machine, such as its time zones.
OPTIONS_MOST = 50


def reduced(part: Any) -> Any:
    """The description without what the page has no use for: every failure has the one form of `Error`."""
    if isinstance(part, list):
        return [reduced(each) for each in part]
    if not isinstance(part, dict):
        return part
    kept: dict[str, Any] = {}
    for name, value in part.items():
        if name == "responses" and isinstance(value, dict):
            value = {status: answer for status, answer in value.items() if int(status) < FIRST_FAILURE}
        elif name == "enum" and len(value) > OPTIONS_MOST:
            continue
        elif name in DOCUMENTS:
            value = {"type": "object", "additionalProperties": True}
        kept[name] = reduced(value)
    return kept


def types() -> str:
    """The TypeScript that says what the service takes and gives."""
    description = json.dumps(reduced(application(Context(Config()))[DOCUMENT]))
    made = subprocess.run(COMMAND, input=description, stdout=subprocess.PIPE, check=True, text=True)
    return made.stdout


def main() -> None:
    TYPES.write_text(types(), "utf-8")


if __name__ == "__main__":
    main()
