"""/api/users/{user_id}/messages, channels, memories and summaries: what was said."""

from __future__ import annotations

from aiohttp import web

from whisperengine.api.answers import json_object
from whisperengine.api.description import describe, queried
from whisperengine.api.metadata import memory_body
from whisperengine.api.person import LISTED, WHOSE, path_id, rows_body, spoken_with, whose
from whisperengine.api.person_schemas import CHANNEL, MEMORY, MESSAGE, SUMMARY
from whisperengine.api.schemas import ID, QUERY_CHARS, flag, line, list_of, nullable, object_of, success, text
from whisperengine.chat.incoming import MESSAGE_CHARS, clean_text
from whisperengine.errors import NotFoundError
from whisperengine.memory import browse, corrections
from whisperengine.memory.messages import Place

PAGE = {
    **LISTED,
    "before": {**ID, "description": "Only messages before this one."},
    "channel": line("Only messages of this channel."),
}
NOTHING = {"required": ("nothing_to_change", "Send `pinned` (true or false), `content` (text), or both.")}
CHANGE = {"content": text(MESSAGE_CHARS, _errors=NOTHING), "pinned": flag()}

routes = web.RouteTableDef()


@routes.get("/api/users/{user_id}/messages")
@describe(
    "Messages, newest first",
    query=PAGE,
    answers=success({"messages": list_of(MESSAGE), "next_before": nullable(ID)}),
)
async def messages(request: web.Request) -> web.StreamResponse:
    parts, person, character_id = await whose(request)
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
        {"success": True, "messages": rows_body(rows), "next_before": str(rows[-1]["message_id"]) if rows else None}
    )


@routes.get("/api/users/{user_id}/channels")
@describe("Conversations, the latest first", query=LISTED, answers=success({"channels": list_of(CHANNEL)}))
async def channels(request: web.Request) -> web.Response:
    parts, person, character_id = await whose(request)
    rows = await browse.channels(parts.pool, person.user_id, character_id, queried(request)["limit"])
    return web.json_response({"success": True, "channels": rows_body(rows)})


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
    parts, person, character_id = await whose(request)
    query = queried(request)
    if query["q"] is None:
        return await messages(request)
    found = await parts.turns.memories.search(
        Place(person.user_id, character_id, "", query["shared"]),
        clean_text(query["q"]),
        person,
        await spoken_with(request, parts),
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
    parts, person, character_id = await whose(request)
    message_id = path_id(request, "message_id")
    body = await json_object(request)
    content, pinned = body.get("content"), body.get("pinned")
    done = True
    if content:
        done = await parts.turns.memories.edit(
            person, await spoken_with(request, parts), message_id, clean_text(content)
        )
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
    parts, person, character_id = await whose(request)
    deleted = await corrections.delete(parts.pool, person.user_id, character_id, path_id(request, "message_id"))
    if not deleted:
        raise _no_memory()
    return web.json_response({"success": True, "deleted": [str(id) for id in deleted]})


@routes.get("/api/users/{user_id}/summaries")
@describe("Summaries of past talk", query=LISTED, answers=success({"summaries": list_of(SUMMARY)}))
async def summaries(request: web.Request) -> web.Response:
    parts, person, character_id = await whose(request)
    rows = await browse.summaries(parts.pool, person.user_id, character_id, queried(request)["limit"])
    return web.json_response({"success": True, "summaries": rows_body(rows)})


def _no_memory() -> NotFoundError:
    return NotFoundError("There is no such memory. Search with GET …/memories?q=.", code="unknown_memory")
