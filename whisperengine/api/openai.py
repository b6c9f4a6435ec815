"""What OpenAI's clients speak: /v1/models, /v1/chat/completions, /v1/embeddings. A character is a model.

Who speaks is named by `user` or the header `X-User-Id`, the talk by `X-Conversation-Id` or `metadata.conversation_id`;
without a name it is known by its words (`chat/thread.py`).
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from aiohttp import web

from whisperengine.api.answers import json_object, openai_error
from whisperengine.api.callers import ENVIRONMENT, OPEN
from whisperengine.api.context import CALLER, CONTEXT, Caller
from whisperengine.api.description import Content, FieldError, describe
from whisperengine.api.events import EventStream, ListenerGone
from whisperengine.api.openai_request import ChatRequest, chat_request
from whisperengine.api.openai_schemas import CHAT, COMPLETION, EMBEDDING, EMBEDDINGS, MODEL
from whisperengine.api.schemas import OPENAI_EVENTS, header, list_of, object_of, one_of
from whisperengine.api.taking import admitted, counted
from whisperengine.characters import store
from whisperengine.chat import stateless, thread
from whisperengine.chat.incoming import Incoming, clean_id
from whisperengine.chat.prompt import count_tokens
from whisperengine.chat.turn import OnToken, Turn
from whisperengine.errors import NotFoundError, WhisperEngineError

NOBODY = "default"
OWNER = "whisperengine"
BODY_BYTES = 2 * 1024 * 1024
BODY_BYTES_WITH_IMAGES = 16 * 1024 * 1024
USER_HEADERS = ("X-User-Id", "X-OpenWebUI-User-Id")
CONVERSATION_HEADERS = ("X-Conversation-Id", "X-OpenWebUI-Chat-Id")

routes = web.RouteTableDef()


@routes.get("/v1/models")
@describe("The characters", answers=object_of({"object": one_of("list"), "data": list_of(MODEL)}))
async def models(request: web.Request) -> web.Response:
    pool = request.app[CONTEXT].ready().pool
    rows = await pool.fetch(
        "select name, created_at from characters where archived_at is null and ($1::text is null or name = $1) "
        "order by name",
        request[CALLER].character,
    )
    return web.json_response(
        {"object": "list", "data": [_model(row["name"], row["created_at"].timestamp()) for row in rows]}
    )


@routes.get("/v1/models/{model}")
@describe("One character", answers=MODEL)
async def model(request: web.Request) -> web.Response:
    name = request[CALLER].speaks_with(request.match_info["model"])
    character = await store.get(request.app[CONTEXT].ready().pool, name)
    if character is None:
        raise NotFoundError(f"There is no model {name!r}. List them with GET /v1/models.", code="model_not_found")
    return web.json_response(_model(character.name, character.created_at.timestamp()))


def _model(name: str, created: float) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": int(created), "owned_by": OWNER}


@routes.post("/v1/chat/completions")
@describe(
    "OpenAI's chat",
    body=CHAT,
    headers=dict.fromkeys(("Idempotency-Key", *USER_HEADERS, *CONVERSATION_HEADERS), header()),
    answers=Content({"application/json": COMPLETION, "text/event-stream": OPENAI_EVENTS}),
    fails=(404, 409, 502, 504),
)
async def completions(request: web.Request) -> web.StreamResponse:
    context = request.app[CONTEXT]
    context.ready()
    most = BODY_BYTES_WITH_IMAGES if context.config.llm_vision else BODY_BYTES
    asked = await chat_request(await json_object(request, most), context.config)
    incoming = _incoming(request, asked)
    if asked.stream:
        return await _streamed(request, asked, incoming)
    turn = await _take(request, asked, incoming)
    return web.json_response(_completion(_answer_id(), asked, turn))


def _incoming(request: web.Request, asked: ChatRequest) -> Incoming:
    caller = request[CALLER]
    user = caller.speaks_for((asked.user or _header(request, USER_HEADERS)).strip()) or _nobody(caller)
    key = request.headers.get("Idempotency-Key")
    return Incoming(
        platform="api",
        platform_user_id=clean_id(user, "user"),
        character=caller.speaks_with(asked.model),
        text=asked.text,
        channel="",
        scene=asked.scene,
        talk=tuple(asked.talk[:-1]),
        after=asked.after,
        images=asked.images,
        parameters=asked.parameters,
        idempotency_key=clean_id(key, "Idempotency-Key") if key else None,
    )


async def _take(request: web.Request, asked: ChatRequest, incoming: Incoming, on_token: OnToken | None = None) -> Turn:
    context = request.app[CONTEXT]
    async with admitted(request, incoming.platform_user_id, stream=on_token is not None) as gate:
        # Going back changes what is kept, so nothing begins before the gate.
        await gate
        try:
            return await counted(context, _turn(request, asked, incoming, on_token))
        except NotFoundError as error:
            if error.code != "unknown_character":
                raise
            raise NotFoundError(str(error), code="model_not_found") from error


async def _turn(request: web.Request, asked: ChatRequest, incoming: Incoming, on_token: OnToken | None) -> Turn:
    parts = request.app[CONTEXT].ready()
    if asked.stateless:
        return await stateless.answer(parts.cast, parts.voice, incoming, on_token)
    name = asked.conversation or _header(request, CONVERSATION_HEADERS)
    name = clean_id(name, "conversation_id") if name else ""
    character, person = await parts.turns.whom(incoming)
    incoming = await thread.placed(parts.pool, parts.turns, incoming, character, person, asked.talk, name)
    return await parts.turns.take(incoming, on_token, with_answer_feeling=False)


def _nobody(caller: Caller) -> str:
    """Who speaks when nobody is named, as clients for one person do: each key is then somebody of its own."""
    return NOBODY if caller in (OPEN, ENVIRONMENT) else caller.subject


def _header(request: web.Request, names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := request.headers.get(name, ""))), "")


async def _streamed(request: web.Request, asked: ChatRequest, incoming: Incoming) -> web.StreamResponse:
    """Chunks as OpenAI sends them, then `[DONE]`; a failure after the first is an event with `error`."""
    stream = EventStream(request)
    id, created = _answer_id(), int(time.time())

    async def send(delta: Mapping[str, Any], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        await stream.send(_chunk(id, created, asked, [choice]))

    async def on_token(text: str) -> None:
        await send({"content": text} if stream.begun else {"role": "assistant", "content": text})

    try:
        turn = await stream.during(_take(request, asked, incoming, on_token))
        if turn.tool_calls:
            calls = [{"index": number, **call} for number, call in enumerate(turn.tool_calls)]
            await send({"tool_calls": calls} if stream.begun else {"role": "assistant", "tool_calls": calls})
        await send({}, turn.finish_reason)
        if asked.include_usage:
            await stream.send({**_chunk(id, created, asked, []), "usage": _usage(asked, turn)})
        await stream.send("[DONE]")
    except ListenerGone:
        return stream.left()
    except WhisperEngineError as error:
        if not stream.begun:
            raise
        await stream.send(openai_error(error))
    return await stream.end()


def _answer_id() -> str:
    return "chatcmpl-" + secrets.token_hex(12)


def _completion(id: str, asked: ChatRequest, turn: Turn) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": turn.answer or None, "refusal": None}
    if turn.tool_calls:
        message["tool_calls"] = list(turn.tool_calls)
    return {
        "id": id,
        "object": "chat.completion",
        "created": int(time.time()),
        "model": turn.character.name,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": turn.finish_reason}],
        "usage": _usage(asked, turn),
    }


def _chunk(id: str, created: int, asked: ChatRequest, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": id,
        "object": "chat.completion.chunk",
        "created": created,
        "model": asked.model,
        "choices": choices,
    }


def _usage(asked: ChatRequest, turn: Turn) -> dict[str, int]:
    """As the endpoint counted; where it did not (or none was asked), estimated from what the caller sent and got."""
    prompt, completion = turn.prompt_tokens, turn.completion_tokens
    if prompt is None:
        prompt = sum(count_tokens(text) for _, text in asked.talk) + (count_tokens(asked.scene) if asked.scene else 0)
    if completion is None:
        completion = count_tokens(turn.answer)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


@routes.post("/v1/embeddings")
@describe("Vectors of texts", body=EMBEDDING, answers=EMBEDDINGS, fails=(404,))
async def embeddings(request: web.Request) -> web.Response:
    """Vectors of the service's encoder, unit length."""
    encoder = request.app[CONTEXT].ready().encoder
    body = await json_object(request, BODY_BYTES)
    name = body.get("model")
    if name and name not in (encoder.model_name, encoder.model_name.rpartition("/")[2]):
        raise NotFoundError(
            f"There is no embedding model {name!r} here. Ask for {encoder.model_name!r}.", code="model_not_found"
        )
    given = body["input"]
    texts = [given] if isinstance(given, str) else given
    if body.get("dimensions") not in (None, encoder.dimensions):
        raise FieldError("dimensions", f"must be {encoder.dimensions}, or left out.")
    form = body.get("encoding_format") or "float"
    readings = await encoder.read(texts)
    tokens = sum(reading.tokens for reading in readings)
    return web.json_response(
        {
            "object": "list",
            "data": [
                {"object": "embedding", "index": number, "embedding": _vector(reading.embedding, form)}
                for number, reading in enumerate(readings)
            ],
            "model": encoder.model_name,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    )


def _vector(embedding: np.ndarray, form: str) -> str | list[float]:
    if form == "base64":
        return base64.b64encode(embedding.astype("<f4").tobytes()).decode()
    return embedding.tolist()
