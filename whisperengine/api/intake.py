"""POST /api/users/{user_id}/history and /records: past talk and exports, in batches, safe to send again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from whisperengine.api.answers import json_object
from whisperengine.api.context import CONTEXT
from whisperengine.chat.incoming import clean_id
from whisperengine.errors import RequestError
from whisperengine.memory import export, people
from whisperengine.memory.history import Said
from whisperengine.memory.messages import Place

MESSAGES_MOST = 200
RECORDS_MOST = 500
TEXT_CHARS = 8_000

routes = web.RouteTableDef()


@routes.post("/api/users/{user_id}/history")
async def history(request: web.Request) -> web.Response:
    """Messages said elsewhere, in order of time. Each has a `key`: what was stored under it before is left as it is."""
    parts = request.app[CONTEXT].ready()
    body = await json_object(request)
    user_id = clean_id(request.match_info["user_id"], "user_id")
    given = body.get("messages")
    if not isinstance(given, list) or not 0 < len(given) <= MESSAGES_MOST:
        raise RequestError(f"Send 1 to {MESSAGES_MOST} `messages` at a time.", code="invalid_field")
    said = [_said(item, number) for number, item in enumerate(given)]
    character = await parts.cast.get(str(body.get("character") or ""))
    name = str(body.get("user_name") or "")[:200]
    person = await people.resolve(parts.pool, "api", user_id, clean_id(name, "user_name") if name else "")
    place = Place(person.user_id, character.id, clean_id(str(body.get("channel") or "import"), "channel"), False)
    stored = await parts.turns.tell(place, said, person.time_zone)
    return web.json_response({"success": True, "stored": stored, "known": len(said) - stored})


def _said(item: Any, number: int) -> Said:
    try:
        said_at = datetime.fromisoformat(item["said_at"])
        key, text = item["key"], item["text"]
        if not (
            isinstance(key, str) and isinstance(text, str) and text.strip() and item["role"] in ("person", "character")
        ):
            raise ValueError("wrong values")
    except (KeyError, TypeError, ValueError) as error:
        raise RequestError(
            f"messages[{number}] must have said_at (ISO 8601), role (person or character), text and key ({error}).",
            code="invalid_field",
        ) from None
    if len(text) > TEXT_CHARS or len(key) > 500:
        raise RequestError(
            f"messages[{number}] is too long; {TEXT_CHARS:,} characters are the most.", code="invalid_field"
        )
    moment = said_at if said_at.tzinfo else said_at.replace(tzinfo=UTC)
    by_person = item["role"] == "person"
    return Said(moment, by_person, str(item.get("speaker") or "")[:100], text.replace("\0", ""), key)


@routes.post("/api/users/{user_id}/records")
async def records(request: web.Request) -> web.Response:
    """Records of an export, in its order; a batch begins with the `conversation` that its records belong to."""
    parts = request.app[CONTEXT].ready()
    given = (await json_object(request)).get("records")
    if not isinstance(given, list) or not 0 < len(given) <= RECORDS_MOST:
        raise RequestError(f"Send 1 to {RECORDS_MOST} `records` at a time.", code="invalid_field")
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
