"""POST /api/chat and /api/chat/batch."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from whisperengine.api.answers import error_body, json_object, timestamp
from whisperengine.api.context import CALLER, CONTEXT, Caller
from whisperengine.api.description import Content, check, describe
from whisperengine.api.events import EventStream, ListenerGone
from whisperengine.api.metadata import LEVELS, answer_body
from whisperengine.api.schemas import (
    ANY,
    BOOLEAN,
    EVENTS,
    NUMBER,
    OBJECT,
    STRING,
    TIME,
    Schema,
    flag,
    header,
    integer,
    line,
    list_of,
    object_of,
    string,
    success,
    text,
)
from whisperengine.api.taking import admitted, counted
from whisperengine.chat.incoming import MESSAGE_CHARS, Incoming, clean_id
from whisperengine.chat.turn import OnToken, Turn
from whisperengine.errors import RequestError, WhisperEngineError

BATCH_MOST = 10
CONTEXT_BYTES = 16_384
SHARED_CHANNELS = frozenset({"guild", "shared", "group", "channel"})

LEVEL: Schema = string(
    f"How much the answer tells about itself: {', '.join(LEVELS)}; standard when absent.",
    pattern="^(" + "|".join("".join(f"[{letter.upper()}{letter}]" for letter in level) for level in LEVELS) + ")$",
    examples=["standard"],
    _errors={"pattern": ("invalid_metadata_level", 'metadata_level must be "basic", "standard", or "extended"')},
)
ADDRESS: dict[str, Schema] = {
    "character": line("Who answers; the default character when absent.", empty=True),
    "context": object_of(
        {
            "channel_type": string("dm (default); guild, shared, group and channel are shared with others."),
            "channel_id": line("The conversation; its latest turns are told to the model.", empty=True),
            "user_name": line("What the character calls the person.", empty=True),
        },
        required=(),
        description="Where it is said.",
    ),
    "metadata_level": LEVEL,
    "stream": flag("Server-sent events instead of one document."),
}
MESSAGE: Schema = object_of(
    {
        "user_id": line("Whose memory this is. A key that is tied to a person may leave it out."),
        "message": text(
            MESSAGE_CHARS,
            "What the person says.",
            _errors={
                "pattern": ("message_required", "The message is empty. Send some text in `message`."),
                "maxLength": (
                    "message_too_long",
                    f"The message has more than {MESSAGE_CHARS:,} characters. Send it in parts.",
                ),
            },
        ),
        **ADDRESS,
    },
    required=("user_id", "message"),
    title="Message",
)
AGAIN: Schema = object_of({"user_id": line("Whose conversation it is."), **ADDRESS}, required=("user_id",))
ANSWER: Schema = success(
    {
        "response": string("What the character says."),
        "timestamp": TIME,
        "bot_name": STRING,
        "processing_time_ms": NUMBER,
        "memory_stored": BOOLEAN,
        "message_id": string("Id of the person's message."),
        "response_id": string("Id of the answer."),
        "llm": string("Who was asked; `offline` without a model."),
        "repeated": flag("An answer of before, to the same Idempotency-Key."),
        "metadata": OBJECT,
        "user_facts": OBJECT,
        "relationship_metrics": OBJECT,
    },
    required=(
        "response",
        "timestamp",
        "bot_name",
        "processing_time_ms",
        "memory_stored",
        "message_id",
        "response_id",
        "llm",
    ),
    title="Answer",
)
ONCE: Schema = header("The same key brings the same answer, and a message whose turn failed is answered once.")
MODEL_FAILS = (409, 502, 504)

routes = web.RouteTableDef()


@routes.post("/api/chat")
@describe(
    "One message, one answer",
    body=MESSAGE,
    headers={"Idempotency-Key": ONCE},
    answers=Content({"application/json": ANSWER, "text/event-stream": EVENTS}),
    fails=(404, *MODEL_FAILS),
)
async def chat(request: web.Request) -> web.StreamResponse:
    context = request.app[CONTEXT]
    context.ready()
    person = request[CALLER].person
    body = await json_object(request, absent={"user_id": person} if person else None)
    level = _level(body)
    incoming = _incoming(body, request.headers.get("Idempotency-Key"), request[CALLER])
    return await _answered(request, incoming, level, body.get("stream", False))


@routes.post("/api/chat/regenerate")
@describe(
    "Another answer to the last message",
    body=AGAIN,
    answers=Content({"application/json": ANSWER, "text/event-stream": EVENTS}),
    fails=(404, *MODEL_FAILS),
)
async def regenerate(request: web.Request) -> web.StreamResponse:
    """The answer that the person's last message in the conversation has had is thrown away, with all that came of it;
    where the model fails, the message waits for its answer.
    """
    request.app[CONTEXT].ready()
    person = request[CALLER].person
    body = await json_object(request, absent={"user_id": person} if person else None)
    incoming = _incoming({**body, "message": ""}, None, request[CALLER])
    return await _answered(request, incoming, _level(body), body.get("stream", False), again=True)


async def _answered(
    request: web.Request, incoming: Incoming, level: str, stream: bool, *, again: bool = False
) -> web.StreamResponse:
    if stream:
        return await _streamed(request, incoming, level, again)
    return web.json_response(_answer(await _take(request, incoming, level, again=again), level))


@routes.post("/api/chat/batch")
@describe(
    "Up to ten messages at once",
    body=object_of(
        {
            "messages": list_of(
                ANY,
                "Messages as /api/chat takes them. One that is wrong fails by itself.",
                minItems=1,
                maxItems=BATCH_MOST,
                examples=[[{"user_id": "sam", "message": "Hello"}]],
                _errors={
                    **dict.fromkeys(
                        ("type", "minItems", "required"), ("messages_required", "messages array is required")
                    ),
                    "maxItems": ("batch_too_long", f"Maximum {BATCH_MOST} messages per batch"),
                },
            ),
            "metadata_level": LEVEL,
        },
        required=("messages",),
    ),
    headers={"Idempotency-Key": ONCE},
    answers=object_of(
        {
            "results": list_of(object_of({"index": integer(0, BATCH_MOST), "success": BOOLEAN})),
            "total_processed": integer(1, BATCH_MOST),
            "timestamp": TIME,
            "bot_name": STRING,
        }
    ),
)
async def batch(request: web.Request) -> web.Response:
    """One to ten messages: different people in parallel, one person's in order. Each item has a result of its own."""
    context = request.app[CONTEXT]
    context.ready()
    body = await json_object(request)
    level = _level(body)
    items = body["messages"]
    key = request.headers.get("Idempotency-Key")
    results: list[dict[str, Any]] = [{} for _ in items]

    async def in_order(indexes: list[int]) -> None:
        for index in indexes:
            own = f"{key}/{index}" if key else None
            results[index] = await _batch_item(request, items[index], index, level, own)

    by_person: dict[Any, list[int]] = {}
    for index, item in enumerate(items):
        person = item.get("user_id") if isinstance(item, dict) else None
        by_person.setdefault(person if isinstance(person, str) else index, []).append(index)
    await asyncio.gather(*map(in_order, by_person.values()))
    return web.json_response(
        {
            "results": results,
            "total_processed": len(results),
            "timestamp": timestamp(),
            "bot_name": context.ready().cast.default,
        }
    )


async def _batch_item(request: web.Request, item: Any, index: int, level: str, key: str | None) -> dict[str, Any]:
    if not isinstance(item, dict) or not item.get("user_id") or not item.get("message"):
        error = RequestError("user_id and message are required", code="message_required")
        return {"index": index, **error_body(error)}
    try:
        check(item, MESSAGE)
        turn = await _take(request, _incoming(item, key, request[CALLER]), level)
    except WhisperEngineError as error:
        return {"index": index, "user_id": item["user_id"], **error_body(error)}
    return {"index": index, "user_id": item["user_id"], **_answer(turn, level)}


async def _take(
    request: web.Request, incoming: Incoming, level: str, on_token: OnToken | None = None, *, again: bool = False
) -> Turn:
    context = request.app[CONTEXT]
    turns = context.ready().turns
    async with admitted(request, incoming.platform_user_id, stream=on_token is not None) as gate:
        if again:
            await gate
            incoming = await turns.again(incoming)
        return await counted(context, turns.take(incoming, on_token, with_answer_feeling=level != "basic", gate=gate))


async def _streamed(request: web.Request, incoming: Incoming, level: str, again: bool) -> web.StreamResponse:
    """Server-sent events `token`, then `done` with the whole answer, or `error`.

    What fails before the first token fails as plain JSON.
    """
    stream = EventStream(request)
    try:
        turn = await stream.during(
            _take(request, incoming, level, lambda text: stream.send({"token": text}, "token"), again=again)
        )
        await stream.send(_answer(turn, level), "done")
    except ListenerGone:
        return stream.left()
    except WhisperEngineError as error:
        if not stream.begun:
            raise
        await stream.send(error_body(error), "error")
    return await stream.end()


def _answer(turn: Turn, level: str) -> dict[str, Any]:
    return answer_body(turn, level, turn.character.name, timestamp())


def _incoming(body: Mapping[str, Any], key: str | None, caller: Caller) -> Incoming:
    """A checked message as the heart takes it. Raises PermissionDenied for somebody whom the key may not speak for."""
    place = body.get("context") or {}
    if len(json.dumps(place)) > CONTEXT_BYTES:
        raise RequestError(f"context is larger than {CONTEXT_BYTES:,} bytes. Send less.", code="invalid_field")
    character = body.get("character") or ""
    name = place.get("user_name") or ""
    return Incoming(
        platform="api",
        platform_user_id=clean_id(caller.speaks_for(body["user_id"].strip()), "user_id"),
        character=caller.speaks_with(clean_id(character, "character") if character else ""),
        text=body["message"],
        channel="api:" + clean_id(place.get("channel_id") or "default", "channel_id"),
        shared=(place.get("channel_type") or "dm").lower() in SHARED_CHANNELS,
        display_name=clean_id(name, "user_name") if name else "",
        idempotency_key=clean_id(key, "Idempotency-Key") if key else None,
    )


def _level(body: Mapping[str, Any]) -> str:
    return (body.get("metadata_level") or "standard").lower()
