"""The language explains itself: `docs/cdl.md`, and a template with every field, both made from the schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from whisperengine.characters.schema import SCHEMA, Use

_TYPES = {
    "string": "text",
    "number": "number",
    "integer": "whole number",
    "boolean": "true or false",
    "object": "object",
    "array": "list",
}

_HEAD = """\
# CDL 3: the character definition language

<!-- Generated from whisperengine/characters/schema.json by whisperengine/characters/documentation.py. Do not edit. -->

A character is one document, in JSON or YAML. Two fields are required, `cdl` and `name`; everything else is there when
an author has something to say. Null in place of an optional field means that it is absent.

```yaml
cdl: "3.0"
name: mira
identity: {full_name: Mira, description: A marine biologist who talks about plankton.}
```

**What a field is for.** `prompt`: it reaches the model's prompt. `service`: it changes what the service does. `data`:
it is kept for people and other programs.

**Lists.** Where a list entry has fields of its own, a plain sentence may stand in its place: `- collects shells` means
`- {text: collects shells}`.

**Names** are made of `a-z 0-9 _ -`, begin and end with a letter or digit, and have at most 64 characters. A title
becomes a name so: accents are dropped, letters made lower case, white space becomes `_`, all else is left out, and
runs of `_` and `-` shrink to their first. A title with nothing left, as in Japanese, becomes `character-` and eight
digits of its hash.

**Unknown fields** are kept, and have no effect. Data of other programs belongs under `extensions`, which is never
touched; `extensions["whisperengine.original"]` holds the file that a character was imported from, as
`{"format": name, "document": the file's content}`, so that exporting in the same format loses nothing.

**YAML** is read as JSON with less punctuation: `true`, `false`, `null` and decimal numbers are what they look like,
everything else is text, also `no`, `on` and dates. Anchors, aliases and tags are refused.

**Keys that are patterns.** Lorebook keys with `use_regex`, or written `/like this/i`, are searched in time that grows
only with the length of the text. Back references and look-around are not supported.
"""


def documentation() -> str:
    """`docs/cdl.md`; a test holds the file equal to this."""
    lines = [_HEAD]
    for name, schema in SCHEMA["properties"].items():
        lines += [f"## `{name}`", "", schema["description"], ""]
        rows = list(_rows(schema, name, "data", top=True))
        lines += ["| field | for | type | meaning | example |", "|---|---|---|---|---|", *rows, ""]
    return "\n".join(lines).rstrip() + "\n"


def _rows(schema: Mapping[str, Any], path: str, use: Use, *, top: bool = False) -> Iterator[str]:
    use = schema.get("use", use)
    types = schema.get("type", [])
    plain = types == "object" and "properties" in schema
    if not plain:
        example = json.dumps(schema["examples"][0], ensure_ascii=False) if schema.get("examples") else ""
        meaning = schema["description"]
        cells = (f"`{path}`", use, _type(schema), meaning, f"`{example}`" if example else "")
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
    elif not top:
        yield f"| `{path}` | {use} | object | {schema['description']} | |"
    for name, part in schema.get("properties", {}).items():
        yield from _rows(part, f"{path}.{name}", use)
    items = schema.get("items", {})
    for name, part in items.get("properties", {}).items():
        yield from _rows(part, f"{path}[].{name}", items.get("use", use))


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(f"`{json.dumps(option)}`" for option in schema["enum"])
    types = schema["type"]
    names = [_TYPES[name] for name in ([types] if isinstance(types, str) else types)]
    text = " or ".join(names)
    if "minimum" in schema:
        text += f", {schema['minimum']:g} to {schema['maximum']:g}"
    if "maxItems" in schema:
        inner = schema["items"]["type"]
        of = "texts" if inner == "string" else "sentences or objects" if "string" in inner else "objects"
        return f"{text} of up to {schema['maxItems']:,} {of}"
    return text + (f", up to {schema['maxLength']:,} characters" if "maxLength" in schema else "")


def template() -> str:
    """A YAML document with every field of the language, each explained and filled with its example. It is a valid
    character.
    """
    lines = [
        "# A character with every field that there is. Keep what you need, remove the rest; cdl and name must stay."
    ]
    for name, schema in SCHEMA["properties"].items():
        lines += ["", *_template(name, schema, "")]
    return "\n".join(lines) + "\n"


def _template(name: str, schema: Mapping[str, Any], indent: str) -> Iterator[str]:
    yield f"{indent}# {schema['description']}"
    if isinstance(schema.get("enum"), list):
        yield f"{indent}# One of: {', '.join(map(str, schema['enum']))}."
    properties = schema.get("properties")
    detailed = schema.get("items", {}).get("properties")
    if properties:
        yield f"{indent}{name}:"
        for inner, part in properties.items():
            yield from _template(inner, part, indent + "  ")
    elif detailed:
        yield f"{indent}{name}:"
        if isinstance(schema["items"]["type"], list):
            yield f"{indent}  - {_scalar(schema['examples'][0][0])}"
        yield f"{indent}  -"
        for inner, part in detailed.items():
            yield from _template(inner, part, indent + "    ")
    else:
        yield f"{indent}{name}: {_scalar(schema['examples'][0])}"


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
