"""/api/characters: the characters themselves. Their pictures, files, versions and prompts have modules of their own."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from whisperengine.api import character_schemas as schemas
from whisperengine.api.answers import body_bytes, json_object
from whisperengine.api.context import CALLER, CONTEXT, Parts
from whisperengine.api.description import Content, describe, queried
from whisperengine.api.schemas import object_of, one_of, success
from whisperengine.characters import documentation, pictures, store, versions
from whisperengine.characters.definition import (
    CDL_VERSION,
    NAME_RULE,
    Definition,
    InvalidCharacter,
    is_name,
    parse,
    remarks,
    slug,
)
from whisperengine.characters.diff import Change, difference
from whisperengine.characters.mapping import ABSENT
from whisperengine.characters.patch import merged
from whisperengine.characters.schema import SCHEMA, ordered
from whisperengine.characters.store import Character, Summary
from whisperengine.characters.text_files import decode, read_json, read_yaml
from whisperengine.errors import ChangedMeanwhile, ConflictError, NotFoundError, RequestError

DEFINITION_BYTES = 8 * 1024 * 1024
RESERVED = frozenset({"import", "prompt", "schema", "template", "try", "validate"})
"""Names that would be hidden by routes."""
PATCH_TRIES = 5

routes = web.RouteTableDef()


def summary_body(character: Character | Summary) -> dict[str, Any]:
    """A character as a list shows it."""
    if isinstance(character, Character):
        definition = character.definition
        full_name, description = definition.full_name, definition.description[:500]
        archetype, tags, color = definition.archetype, definition.tags, definition.text("avatar.accent")
    else:
        full_name, description = character.full_name, character.description
        archetype, tags, color = character.archetype, character.tags, character.color
    name = character.name
    return {
        "name": name,
        "display_name": full_name.strip() or name.replace("_", " ").title(),
        "description": description,
        "archetype": archetype,
        "tags": [tag for tag in tags if isinstance(tag, str)],
        "color": color or None,
        "version": character.version,
        "archived": character.archived_at is not None,
        "builtin": character.unedited_builtin,
        "created_at": character.created_at.isoformat(),
        "updated_at": character.updated_at.isoformat(),
        "avatar": f"/api/characters/{name}/avatar?v={character.picture or character.version}",
    }


def character_body(character: Character) -> dict[str, Any]:
    return {**summary_body(character), "definition": ordered(character.definition.document)}


def answer(character: Character, status: int = 200, **more: Any) -> web.Response:
    """One character, with the ETag that `If-Match` wants back."""
    body = {"success": True, "character": character_body(character), **more}
    return web.json_response(body, status=status, headers={"ETag": etag(character)})


def etag(character: Character) -> str:
    return f'"v{character.version}"'


def unknown(name: str) -> NotFoundError:
    return NotFoundError(
        f"There is no character named {name!r}. List them with GET /api/characters; archived ones are listed with "
        "archived=all.",
        code="unknown_character",
    )


async def found(request: web.Request, parts: Parts) -> Character:
    """The character in the path, archived or not."""
    name = request.match_info["name"]
    character = await store.get(parts.pool, name, archived=True)
    if character is None:
        raise unknown(name)
    return character


def saved_by(request: web.Request) -> str:
    """Who saves, for the history."""
    return request[CALLER].subject.removeprefix("key:")


def change_body(change: Change) -> dict[str, Any]:
    """`before` and `after` are left out where there was nothing; `text` is the change in one line."""
    body = {"path": change.path, "kind": change.kind, "before": change.before, "after": change.after}
    return {name: value for name, value in body.items() if value is not ABSENT} | {"text": str(change)}


@routes.get("/api/characters")
@describe("List the characters", query=schemas.LIST_QUERY, answers=schemas.LIST)
async def list_all(request: web.Request) -> web.Response:
    parts = request.app[CONTEXT].ready()
    query = queried(request)
    archived = query["archived"]
    # An author's desk is no chat key's business.
    only = request[CALLER].character
    if request[CALLER].scope != "admin":
        archived = "false"
    rows = await store.list_characters(
        parts.pool,
        archived=archived != "false",
        q=(query["q"] or "").replace("\0", " ").strip(),
        tag=(query["tag"] or "").replace("\0", " ").strip(),
        only=only,
    )
    rows = [row for row in rows if archived != "true" or row.archived_at is not None]
    tags = Counter(tag for row in rows for tag in row.tags if isinstance(tag, str))
    return web.json_response(
        {
            "success": True,
            "characters": [summary_body(row) for row in rows],
            "tags": [{"tag": tag, "count": count} for tag, count in sorted(tags.items(), key=lambda x: (-x[1], x[0]))],
            "default": parts.cast.default,
        }
    )


@routes.post("/api/characters")
@describe("Create a character", body=schemas.WRITE, answers={201: schemas.ONE}, fails=(409,))
async def create(request: web.Request) -> web.Response:
    parts = request.app[CONTEXT].ready()
    body, document = await definition_body(request)
    definition = await checked(document, _text(body, "name"))
    async with parts.pool.acquire() as connection:
        character = await store.create(connection, definition, saved_by=saved_by(request))
    return answer(character, 201)


@routes.get("/api/characters/schema")
@describe("The JSON Schema of the definition language", answers=Content({"application/schema+json": schemas.OBJECT}))
async def schema(request: web.Request) -> web.Response:
    return web.json_response(SCHEMA, content_type="application/schema+json")


@routes.get("/api/characters/template")
@describe(
    "A character with every field, explained",
    query={"format": one_of("yaml", "json", default="yaml")},
    answers=schemas.TEMPLATE,
)
async def template(request: web.Request) -> web.Response:
    """A character with every field: YAML explains each in a comment."""
    if queried(request)["format"] == "json":
        return web.json_response({"success": True, "definition": read_yaml(documentation.template())})
    return web.Response(text=documentation.template(), content_type="application/yaml")


@routes.post("/api/characters/validate")
@describe("Check a definition", body=object_of({"definition": schemas.OBJECT}), answers=schemas.VALIDATED)
async def validate(request: web.Request) -> web.Response:
    """All problems at once. Remarks name fields that are kept but have no effect."""
    _, document = await definition_body(request)
    problems, notes = [], []
    try:
        notes = await asyncio.to_thread(lambda: remarks(parse(completed(document))))
    except InvalidCharacter as error:
        problems = error.details["problems"]
    return web.json_response({"success": True, "valid": not problems, "problems": problems, "remarks": notes})


@routes.get("/api/characters/{name}")
@describe("A character", answers=success({"character": schemas.CHARACTER}))
async def show(request: web.Request) -> web.Response:
    """The whole of it for an admin key; for others what a list shows."""
    parts = request.app[CONTEXT].ready()
    request[CALLER].speaks_with(request.match_info["name"])
    character = await found(request, parts)
    if request[CALLER].scope != "admin":
        if character.archived_at is not None:
            raise unknown(character.name)
        return web.json_response({"success": True, "character": summary_body(character)})
    return answer(character)


@routes.put("/api/characters/{name}")
@describe("Save a character", body=schemas.CHANGED, **schemas.SAVED)
async def put(request: web.Request) -> web.Response:
    """A new version. A definition with another name renames the character; without one it keeps its name."""
    parts = request.app[CONTEXT].ready()
    name = request.match_info["name"]
    _, document = await definition_body(request)
    definition = await checked({"name": name, **document})
    return answer(await replaced(request, parts, name, definition, if_match(request)))


@routes.patch("/api/characters/{name}")
@describe("Change fields of a character", body=schemas.PATCH, **schemas.SAVED)
async def patch(request: web.Request) -> web.Response:
    """A merge patch (RFC 7396) of the definition; null takes a field away."""
    parts = request.app[CONTEXT].ready()
    name = request.match_info["name"]
    _, change = await definition_body(request)
    expected = if_match(request)
    for _ in range(PATCH_TRIES):
        current = await found(request, parts)
        document = await asyncio.to_thread(merged, current.definition.document, change)
        definition = await checked(document)
        try:
            return answer(await replaced(request, parts, name, definition, expected or current.version))
        except ChangedMeanwhile:
            # Nobody said which version was meant, so the patch is put to whatever is there now.
            if expected is not None:
                raise
    raise ConflictError(f"Others keep changing {name}. Try again in a moment.", code="busy")


@routes.delete("/api/characters/{name}")
@describe("Archive a character", answers=schemas.ONE, fails=(409,))
async def archive(request: web.Request) -> web.Response:
    """Out of use; nothing is deleted, and memories stay."""
    parts = request.app[CONTEXT].ready()
    name = (await found(request, parts)).name
    if name == parts.cast.default:
        raise ConflictError(
            f"{name} is the default character, which answers where none is named. Make another the default first.",
            code="default_character",
        )
    async with parts.pool.acquire() as connection:
        await store.archive(connection, name)
    parts.cast.forget(name)
    return answer(await found(request, parts))


@routes.post("/api/characters/{name}/restore")
@describe("Bring an archived character back", answers=schemas.ONE)
async def restore(request: web.Request) -> web.Response:
    parts = request.app[CONTEXT].ready()
    name = (await found(request, parts)).name
    async with parts.pool.acquire() as connection:
        await store.restore(connection, name)
    parts.cast.forget(name)
    return answer(await found(request, parts))


@routes.post("/api/characters/{name}/clone")
@describe("Copy a character", body=schemas.CLONE, answers={201: schemas.ONE}, fails=(409,))
async def clone(request: web.Request) -> web.Response:
    """The same character under another name, with its picture and files, without its memories."""
    parts = request.app[CONTEXT].ready()
    body = await json_object(request)
    character = await found(request, parts)
    definition = await checked(dict(character.definition.document), body.get("name") or slug(f"{character.name}_copy"))
    async with parts.pool.acquire() as connection, connection.transaction():
        made = await store.create(
            connection, definition, note=f"cloned from {character.name}", saved_by=saved_by(request)
        )
        await pictures.copy(connection, character.id, made.id)
    return answer(await _again(parts, made), 201)


async def _again(parts: Parts, character: Character) -> Character:
    """As it is now, with what was put to it after it was made."""
    return await store.get(parts.pool, character.name, archived=True) or character


async def replaced(
    request: web.Request, parts: Parts, name: str, definition: Definition, expected: int | None, note: str = ""
) -> Character:
    """Save a new version. Raises NotFoundError, ConflictError, and ChangedMeanwhile that says what changed."""
    try:
        async with parts.pool.acquire() as connection:
            character = await store.replace(
                connection, name, definition, expected_version=expected, note=note, saved_by=saved_by(request)
            )
    except ChangedMeanwhile as error:
        raise await _what_changed(parts, name, expected or 0, str(error)) from None
    if character is None:
        raise unknown(name)
    parts.cast.forget(name)
    parts.cast.forget(character.name)
    return character


async def _what_changed(parts: Parts, name: str, expected: int, message: str) -> ChangedMeanwhile:
    current = await store.get(parts.pool, name, archived=True)
    base = await versions.version(parts.pool, name, expected)
    if current is None:
        return ChangedMeanwhile(message)
    changes = await asyncio.to_thread(difference, base, current.definition) if base else []
    return ChangedMeanwhile(
        message, details={"current": character_body(current), "changes": [change_body(change) for change in changes]}
    )


async def definition_body(request: web.Request) -> tuple[dict[str, Any], dict[str, Any]]:
    """The body, and the object in its field `definition`. Raises RequestError."""
    raw = await body_bytes(request, DEFINITION_BYTES)
    body = await asyncio.to_thread(lambda: read_json(decode(bytes(raw))[0]))
    document = body.get("definition") if isinstance(body, dict) else None
    if not isinstance(document, dict):
        raise RequestError('The body must be a JSON object such as {"definition": {...}}.', code="invalid_json")
    return body, document


async def checked(document: Mapping[str, Any], name: str = "") -> Definition:
    """A definition out of what a caller sent. `name`, where given, is the name that it gets.

    Raises InvalidCharacter with all problems, RequestError for a name that it cannot have.
    """
    definition = await asyncio.to_thread(parse, completed(document, name))
    check_free(definition.name)
    return definition


def completed(document: Mapping[str, Any], name: str = "") -> dict[str, Any]:
    """The document with `cdl` where it is missing, and with a name: `name`, its own, or one made from the full name."""
    document = {"cdl": CDL_VERSION, **document}
    if name:
        document["name"] = name
    elif document.get("name") is None:
        identity = document.get("identity")
        title = identity.get("full_name") if isinstance(identity, dict) else None
        if isinstance(title, str) and title.strip():
            document["name"] = slug(title)
    return document


def check_free(name: str) -> None:
    """Raise RequestError for a name that a character cannot have."""
    if not is_name(name):
        raise RequestError(
            f"{name[:100]!r} is no name. A name is {NAME_RULE}; {slug(name)!r} would do.", code="invalid_name"
        )
    if name in RESERVED:
        raise RequestError(f"The name {name!r} is used by the service itself. Choose another.", code="reserved_name")


def if_match(request: web.Request) -> int | None:
    """The version in `If-Match`, whose form the route's description checks, or None when any will do."""
    number = re.search(r"[0-9]+", request.headers.get("If-Match", ""))
    return int(number[0]) if number else None


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise RequestError(f"{name} must be a text.", code="invalid_field")
    return (value or "").strip()
