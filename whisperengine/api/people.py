"""/api/users/{user_id}: a person. What is kept of one has modules of its own: memories, facts, the relationship."""

from __future__ import annotations

import json

from aiohttp import web

from whisperengine.api.answers import json_object
from whisperengine.api.description import Content, describe, queried
from whisperengine.api.person import PLATFORM, WHOSE, rows_body, who
from whisperengine.api.person_schemas import IDENTITY, TALKED_TO
from whisperengine.api.record_schemas import ZONE
from whisperengine.api.schemas import INTEGER, OBJECT, STRING, line, list_of, object_of, one_of, success
from whisperengine.chat.incoming import clean_id
from whisperengine.memory import browse, erasure, export, people

NO_ZONE = {"anyOf": ("invalid_time_zone", "time_zone must be the name of a time zone, such as Europe/Lisbon.")}

routes = web.RouteTableDef()


@routes.get("/api/users/{user_id}")
@describe(
    "What is kept of a person",
    query=PLATFORM,
    answers=success(
        {
            "display_name": STRING,
            "time_zone": STRING,
            "identities": list_of(IDENTITY),
            "characters": list_of(TALKED_TO),
        }
    ),
)
async def show(request: web.Request) -> web.Response:
    parts, person = await who(request)
    return web.json_response(
        {
            "success": True,
            "display_name": person.display_name,
            "time_zone": person.time_zone,
            "identities": rows_body(await people.identities(parts.pool, person.user_id)),
            "characters": rows_body(await browse.characters_of(parts.pool, person.user_id)),
        }
    )


@routes.patch("/api/users/{user_id}")
@describe(
    "Set a person's name and time zone",
    query=PLATFORM,
    body=object_of(
        {"display_name": line(empty=True), "time_zone": {"anyOf": [ZONE, one_of("")], "_errors": NO_ZONE}}, required=()
    ),
    answers=success({"display_name": STRING, "time_zone": STRING}),
)
async def change(request: web.Request) -> web.Response:
    parts, person = await who(request)
    body = await json_object(request)
    name, zone = body.get("display_name"), body.get("time_zone")
    person = await people.change(
        parts.pool,
        person.user_id,
        display_name=clean_id(name, "display_name") if name else None,
        time_zone=people.checked_zone(zone) if zone else None,
    )
    parts.turns.forget_person(person.user_id)
    return web.json_response({"success": True, "display_name": person.display_name, "time_zone": person.time_zone})


@routes.get("/api/users/{user_id}/export")
@describe(
    "Everything of a person as a file",
    query={**PLATFORM, "format": one_of("json", "ndjson", default="json")},
    answers=Content({"application/json": OBJECT, "application/x-ndjson": STRING}),
)
async def export_person(request: web.Request) -> web.StreamResponse:
    """One JSON document, or lines of JSON with `format=ndjson`; both streamed."""
    parts, person = await who(request)
    lines = queried(request)["format"] == "ndjson"
    response = web.StreamResponse(
        headers={
            "Content-Type": "application/x-ndjson" if lines else "application/json",
            "Content-Disposition": f'attachment; filename="whisperengine-export.{"ndjson" if lines else "json"}"',
        }
    )
    await response.prepare(request)
    if not lines:
        head = json.dumps({"format": export.FORMAT, "version": export.VERSION})
        await response.write(f'{head[:-1]}, "records": [\n'.encode())
    first = True
    async for record in export.records(parts.pool, person.user_id):
        text = json.dumps(record, ensure_ascii=False)
        await response.write((text + "\n" if lines else ("" if first else ",\n") + text).encode())
        first = False
    if not lines:
        await response.write(b"\n]}\n")
    await response.write_eof()
    return response


@routes.delete("/api/users/{user_id}")
@describe("Erase a person", query=WHOSE, answers=success({"deleted": object_of({}, additionalProperties=INTEGER)}))
async def erase(request: web.Request) -> web.Response:
    """Everything of the person; with `character`, everything between the two."""
    parts, person = await who(request)
    name = queried(request)["character"]
    if name is not None:
        character = await parts.cast.get(name)
        counts = await erasure.erase_conversation(parts.pool, person.user_id, character.id)
    else:
        counts = await erasure.erase(parts.pool, person.user_id)
    parts.turns.forget_person(person.user_id)
    return web.json_response({"success": True, "deleted": counts})
