"""POST /api/chat and /api/chat/batch."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from whisperengine.api.answers import error_body, json_object, timestamp
from whisperengine.api.context import CALLER, CONTEXT, Caller
from whisperengine.api.events import EventStream, ListenerGone
from whisperengine.api.metadata import LEVELS, answer_body
from whisperengine.api.taking import admitted, counted
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
    incoming = _incoming(body, request.headers.get("Idempotency-Key"), request[CALLER])
    if _flag(body, "stream"):
        return await _streamed(request, incoming, level)
    turn = await _take(request, incoming, level)
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
        turn = await _take(request, _incoming(item, key, request[CALLER]), level)
    except WhisperEngineError as error:
        return {"index": index, "user_id": item["user_id"], **error_body(error)}
    return {"index": index, "user_id": item["user_id"], **_answer(turn, level)}


async def _take(request: web.Request, incoming: Incoming, level: str, on_token: OnToken | None = None) -> Turn:
    context = request.app[CONTEXT]
    async with admitted(request, incoming.platform_user_id, stream=on_token is not None) as gate:
        turns = context.ready().turns
        feeling = level != "basic"
        return await counted(context, turns.take(incoming, on_token, with_answer_feeling=feeling, gate=gate))


async def _streamed(request: web.Request, incoming: Incoming, level: str) -> web.StreamResponse:
    """Server-sent events `token`, then `done` with the whole answer, or `error`.

    What fails before the first token fails as plain JSON.
    """
    stream = EventStream(request)
    try:
        turn = await stream.during(_take(request, incoming, level, lambda text: stream.send({"token": text}, "token")))
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
    """The request as the heart takes it. Raises RequestError that names the field, PermissionDenied for somebody whom
    the key may not speak for.
    """
    user_id = clean_id(caller.speaks_for(_text(body, "user_id").strip()), "user_id")
    character = _text(body, "character")
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
        character=caller.speaks_with(clean_id(character, "character") if character else ""),
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
