"""CDL 3 as data: `schema.json` is the one description of the language; checking, documentation and the prompt's
coverage test read it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

Use = Literal["prompt", "service", "data"]

SCHEMA: dict[str, Any] = json.loads(files("whisperengine.characters").joinpath("schema.json").read_text("utf-8"))


@dataclass(frozen=True)
class Field:
    """A field of the language that holds a value of its own.

    `path` writes lists as `[]` (`voice.catchphrases[].text`). `use` says what the field is for: `prompt` reaches the
    model's prompt, `service` changes what the service does, `data` is kept for people and other programs.
    """

    path: str
    schema: Mapping[str, Any]
    use: Use


def fields() -> Iterator[Field]:
    """Every leaf of the language, in the order of the schema. A list entry that may be a plain sentence is a leaf too,
    as `fears[]`.
    """
    yield from _leaves(SCHEMA, "", "data")


def _leaves(schema: Mapping[str, Any], path: str, use: Use) -> Iterator[Field]:
    use = schema.get("use", use)
    types = schema.get("type")
    names = types if isinstance(types, list) else [types]
    if "items" in schema:
        yield from _leaves(schema["items"], f"{path}[]", use)
    if path and ("properties" not in schema or len(names) > 1) and "items" not in schema:
        yield Field(path, schema, use)
    for name, part in schema.get("properties", {}).items():
        yield from _leaves(part, f"{path}.{name}" if path else name, use)


def ordered(value: Any, schema: Mapping[str, Any] = SCHEMA) -> Any:
    """`value` with its fields in the schema's order, unknown ones after them: the database keeps no order, people want
    one.
    """
    if isinstance(value, list):
        return [ordered(item, schema.get("items", {})) for item in value]
    if not isinstance(value, Mapping):
        return value
    known = schema.get("properties", {})
    names = [name for name in known if name in value] + [name for name in value if name not in known]
    return {name: ordered(value[name], known.get(name, {})) for name in names}
