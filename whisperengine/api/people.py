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
from whisperengine.api.metadata import memory_body
from whisperengine.characters.store import Character
from whisperengine.chat.incoming import clean_id, clean_text
from whisperengine.db.ids import new_id
from whisperengine.errors import NotFoundError, RequestError
from whisperengine.memory import browse, corrections, erasure, export, facts, people
from whisperengine.memory.messages import Place
from whisperengine.memory.people import Person

PAGE_MOST = 500
FACT_SLOT = "told"

routes = web.RouteTableDef()


async def _who(request: web.Request) -> tuple[Parts, Person]:
    parts = request.app[CONTEXT].ready()
    user_id = clean_id(request.match_info["user_id"], "user_id")
    person = await people.find(parts.pool, request.query.get("platform", "api"), user_id)
    if person is None:
        raise NotFoundError(f"Nobody named {user_id!r} has ever talked here. Check the id.", code="unknown_user")
    return parts, person


async def _whose(request: web.Request) -> tuple[Parts, Person, int]:
    """The person, and the id of the character whose memory is meant."""
    parts, person = await _who(request)
    return parts, person, (await _character(request, parts)).id


async def _character(request: web.Request, parts: Parts) -> Character:
    return await parts.cast.get(request.query.get("character", ""))


def _id(request: web.Request, name: str) -> int:
    return _number(request.match_info[name], name)


def _number(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) >= 1 << 63:
        raise RequestError(f"{name} must be a number.", code="invalid_field")
    return int(text)


def _limit(request: web.Request, default: int = 100) -> int:
    return max(1, min(_number(request.query.get("limit", str(default)), "limit"), PAGE_MOST))


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
async def change(request: web.Request) -> web.Response:
    """Name and time zone."""
    parts, person = await _who(request)
    body = await json_object(request)
    name, zone = _text(body, "display_name"), _text(body, "time_zone")
    person = await people.change(
        parts.pool,
        person.user_id,
        display_name=clean_id(name, "display_name") if name else None,
        time_zone=people.checked_zone(zone) if zone else None,
    )
    parts.turns.forget_person(person.user_id)
    return web.json_response({"success": True, "display_name": person.display_name, "time_zone": person.time_zone})


@routes.get("/api/users/{user_id}/messages")
async def messages(request: web.Request) -> web.StreamResponse:
    parts, person, character_id = await _whose(request)
    before = request.query.get("before")
    rows = await browse.messages(
        parts.pool,
        person.user_id,
        character_id,
        before=_number(before, "before") if before else None,
        channel=request.query.get("channel"),
        limit=_limit(request),
    )
    return web.json_response(
        {"success": True, "messages": _rows(rows), "next_before": str(rows[-1]["message_id"]) if rows else None}
    )


@routes.get("/api/users/{user_id}/channels")
async def channels(request: web.Request) -> web.Response:
    parts, person, character_id = await _whose(request)
    rows = await browse.channels(parts.pool, person.user_id, character_id, _limit(request))
    return web.json_response({"success": True, "channels": _rows(rows)})


@routes.get("/api/users/{user_id}/memories")
async def memories(request: web.Request) -> web.StreamResponse:
    """With `q`: the memories that a question would recall, with their scores.

    Without: messages by time, as `messages` has them.
    """
    parts, person, character_id = await _whose(request)
    query = request.query.get("q", "").strip()
    if not query:
        return await messages(request)
    text = clean_text(query)
    shared = request.query.get("shared", "false").lower() in ("1", "true")
    found = await parts.turns.search(
        Place(person.user_id, character_id, "", shared),
        text,
        person,
        await _character(request, parts),
        limit=_limit(request, 20),
    )
    return web.json_response({"success": True, "memories": [memory_body(memory) for memory in found]})


@routes.patch("/api/users/{user_id}/memories/{message_id}")
async def change_memory(request: web.Request) -> web.Response:
    """Pin (`pinned`) or edit (`content`)."""
    parts, person, character_id = await _whose(request)
    message_id = _id(request, "message_id")
    body = await json_object(request)
    content, pinned = _text(body, "content"), body.get("pinned")
    if pinned is not None and not isinstance(pinned, bool):
        raise RequestError("pinned must be true or false.", code="invalid_field")
    if not content and pinned is None:
        raise RequestError("Send `pinned` or `content`.", code="nothing_to_change")
    done = True
    if content:
        done = await parts.turns.edit(person, await _character(request, parts), message_id, clean_text(content))
    if done and pinned is not None:
        done = await corrections.pin(parts.pool, person.user_id, character_id, message_id, pinned)
    if not done:
        raise _no_memory()
    return web.json_response({"success": True})


@routes.delete("/api/users/{user_id}/memories/{message_id}")
async def delete_memory(request: web.Request) -> web.Response:
    parts, person, character_id = await _whose(request)
    deleted = await corrections.delete(parts.pool, person.user_id, character_id, _id(request, "message_id"))
    if not deleted:
        raise _no_memory()
    return web.json_response({"success": True, "deleted": [str(id) for id in deleted]})


@routes.get("/api/users/{user_id}/facts")
async def list_facts(request: web.Request) -> web.Response:
    parts, person, character_id = await _whose(request)
    found = await facts.of_person(
        parts.pool,
        person.user_id,
        character_id,
        past=request.query.get("past", "false").lower() in ("1", "true"),
        limit=_limit(request, PAGE_MOST),
    )
    return web.json_response({"success": True, "facts": _rows(asdict(fact) for fact in found)})


@routes.post("/api/users/{user_id}/facts")
async def add_fact(request: web.Request) -> web.Response:
    parts, person, character_id = await _whose(request)
    text = clean_text(_text(await json_object(request), "text"), limit=facts.TEXT_CHARS)
    slot = f"{FACT_SLOT}:{text.casefold()}"
    before = new_id()
    learned = facts.Learned("told", slot, text, text, 1.0, "person", None, datetime.now(UTC))
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
async def change_fact(request: web.Request) -> web.Response:
    parts, person, character_id = await _whose(request)
    body = await json_object(request)
    text, pinned = _text(body, "text"), body.get("pinned")
    if pinned is not None and not isinstance(pinned, bool):
        raise RequestError("pinned must be true or false.", code="invalid_field")
    fact = await facts.change(
        parts.pool,
        person.user_id,
        character_id,
        _id(request, "fact_id"),
        text=clean_text(text, limit=facts.TEXT_CHARS) if text else None,
        pinned=pinned,
    )
    if fact is None:
        raise NotFoundError("There is no such fact. List them with GET …/facts.", code="unknown_fact")
    return web.json_response({"success": True, "fact": _plain(asdict(fact))})


@routes.delete("/api/users/{user_id}/facts/{fact_id}")
async def delete_fact(request: web.Request) -> web.Response:
    parts, person, character_id = await _whose(request)
    async with parts.pool.acquire() as connection, connection.transaction():
        if not await facts.forget(connection, person.user_id, character_id, _id(request, "fact_id")):
            raise NotFoundError("There is no such fact. List them with GET …/facts.", code="unknown_fact")
    return web.json_response({"success": True})


@routes.get("/api/users/{user_id}/summaries")
async def summaries(request: web.Request) -> web.Response:
    parts, person, character_id = await _whose(request)
    rows = await browse.summaries(parts.pool, person.user_id, character_id, _limit(request))
    return web.json_response({"success": True, "summaries": _rows(rows)})


@routes.get("/api/users/{user_id}/relationship")
async def relationship(request: web.Request) -> web.Response:
    parts, person, character_id = await _whose(request)
    found = await browse.relationship(parts.pool, person.user_id, character_id, _limit(request))
    return web.json_response({"success": True, "relationship": _plain(found) if found else None})


@routes.get("/api/users/{user_id}/emotions")
async def emotions(request: web.Request) -> web.Response:
    parts, person, character_id = await _whose(request)
    days = max(1, min(_number(request.query.get("days", "90"), "days"), 36_500))
    since = datetime.now(UTC) - timedelta(days=days)
    rows = await browse.feelings(parts.pool, person.user_id, character_id, since, _limit(request, PAGE_MOST))
    return web.json_response({"success": True, "emotions": _rows(rows)})


@routes.get("/api/users/{user_id}/export")
async def export_person(request: web.Request) -> web.StreamResponse:
    """One JSON document, or lines of JSON with `format=ndjson`; both streamed."""
    parts, person = await _who(request)
    lines = request.query.get("format", "json") == "ndjson"
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
async def erase(request: web.Request) -> web.Response:
    """Everything of the person; with `character`, everything between the two."""
    parts, person = await _who(request)
    if "character" in request.query:
        character = await parts.cast.get(request.query["character"])
        counts = await erasure.erase_conversation(parts.pool, person.user_id, character.id)
    else:
        counts = await erasure.erase(parts.pool, person.user_id)
    parts.turns.forget_person(person.user_id)
    return web.json_response({"success": True, "deleted": counts})


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise RequestError(f"{name} must be a text.", code="invalid_field")
    return value or ""


def _no_memory() -> NotFoundError:
    return NotFoundError("There is no such memory. Search with GET …/memories?q=.", code="unknown_memory")
