"""What the service says of itself: /health, /ready, /status, /api/bot-info."""

from __future__ import annotations

import asyncio
import platform
import time
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from aiohttp import web

import whisperengine
from whisperengine.api.answers import timestamp
from whisperengine.api.context import CONTEXT, Context, stopping
from whisperengine.api.description import describe
from whisperengine.api.metrics import queue, resident_bytes
from whisperengine.api.schemas import INTEGER, NUMBER, OBJECT, STRING, TIME, list_of, nullable, object_of, one_of, said
from whisperengine.characters.store import Character
from whisperengine.db.pool import reachable
from whisperengine.errors import StorageError, WhisperEngineError

PING_SECONDS = 2.0
LIBRARIES = ("aiohttp", "asyncpg", "numpy", "onnxruntime", "tokenizers")
VERSIONS = {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
PARTS = {"type": "object", "additionalProperties": object_of({"p50": NUMBER, "p95": NUMBER})}
FAILURE = object_of({"at": TIME, "code": STRING, "count": INTEGER, "next_step": STRING})
JOBS = object_of({"waiting": INTEGER, "running": INTEGER, "dead": INTEGER, "oldest_seconds": NUMBER})
STATUS = object_of(
    {
        "service": STRING,
        "version": STRING,
        "timestamp": TIME,
        "uptime_seconds": INTEGER,
        "bot": OBJECT,
        "api": OBJECT,
        "database": OBJECT,
        "character": OBJECT,
        "llm": OBJECT,
        "models": OBJECT,
        "versions": {"type": "object", "additionalProperties": STRING},
        "memory_usage_mb": NUMBER,
        "turns": object_of(
            {"answered": INTEGER, "under_way": INTEGER, "errors": {"type": "object", "additionalProperties": INTEGER}}
        ),
        "milliseconds": said(PARTS, "Of the latest turns, by part."),
        "errors": list_of(FAILURE, "Kinds of errors since the start, the latest last."),
        "jobs": said(nullable(JOBS), "Work beside the conversation; null while the database does not say."),
        "discord": OBJECT,
    },
    required=(
        "service",
        "version",
        "timestamp",
        "uptime_seconds",
        "bot",
        "api",
        "database",
        "versions",
        "memory_usage_mb",
        "turns",
        "milliseconds",
        "errors",
        "jobs",
        "discord",
    ),
)

routes = web.RouteTableDef()


@routes.get("/health")
@describe("The process lives", answers=object_of({"status": one_of("healthy"), "timestamp": TIME, "service": STRING}))
async def health(request: web.Request) -> web.Response:
    return web.json_response({"status": "healthy", "timestamp": timestamp(), "service": "WhisperEngine"})


@routes.get("/ready")
@describe(
    "A message would be answered",
    answers={
        200: object_of({"status": one_of("ready"), "timestamp": TIME, "schema_version": INTEGER, "llm": STRING}),
        503: object_of({"status": one_of("not_ready"), "timestamp": TIME, "reason": STRING, "code": STRING}),
    },
)
async def ready(request: web.Request) -> web.Response:
    """200 when a message would be answered; 503 with the reason while database, models or schema are not there."""
    context = request.app[CONTEXT]
    reason = await _reason(context)
    if reason:
        return web.json_response(
            {"status": "not_ready", "timestamp": timestamp(), "reason": str(reason), "code": reason.code}, status=503
        )
    parts = context.ready()
    return web.json_response(
        {
            "status": "ready",
            "timestamp": timestamp(),
            "schema_version": parts.schema_version,
            "llm": parts.voice.describe()["mode"],
        }
    )


async def _reason(context: Context) -> WhisperEngineError | None:
    if context.stopping:
        return stopping()
    try:
        pool = context.ready().pool
        with reachable(context.config.dsn):
            async with asyncio.timeout(PING_SECONDS):
                await pool.fetchval("select 1")
    except StorageError as error:
        return error
    except WhisperEngineError as error:
        return error
    return None


@routes.get("/status")
@describe("How the service does", answers=STATUS)
async def status(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    parts, counters = context.parts, context.counters
    body: dict[str, Any] = {
        "service": "WhisperEngine",
        "version": whisperengine.__version__,
        "timestamp": timestamp(),
        "uptime_seconds": round(time.time() - context.started_at),
        "bot": {"ready": parts is not None, "closed": context.stopping, "user": None, "latency_ms": None},
        "api": {
            "endpoints": sorted({route.resource.canonical for route in request.app.router.routes() if route.resource})
        },
        "database": {"mode": "embedded" if context.config.embedded else "server"},
        "versions": VERSIONS,
        "memory_usage_mb": round(resident_bytes() / 1_048_576, 1),
        "turns": {
            "answered": counters.turns,
            "under_way": parts.turns.under_way if parts else 0,
            "errors": counters.turn_errors,
        },
        "milliseconds": counters.part_times(),
        "errors": [
            {"at": failure.at.isoformat(), "code": code, "count": failure.count, "next_step": failure.message}
            for code, failure in counters.failures.items()
        ],
        "jobs": asdict(waiting) if (waiting := await queue(context)) else None,
        "discord": context.discord(),
    }
    if parts:
        body["character"] = character_info(await parts.cast.get())
        body["llm"] = parts.voice.describe()
        body["database"]["schema_version"] = parts.schema_version
        body["models"] = {"embedding": parts.encoder.model_name, "dimensions": parts.encoder.dimensions}
    return web.json_response(body)


@routes.get("/api/bot-info")
@describe(
    "The default character",
    answers=object_of(
        {
            **dict.fromkeys(("bot_name", "bot_id", "status", "platform", "api_version"), STRING),
            "capabilities": list_of(STRING),
            "character_info": OBJECT,
            "timestamp": TIME,
        }
    ),
)
async def bot_info(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    character = await context.ready().cast.get()
    return web.json_response(
        {
            "bot_name": character.name,
            "bot_id": str(character.id),
            "status": "online",
            "platform": "api",
            "api_version": "1.0",
            "capabilities": ["text_chat", "conversation_memory", "character_personality", "streaming"],
            "character_info": character_info(character),
            "timestamp": timestamp(),
        }
    )


def character_info(character: Character) -> dict[str, Any]:
    return {
        "character_name": character.definition.full_name,
        "character_file": None,
        "has_personality": bool(character.definition.document.get("personality")),
    }
