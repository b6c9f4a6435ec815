"""What the service says of itself: /health, /ready, /status, /metrics, /api/bot-info."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from typing import Any

from aiohttp import web

import whisperengine
from whisperengine.api.answers import timestamp
from whisperengine.api.context import CONTEXT, Context
from whisperengine.characters.store import Character
from whisperengine.db.pool import reachable
from whisperengine.errors import StorageError, WhisperEngineError

PING_SECONDS = 2.0

routes = web.RouteTableDef()


@routes.get("/health")
async def health(request: web.Request) -> web.Response:
    return web.json_response({"status": "healthy", "timestamp": timestamp(), "service": "WhisperEngine"})


@routes.get("/ready")
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
        return WhisperEngineError("The service is stopping.", code="stopping")
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
async def status(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    parts = context.parts
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
    }
    if parts:
        body["character"] = character_info(await parts.cast.get())
        body["llm"] = parts.voice.describe()
        body["database"]["schema_version"] = parts.schema_version
        body["models"] = {"embedding": parts.encoder.model_name, "dimensions": parts.encoder.dimensions}
    return web.json_response(body)


@routes.get("/api/bot-info")
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


@routes.get("/metrics")
async def metrics(request: web.Request) -> web.Response:
    """The original's JSON; Prometheus text when `Accept` asks for text."""
    context = request.app[CONTEXT]
    accept = request.headers.get("Accept", "")
    if "text/plain" in accept or "openmetrics" in accept:
        return web.Response(
            text=_prometheus(context), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )
    return web.json_response(
        {
            "timestamp": timestamp(),
            "bot_status": "ready" if context.parts else "not_ready",
            "guild_count": 0,
            "latency_ms": -1,
            "memory_usage_mb": round(resident_bytes() / 1_048_576, 1),
            "turns": context.counters.turns,
            "turn_errors": context.counters.turn_errors,
            "turns_under_way": context.parts.turns.under_way if context.parts else 0,
            "uptime_seconds": round(time.time() - context.started_at),
        }
    )


def _prometheus(context: Context) -> str:
    counters = context.counters
    lines: list[str] = []

    def metric(name: str, kind: str, help: str, *samples: tuple[str, float]) -> None:
        lines.extend((f"# HELP whisperengine_{name} {help}", f"# TYPE whisperengine_{name} {kind}"))
        lines.extend(f"whisperengine_{name}{labels} {value:g}" for labels, value in samples)

    metric("build_info", "gauge", "Version of the service.", (f'{{version="{whisperengine.__version__}"}}', 1))
    metric("ready", "gauge", "Whether the service can answer.", ("", int(context.parts is not None)))
    metric("requests_total", "counter", "HTTP requests.", ("", counters.requests))
    metric("turns_total", "counter", "Answered turns.", ("", counters.turns))
    metric(
        "turn_errors_total",
        "counter",
        "Turns that failed, by code.",
        *((f'{{code="{code}"}}', count) for code, count in sorted(counters.turn_errors.items())),
    )
    metric(
        "turn_seconds_total",
        "counter",
        "Seconds spent in turns, by part.",
        *((f'{{part="{part}"}}', seconds) for part, seconds in sorted(counters.part_seconds.items())),
    )
    metric(
        "llm_tokens_total",
        "counter",
        "Tokens as the endpoint reported them.",
        ('{kind="prompt"}', counters.prompt_tokens),
        ('{kind="completion"}', counters.completion_tokens),
    )
    if context.parts:
        metric("turns_under_way", "gauge", "Turns being answered now.", ("", context.parts.turns.under_way))
        metric("pool_connections", "gauge", "Open database connections.", ("", context.parts.pool.get_size()))
        metric("pool_idle", "gauge", "Idle database connections.", ("", context.parts.pool.get_idle_size()))
    metric("resident_bytes", "gauge", "Resident memory of the process.", ("", resident_bytes()))
    return "\n".join(lines) + "\n"


def resident_bytes() -> int:
    """Resident memory now; where the system has no /proc, the most that it ever was."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
