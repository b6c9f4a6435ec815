"""Every field of CDL that claims to reach the prompt does."""

from typing import Any

import pytest

from tests.support.prompts import composed, everything
from whisperengine.characters.definition import parse
from whisperengine.characters.schema import Field, fields

IN_PROMPT = [field for field in fields() if field.use == "prompt"]
MESSAGE = "zebra"
# What an entry needs beside a field, so that the field can have an effect.
BESIDE: dict[str, dict[str, Any]] = {
    "conduct.modes[]": {"name": "stripes", "triggers": ["zebra"]},
    "lorebook.entries[]": {"keys": ["zebra"], "content": "black and white"},
    "conversation.depth_prompt": {"text": "the tide"},
    "conduct.directives[]": {"text": "alpha"},
    "conduct.guidelines[]": {"text": "alpha"},
}
# Fields of numbers that only sort: they show beside another entry.
SORTING = "priority"


def document(path: str, value: Any) -> dict[str, Any]:
    """A character with `value` at `path`."""
    built: dict[str, Any] = {"cdl": "3.0", "name": "mira", "identity": {"full_name": "Mira Vale"}}
    if path == "identity.full_roleplay":
        built["identity"]["archetype"] = "fantasy"
    names = path.split(".")
    place, walked = built, ""
    for number, name in enumerate(names):
        last = number == len(names) - 1
        walked = f"{walked}.{name}" if walked else name
        key = name.removesuffix("[]")
        if name.endswith("[]"):
            other = {**BESIDE.get(walked, {}), "text": "beside", "priority": 5}
            sorting = path.endswith("." + SORTING)
            entry = value if last else {**BESIDE.get(walked, {}), **({"text": "alpha"} if sorting else {})}
            place[key] = [entry, other] if sorting else [entry]
            place = entry
        elif last:
            place[key] = value
        else:
            place[key] = {**BESIDE.get(walked, {}), **place.get(key, {})}
            place = place[key]
    return built


def prompt(path: str, value: Any) -> str:
    talk = composed(parse(document(path, value)), MESSAGE, turns=2, recent=[], budget=8000)
    return everything(talk)


def values(field: Field) -> list[Any]:
    """Values that must make different prompts."""
    types = field.schema.get("type")
    types = types if isinstance(types, list) else [types]
    if "enum" in field.schema:
        return list(field.schema["enum"][:2])
    if "boolean" in types:
        return [True, False]
    if field.path == "identity.age":
        return [4711, 17]
    if field.path == "conversation.depth_prompt.depth":
        return [0, 1]
    if "number" in types or "integer" in types:
        return [field.schema["maximum"], field.schema["minimum"]]
    return []


@pytest.mark.parametrize("field", IN_PROMPT, ids=[field.path for field in IN_PROMPT])
def test_a_field_that_is_for_the_prompt_reaches_it(field: Field):
    types = field.schema.get("type")
    if "string" in (types if isinstance(types, list) else [types]) and "enum" not in field.schema:
        assert "xyzzy marker" in prompt(field.path, "xyzzy marker")
    one, *others = [prompt(field.path, value) for value in values(field)] or [""]
    assert all(other != one for other in others)


def test_there_are_fields_of_every_use():
    assert {field.use for field in fields()} == {"prompt", "service", "data"}
    assert len(IN_PROMPT) > 200


@pytest.mark.parametrize("field", [field for field in fields() if field.use == "data"], ids=lambda field: field.path)
def test_a_field_that_is_data_stays_out_of_the_prompt(field: Field):
    types = field.schema.get("type")
    if types != "string" or "enum" in field.schema or "pattern" in field.schema:
        return
    marker = "xyzzy marker"[: field.schema.get("maxLength")]
    assert marker not in prompt(field.path, marker)
