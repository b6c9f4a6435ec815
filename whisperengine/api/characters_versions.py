"""/api/characters/{name}/versions: what a character was, what each save changed, and the way back."""

from __future__ import annotations

import asyncio

from aiohttp import web

from whisperengine.api import character_schemas as schemas
from whisperengine.api.characters import answer, change_body, checked, found, if_match, replaced
from whisperengine.api.context import CONTEXT, Parts
from whisperengine.api.description import describe, queried
from whisperengine.characters import versions
from whisperengine.characters.definition import Definition
from whisperengine.characters.diff import difference
from whisperengine.characters.schema import ordered
from whisperengine.errors import NotFoundError

routes = web.RouteTableDef()


@routes.get("/api/characters/{name}/versions")
@describe("The versions of a character", answers=schemas.VERSIONS)
async def list_all(request: web.Request) -> web.Response:
    """Newest first."""
    parts = request.app[CONTEXT].ready()
    character = await found(request, parts)
    saved = await versions.versions(parts.pool, character.name)
    rows = [
        {
            "version": one.version,
            "saved_at": one.saved_at.isoformat(),
            "by": one.saved_by,
            "summary": one.note,
            "current": one.version == character.version,
        }
        for one in saved
    ]
    return web.json_response({"success": True, "versions": rows})


@routes.get("/api/characters/{name}/versions/{number}")
@describe(
    "A version, and what it changed",
    path={"number": schemas.NUMBER},
    query={"against": schemas.NUMBER},
    answers=schemas.VERSION,
)
async def show(request: web.Request) -> web.Response:
    """A version whole, and what it changed; with `against=N`, the changes from version N to it."""
    parts = request.app[CONTEXT].ready()
    name = (await found(request, parts)).name
    number = int(request.match_info["number"])
    definition = await _version(parts, name, number)
    against = queried(request)["against"]
    if against:
        base = await _version(parts, name, against)
    else:
        base = await versions.version(parts.pool, name, number - 1)
    changes = await asyncio.to_thread(difference, base, definition) if base else []
    return web.json_response(
        {
            "success": True,
            "version": number,
            "definition": ordered(definition.document),
            "changes": [change_body(change) for change in changes],
        }
    )


@routes.post("/api/characters/{name}/versions/{number}/restore")
@describe(
    "Go back to a version",
    path={"number": schemas.NUMBER},
    headers=schemas.IF_MATCH,
    answers={200: schemas.ONE, 412: schemas.CONFLICT},
)
async def restore(request: web.Request) -> web.Response:
    """Saved anew under the next number; a name that the character got since is kept."""
    parts = request.app[CONTEXT].ready()
    name = (await found(request, parts)).name
    number = int(request.match_info["number"])
    definition = await checked((await _version(parts, name, number)).document, name)
    note = f"back to version {number}"
    return answer(await replaced(request, parts, name, definition, if_match(request), note))


async def _version(parts: Parts, name: str, number: int) -> Definition:
    definition = await versions.version(parts.pool, name, number)
    if definition is None:
        raise NotFoundError(
            f"{name} has no version {number}. List them with GET /api/characters/{name}/versions.",
            code="unknown_version",
        )
    return definition
