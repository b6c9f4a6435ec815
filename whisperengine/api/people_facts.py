"""/api/users/{user_id}/facts: what was learned of a person."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

from aiohttp import web

from whisperengine.api.answers import json_object
from whisperengine.api.description import describe, queried
from whisperengine.api.person import LIMIT, PAGE_MOST, WHOSE, path_id, row_body, rows_body, whose
from whisperengine.api.person_schemas import FACT
from whisperengine.api.schemas import BOOLEAN, ID, flag, list_of, object_of, success, text
from whisperengine.chat.incoming import clean_text
from whisperengine.db.ids import new_id
from whisperengine.errors import NotFoundError
from whisperengine.memory import facts

FACT_SLOT = "told"
TOO_LONG = {"maxLength": ("message_too_long", f"A fact has up to {facts.TEXT_CHARS} characters. Send it shorter.")}

routes = web.RouteTableDef()


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
    parts, person, character_id = await whose(request)
    found = await facts.of_person(
        parts.pool,
        person.user_id,
        character_id,
        past=queried(request)["past"],
        limit=queried(request)["limit"],
    )
    return web.json_response({"success": True, "facts": rows_body(asdict(fact) for fact in found)})


@routes.post("/api/users/{user_id}/facts")
@describe(
    "Tell a fact",
    query=WHOSE,
    body=object_of({"text": text(facts.TEXT_CHARS, _errors=TOO_LONG)}),
    answers=dict.fromkeys((200, 201), success({"fact_id": ID, "new": BOOLEAN})),
)
async def add_fact(request: web.Request) -> web.Response:
    parts, person, character_id = await whose(request)
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
    parts, person, character_id = await whose(request)
    body = await json_object(request)
    told = body.get("text")
    fact = await facts.change(
        parts.pool,
        person.user_id,
        character_id,
        path_id(request, "fact_id"),
        text=clean_text(told, limit=facts.TEXT_CHARS) if told else None,
        pinned=body.get("pinned"),
    )
    if fact is None:
        raise NotFoundError("There is no such fact. List them with GET …/facts.", code="unknown_fact")
    return web.json_response({"success": True, "fact": row_body(asdict(fact))})


@routes.delete("/api/users/{user_id}/facts/{fact_id}")
@describe("Forget a fact", path={"fact_id": ID}, query=WHOSE)
async def delete_fact(request: web.Request) -> web.Response:
    parts, person, character_id = await whose(request)
    async with parts.pool.acquire() as connection, connection.transaction():
        if not await facts.forget(connection, person.user_id, character_id, path_id(request, "fact_id")):
            raise NotFoundError("There is no such fact. List them with GET …/facts.", code="unknown_fact")
    return web.json_response({"success": True})
