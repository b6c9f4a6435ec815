"""/api/users/{user_id}: what is kept of a person, and the person's hold on it.

`character` (query) says whose memory is meant; the default character when absent. Ids are text: 64-bit numbers lose
digits in JSON readers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from whisperengine.api.answers import json_object
from whisperengine.api.context import CONTEXT, Parts
from whisperengine.api.description import Content, describe, queried
from whisperengine.api.metadata import memory_body
from whisperengine.api.person_schemas import (
    CHANNEL,
    EMOTION,
    FACT,
    IDENTITY,
    MEMORY,
    MESSAGE,
    RELATIONSHIP,
    SUMMARY,
    TALKED_TO,
)
from whisperengine.api.record_schemas import ZONE
from whisperengine.api.schemas import (
    BOOLEAN,
    ID,
    INTEGER,
    OBJECT,
    QUERY_CHARS,
    STRING,
    flag,
    integer,
    line,
    list_of,
    nullable,
    object_of,
    one_of,
    success,
    text,
)
from whisperengine.characters.store import Character
from whisperengine.chat.incoming import MESSAGE_CHARS, clean_id, clean_text
from whisperengine.db.ids import new_id
from whisperengine.errors import NotFoundError
from whisperengine.memory import browse, corrections, erasure, export, facts, people
from whisperengine.memory.messages import Place
from whisperengine.memory.people import Person

PAGE_MOST = 500
FACT_SLOT = "told"
PLATFORM = {"platform": line("Whose name for the person the id is: api or discord.", default="api")}
WHOSE = {**PLATFORM, "character": line("Whose memory is meant; the default character when absent.", empty=True)}
LIMIT = integer(1, PAGE_MOST, "Most entries.", default=100)
LISTED = {**WHOSE, "limit": LIMIT}
PAGE = {
    **LISTED,
    "before": {**ID, "description": "Only messages before this one."},
    "channel": line("Only messages of this channel."),
}
TOO_LONG = {"maxLength": ("message_too_long", f"A fact has up to {facts.TEXT_CHARS} characters. Send it shorter.")}
NOTHING = {"required": ("nothing_to_change", "Send `pinned` (true or false), `content` (text), or both.")}
CHANGE = {"content": text(MESSAGE_CHARS, _errors=NOTHING), "pinned": flag()}
NO_ZONE = {"anyOf": ("invalid_time_zone", "time_zone must be the name of a time zone, such as Europe/Lisbon.")}

routes = web.RouteTableDef()


async def _who(request: web.Request) -> tuple[Parts, Person]:
    parts = request.app[CONTEXT].ready()
    user_id = clean_id(request.match_info["user_id"], "user_id")
    person = await people.find(parts.pool, queried(request)["platform"], user_id)
    if person is None:
        raise NotFoundError(f"Nobody named {user_id!r} has ever talked here. Check the id.", code="unknown_user")
    return parts, person


async def _whose(request: web.Request) -> tuple[Parts, Person, int]:
    """The person, and the id of the character whose memory is meant."""
    parts, person = await _who(request)
    return parts, person, (await _character(request, parts)).id


async def _character(request: web.Request, parts: Parts) -> Character:
    return await parts.cast.get(queried(request).get("character") or "")


def _id(request: web.Request, name: str) -> int:
    return int(request.match_info[name])


def _rows(rows: Iterable[Any]) -> list[dict[str, Any]]:
    return [_plain(dict(row)) for row in rows]


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in row.items()}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return round(value, 4)
    if name == "sources":
        return [str(id) for id in value]
    if name == "steps":
        return [_plain(step) for step in value]
    if isinstance(value, int) and (name.endswith("_id") or name in ("reply_to", "superseded_by")):
        return str(value)
    return value


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
    parts, person = await _who(request)
    return web.json_response(
        {
            "success": True,
            "display_name": person.display_name,
            "time_zone": person.time_zone,
            "identities": _rows(await people.identities(parts.pool, person.user_id)),
            "characters": _rows(await browse.characters_of(parts.pool, person.user_id)),
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
    parts, person = await _who(request)
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


@routes.get("/api/users/{user_id}/messages")
@describe(
    "Messages, newest first",
    query=PAGE,
    answers=success({"messages": list_of(MESSAGE), "next_before": nullable(ID)}),
)
async def messages(request: web.Request) -> web.StreamResponse:
    parts, person, character_id = await _whose(request)
    query = queried(request)
    before = query["before"]
    rows = await browse.messages(
        parts.pool,
        person.user_id,
        character_id,
        before=int(before) if before else None,
        channel=query["channel"],
        limit=query["limit"],
    )
    return web.json_response(
        {"success": True, "messages": _rows(rows), "next_before": str(rows[-1]["message_id"]) if rows else None}
    )


@routes.get("/api/users/{user_id}/channels")
@describe("Conversations, the latest first", query=LISTED, answers=success({"channels": list_of(CHANNEL)}))
async def channels(request: web.Request) -> web.Response:
    parts, person, character_id = await _whose(request)
    rows = await browse.channels(parts.pool, person.user_id, character_id, queried(request)["limit"])
    return web.json_response({"success": True, "channels": _rows(rows)})


@routes.get("/api/users/{user_id}/memories")
@describe(
    "Search in memory",
    query={
        **PAGE,
        "q": text(QUERY_CHARS, "What would be asked."),
        "shared": flag("As where others hear it.", default=False),
    },
    answers={
        "anyOf": [
            success({"memories": list_of(MEMORY)}),
            success({"messages": list_of(MESSAGE), "next_before": nullable(ID)}),
        ]
    },
)
async def memories(request: web.Request) -> web.StreamResponse:
    """With `q`: the memories that a question would recall, with their scores.

    Without: messages by time, as `messages` has them.
    """
    parts, person, character_id = await _whose(request)
    query = queried(request)
    if query["q"] is None:
        return await messages(request)
    found = await parts.turns.search(
        Place(person.user_id, character_id, "", query["shared"]),
        clean_text(query["q"]),
        person,
        await _character(request, parts),
        limit=query["limit"],
    )
    return web.json_response({"success": True, "memories": [memory_body(memory) for memory in found]})


@routes.patch("/api/users/{user_id}/memories/{message_id}")
@describe(
    "Pin or edit a memory",
    path={"message_id": ID},
    query=WHOSE,
    body={"anyOf": [object_of(CHANGE, required=("content",)), object_of(CHANGE, required=("pinned",))]},
)
async def change_memory(request: web.Request) -> web.Response:
    parts, person, character_id = await _whose(request)
    message_id = _id(request, "message_id")
    body = await json_object(request)
    content, pinned = body.get("content"), body.get("pinned")
    done = True
    if content:
        done = await parts.turns.edit(person, await _character(request, parts), message_id, clean_text(content))
    if done and pinned is not None:
        done = await corrections.pin(parts.pool, person.user_id, character_id, message_id, pinned)
    if not done:
        raise _no_memory()
    return web.json_response({"success": True})


@routes.delete("/api/users/{user_id}/memories/{message_id}")
@describe(
    "Forget a message and what was learned from it",
    path={"message_id": ID},
    query=WHOSE,
    answers=success({"deleted": list_of(ID)}),
)
async def delete_memory(request: web.Request) -> web.Response:
    parts, person, character_id = await _whose(request)
    deleted = await corrections.delete(parts.pool, person.user_id, character_id, _id(request, "message_id"))
    if not deleted:
        raise _no_memory()
    return web.json_response({"success": True, "deleted": [str(id) for id in deleted]})


@routes.get("/api/users/{user_id}/facts")
@describe(
    "What was learned",
    query={
        **WHOSE,
        "limit": {**LIMIT, "default": PAGE_MOST},
        "past": flag("Also what holds no more.", default=False),
    },
    answers=success({"facts": list_of(FACT)}),
)
async def list_facts(request: web.Request) -> web.Response:
    parts, person, character_id = await _whose(request)
    found = await facts.of_person(
        parts.pool,
        person.user_id,
        character_id,
        past=queried(request)["past"],
        limit=queried(request)["limit"],
    )
    return web.json_response({"success": True, "facts": _rows(asdict(fact) for fact in found)})


@routes.post("/api/users/{user_id}/facts")
@describe(
    "Tell a fact",
    query=WHOSE,
    body=object_of({"text": text(facts.TEXT_CHARS, _errors=TOO_LONG)}),
    answers=dict.fromkeys((200, 201), success({"fact_id": ID, "new": BOOLEAN})),
)
async def add_fact(request: web.Request) -> web.Response:
    parts, person, character_id = await _whose(request)
    told = clean_text((await json_object(request))["text"], limit=facts.TEXT_CHARS)
    slot = f"{FACT_SLOT}:{told.casefold()}"
    before = new_id()
    learned = facts.Learned("told", slot, told, told, 1.0, "person", None, datetime.now(UTC))
    async with parts.pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "insert into conversations (user_id, character_id) values ($1, $2) on conflict do nothing",
            person.user_id,
            character_id,
        )
        fact_id = await facts.learn(connection, person.user_id, character_id, learned, shared=False)
    new = fact_id is not None and fact_id > before
    return web.json_response({"success": True, "fact_id": str(fact_id), "new": new}, status=201 if new else 200)


@routes.patch("/api/users/{user_id}/facts/{fact_id}")
@describe(
    "Pin or correct a fact",
    path={"fact_id": ID},
    query=WHOSE,
    body=object_of({"text": text(facts.TEXT_CHARS, _errors=TOO_LONG), "pinned": BOOLEAN}, required=()),
    answers=success({"fact": FACT}),
)
async def change_fact(request: web.Request) -> web.Response:
    parts, person, character_id = await _whose(request)
    body = await json_object(request)
    told = body.get("text")
    fact = await facts.change(
        parts.pool,
        person.user_id,
        character_id,
        _id(request, "fact_id"),
        text=clean_text(told, limit=facts.TEXT_CHARS) if told else None,
        pinned=body.get("pinned"),
    )
    if fact is None:
        raise NotFoundError("There is no such fact. List them with GET …/facts.", code="unknown_fact")
    return web.json_response({"success": True, "fact": _plain(asdict(fact))})


@routes.delete("/api/users/{user_id}/facts/{fact_id}")
@describe("Forget a fact", path={"fact_id": ID}, query=WHOSE)
async def delete_fact(request: web.Request) -> web.Response:
    parts, person, character_id = await _whose(request)
    async with parts.pool.acquire() as connection, connection.transaction():
        if not await facts.forget(connection, person.user_id, character_id, _id(request, "fact_id")):
            raise NotFoundError("There is no such fact. List them with GET …/facts.", code="unknown_fact")
    return web.json_response({"success": True})


@routes.get("/api/users/{user_id}/summaries")
@describe("Summaries of past talk", query=LISTED, answers=success({"summaries": list_of(SUMMARY)}))
async def summaries(request: web.Request) -> web.Response:
    parts, person, character_id = await _whose(request)
    rows = await browse.summaries(parts.pool, person.user_id, character_id, queried(request)["limit"])
    return web.json_response({"success": True, "summaries": _rows(rows)})


@routes.get("/api/users/{user_id}/relationship")
@describe(
    "How the two stand",
    query=LISTED,
    answers=success({"relationship": {"anyOf": [RELATIONSHIP, {"type": "null"}]}}),
)
async def relationship(request: web.Request) -> web.Response:
    parts, person, character_id = await _whose(request)
    found = await browse.relationship(parts.pool, person.user_id, character_id, queried(request)["limit"])
    return web.json_response({"success": True, "relationship": _plain(found) if found else None})


@routes.get("/api/users/{user_id}/emotions")
@describe(
    "The feeling of each message, oldest first",
    query={
        **WHOSE,
        "limit": {**LIMIT, "default": PAGE_MOST},
        "days": integer(1, 36_500, "How far back.", default=90),
    },
    answers=success({"emotions": list_of(EMOTION)}),
)
async def emotions(request: web.Request) -> web.Response:
    parts, person, character_id = await _whose(request)
    query = queried(request)
    since = datetime.now(UTC) - timedelta(days=query["days"])
    rows = await browse.feelings(parts.pool, person.user_id, character_id, since, query["limit"])
    return web.json_response({"success": True, "emotions": _rows(rows)})


@routes.get("/api/users/{user_id}/export")
@describe(
    "Everything of a person as a file",
    query={**PLATFORM, "format": one_of("json", "ndjson", default="json")},
    answers=Content({"application/json": OBJECT, "application/x-ndjson": STRING}),
)
async def export_person(request: web.Request) -> web.StreamResponse:
    """One JSON document, or lines of JSON with `format=ndjson`; both streamed."""
    parts, person = await _who(request)
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
    parts, person = await _who(request)
    name = queried(request)["character"]
    if name is not None:
        character = await parts.cast.get(name)
        counts = await erasure.erase_conversation(parts.pool, person.user_id, character.id)
    else:
        counts = await erasure.erase(parts.pool, person.user_id)
    parts.turns.forget_person(person.user_id)
    return web.json_response({"success": True, "deleted": counts})


def _no_memory() -> NotFoundError:
    return NotFoundError("There is no such memory. Search with GET …/memories?q=.", code="unknown_memory")
