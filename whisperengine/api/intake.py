"""POST /api/users/{user_id}/history and /records: past talk and exports, in batches, safe to send again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from whisperengine.api.answers import json_object
from whisperengine.api.context import CONTEXT
from whisperengine.api.description import describe
from whisperengine.api.record_schemas import LOCAL_TIME, RECORD
from whisperengine.api.schemas import INTEGER, OBJECT, STRING, line, list_of, object_of, one_of, success, text
from whisperengine.chat.incoming import clean_id
from whisperengine.memory import export, people
from whisperengine.memory.history import Said
from whisperengine.memory.messages import Place

MESSAGES_MOST = 200
RECORDS_MOST = 500
TEXT_CHARS = 8_000
SAID = object_of(
    {
        "said_at": LOCAL_TIME,
        "role": one_of("person", "character"),
        "text": text(TEXT_CHARS),
        "key": line("Under one key a message is stored once.", 500),
        "speaker": line("Who spoke, where it was neither the person nor the character.", 100, empty=True),
    },
    required=("said_at", "role", "text", "key"),
)

routes = web.RouteTableDef()


@routes.post("/api/users/{user_id}/history")
@describe(
    "Tell what was said elsewhere",
    body=object_of(
        {
            "messages": list_of(SAID, "In order of time.", minItems=1, maxItems=MESSAGES_MOST),
            "character": line("Who was talked to; the default character when absent.", empty=True),
            "user_name": line("What the person is called.", empty=True),
            "channel": line("The conversation; `import` when absent.", empty=True),
        },
        required=("messages",),
    ),
    answers=success({"stored": INTEGER, "known": INTEGER}),
)
async def history(request: web.Request) -> web.Response:
    """Each message has a `key`: what was stored under it before is left as it is."""
    parts = request.app[CONTEXT].ready()
    body = await json_object(request)
    user_id = clean_id(request.match_info["user_id"], "user_id")
    said = [_said(item) for item in body["messages"]]
    character = await parts.cast.get(body.get("character") or "")
    name = body.get("user_name") or ""
    person = await people.resolve(parts.pool, "api", user_id, clean_id(name, "user_name") if name else "")
    place = Place(person.user_id, character.id, clean_id(body.get("channel") or "import", "channel"), False)
    stored = await parts.turns.memories.tell(place, said, person.time_zone)
    return web.json_response({"success": True, "stored": stored, "known": len(said) - stored})


def _said(item: dict[str, Any]) -> Said:
    said_at = datetime.fromisoformat(item["said_at"])
    moment = said_at if said_at.tzinfo else said_at.replace(tzinfo=UTC)
    by_person, words = item["role"] == "person", item["text"].replace("\0", "")
    return Said(moment, by_person, item.get("speaker") or "", words, item["key"])


@routes.post("/api/users/{user_id}/records")
@describe(
    "Take an export in",
    body=object_of({"records": list_of(RECORD, minItems=1, maxItems=RECORDS_MOST)}),
    answers=success({"added": OBJECT, "left_out": list_of(STRING, "Characters that there are not here.")}),
)
async def records(request: web.Request) -> web.Response:
    """Records of an export, in its order; a batch begins with the `conversation` that its records belong to."""
    parts = request.app[CONTEXT].ready()
    given = (await json_object(request))["records"]
    user_id = clean_id(request.match_info["user_id"], "user_id")
    person = await people.resolve(parts.pool, "api", user_id)
    async with parts.pool.acquire() as connection, connection.transaction():
        rows = await connection.fetch("select name, id from characters")
        intake = export.Intake(connection, person.user_id, {row["name"]: row["id"] for row in rows})
        for record in given:
            await intake.take(record)
        await intake.finish()
    parts.turns.forget_person(person.user_id)
    return web.json_response({"success": True, "added": intake.counts, "left_out": intake.left_out})
