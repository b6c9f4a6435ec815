"""POST /api/chat and /api/chat/batch."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from whisperengine.api.answers import error_body, json_object, timestamp
from whisperengine.api.context import CONTEXT, REQUEST_ID, Context
from whisperengine.api.doors import cors_headers
from whisperengine.api.metadata import LEVELS, answer_body
from whisperengine.chat.incoming import Incoming, clean_id
from whisperengine.chat.turn import OnToken, Turn
from whisperengine.errors import RequestError, WhisperEngineError

BATCH_MOST = 10
CONTEXT_BYTES = 16_384
SHARED_CHANNELS = frozenset({"guild", "shared", "group", "channel"})

routes = web.RouteTableDef()


@routes.post("/api/chat")
async def chat(request: web.Request) -> web.StreamResponse:
    context = request.app[CONTEXT]
    context.ready()
    body = await json_object(request)
    level = _level(body)
    incoming = _incoming(body, request.headers.get("Idempotency-Key"))
    if _flag(body, "stream"):
        return await _streamed(request, context, incoming, level)
    turn = await _take(context, incoming, level)
    return web.json_response(_answer(turn, level))


@routes.post("/api/chat/batch")
async def batch(request: web.Request) -> web.Response:
    """One to ten messages: different people in parallel, one person's in order. Each item has a result of its own."""
    context = request.app[CONTEXT]
    context.ready()
    body = await json_object(request)
    level = _level(body)
    items = body.get("messages")
    if not isinstance(items, list) or not items:
        raise RequestError("messages array is required", code="messages_required")
    if len(items) > BATCH_MOST:
        raise RequestError(f"Maximum {BATCH_MOST} messages per batch", code="batch_too_long")
    key = request.headers.get("Idempotency-Key")
    results: list[dict[str, Any]] = [{} for _ in items]

    async def in_order(indexes: list[int]) -> None:
        for index in indexes:
            results[index] = await _batch_item(context, items[index], index, level, f"{key}/{index}" if key else None)

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


async def _batch_item(context: Context, item: Any, index: int, level: str, key: str | None) -> dict[str, Any]:
    if not isinstance(item, dict) or not item.get("user_id") or not item.get("message"):
        error = RequestError("user_id and message are required", code="message_required")
        return {"index": index, **error_body(error)}
    try:
        turn = await _take(context, _incoming(item, key), level)
    except WhisperEngineError as error:
        return {"index": index, "user_id": item["user_id"], **error_body(error)}
    return {"index": index, "user_id": item["user_id"], **_answer(turn, level)}


async def _take(context: Context, incoming: Incoming, level: str, on_token: OnToken | None = None) -> Turn:
    """One counted turn."""
    counters = context.counters
    try:
        turn = await context.ready().turns.take(incoming, on_token, with_answer_feeling=level != "basic")
    except WhisperEngineError as error:
        counters.turn_errors[error.code] = counters.turn_errors.get(error.code, 0) + 1
        raise
    counters.turns += 1
    counters.prompt_tokens += turn.prompt_tokens or 0
    counters.completion_tokens += turn.completion_tokens or 0
    for part, milliseconds in turn.milliseconds.items():
        counters.part_seconds[part] = counters.part_seconds.get(part, 0.0) + milliseconds / 1000
    return turn


async def _streamed(request: web.Request, context: Context, incoming: Incoming, level: str) -> web.StreamResponse:
    """Server-sent events `token`, then `done` with the whole answer, or `error`.

    What fails before the first token fails as plain JSON.
    """
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    response.headers["X-Request-Id"] = request[REQUEST_ID]
    response.headers.update(cors_headers(request))

    async def send(event: str, data: Mapping[str, Any]) -> None:
        if not response.prepared:
            await response.prepare(request)
        await response.write(f"event: {event}\ndata: {json.dumps(data)}\n\n".encode())

    try:
        turn = await _take(context, incoming, level, lambda text: send("token", {"token": text}))
    except WhisperEngineError as error:
        if not response.prepared:
            raise
        await send("error", error_body(error))
    else:
        await send("done", _answer(turn, level))
    await response.write_eof()
    return response


def _answer(turn: Turn, level: str) -> dict[str, Any]:
    return answer_body(turn, level, turn.character.name, timestamp())


def _incoming(body: Mapping[str, Any], key: str | None) -> Incoming:
    """The request as the heart takes it. Raises RequestError that names the field."""
    user_id = clean_id(_text(body, "user_id"), "user_id")
    message = _text(body, "message")
    if not message:
        raise RequestError("message is required", code="message_required")
    place = body.get("context")
    if place is None:
        place = {}
    if not isinstance(place, dict):
        raise RequestError('context must be an object such as {"channel_type": "dm"}.', code="invalid_field")
    if len(json.dumps(place)) > CONTEXT_BYTES:
        raise RequestError(f"context is larger than {CONTEXT_BYTES:,} bytes. Send less.", code="invalid_field")
    kind = _text(place, "channel_type") or "dm"
    channel = _text(place, "channel_id") or "default"
    return Incoming(
        platform="api",
        platform_user_id=user_id,
        character=clean_id(_text(body, "character"), "character") if body.get("character") else "",
        text=message,
        channel="api:" + clean_id(channel, "channel_id"),
        shared=kind.lower() in SHARED_CHANNELS,
        display_name=clean_id(name, "user_name") if (name := _text(place, "user_name")) else "",
        idempotency_key=clean_id(key, "Idempotency-Key") if key else None,
    )


def _level(body: Mapping[str, Any]) -> str:
    level = (_text(body, "metadata_level") or "standard").lower()
    if level not in LEVELS:
        raise RequestError('metadata_level must be "basic", "standard", or "extended"', code="invalid_metadata_level")
    return level


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RequestError(f"{name} must be a text, not {_kind(value)}.", code="invalid_field")
    return value


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise RequestError(f"{name} must be true or false, not {_kind(value)}.", code="invalid_field")
    return value


def _kind(value: Any) -> str:
    return {bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"}.get(
        type(value), "that"
    )
