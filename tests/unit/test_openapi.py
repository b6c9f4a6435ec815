"""Every route describes itself, in words that the checker of requests knows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from whisperengine.api.context import Context
from whisperengine.api.description import DOCUMENT, Content, Description, check, description_of
from whisperengine.api.openapi import undescribed
from whisperengine.api.reference import page
from whisperengine.api.schemas import integer, list_of, object_of, one_of, text
from whisperengine.api.server import application
from whisperengine.characters.validation import KEYWORDS
from whisperengine.config import Config
from whisperengine.errors import RequestError

OWN = {"_form", "_errors"}


@pytest.fixture(scope="module")
def app():
    return application(Context(Config()))


def test_every_route_of_the_api_is_described(app):
    assert undescribed(app) == []


def schemas_of(description: Description) -> Iterator[Mapping[str, Any]]:
    for given in (description.body, *description.answers.values()):
        if isinstance(given, Content):
            yield from given.media.values()
        elif given is not None:
            yield given
    for parameters in (description.path, description.query, description.headers):
        yield from parameters.values()


def walk(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield schema
    for part in schema.get("properties", {}).values():
        yield from walk(part)
    for name in ("items", "additionalProperties"):
        if name in schema:
            yield from walk(schema[name])
    for option in schema.get("anyOf", ()):
        yield from walk(option)


def test_descriptions_use_only_keywords_that_the_checker_knows(app):
    for route in app.router.routes():
        description = description_of(route.handler)
        for schema in schemas_of(description) if description else ():
            for part in walk(schema):
                assert set(part) <= KEYWORDS | OWN, (route, part)


def test_the_description_shows_nothing_of_our_own_and_names_every_operation_once(app):
    told = json.dumps(app[DOCUMENT])
    assert not any(f'"{name}"' in told for name in OWN)
    names = [operation["operationId"] for methods in app[DOCUMENT]["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names))


def test_every_reference_leads_to_a_part(app):
    parts = app[DOCUMENT]["components"]["schemas"]

    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"].rpartition("/")[2]
            for item in value.values():
                yield from references(item)
        elif isinstance(value, list):
            for item in value:
                yield from references(item)

    assert set(references(app[DOCUMENT])) <= set(parts)


def test_the_page_tells_of_every_operation_and_holds_no_script(app):
    told = page(app[DOCUMENT])
    for path in app[DOCUMENT]["paths"]:
        assert f"<code>{path}</code>" in told
    assert "<script" not in told
    assert not re.search(r'(?:src|href)="[a-z]+:', told)


@pytest.mark.parametrize(
    ("value", "code", "words"),
    [
        ({}, "name_required", "name is required"),
        ({"name": " "}, "name_required", "name is required"),
        ({"name": "x" * 11}, "name_too_long", "at most 10"),
        ({"name": "x", "kind": "c"}, "invalid_field", "one of a, b"),
        ({"name": "x", "many": [1, 9]}, "invalid_field", "many[1] is 9, but must be from 1 to 5"),
        ({"name": "x", "either": 1.5}, "invalid_field", "either"),
    ],
)
def test_what_is_wrong_is_named_with_its_path_and_what_is_allowed(value, code, words):
    schema = object_of(
        {
            "name": text(10),
            "kind": one_of("a", "b"),
            "many": list_of(integer(1, 5)),
            "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        required=("name",),
    )
    with pytest.raises(RequestError) as caught:
        check(value, schema)
    assert caught.value.code == code
    assert words in str(caught.value)


def test_null_in_the_place_of_what_may_be_absent_is_its_absence():
    check({"name": None}, object_of({"name": text(10)}, required=()))
    with pytest.raises(RequestError):
        check({"name": None}, object_of({"name": text(10)}))
