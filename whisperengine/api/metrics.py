"""GET /metrics: the original's JSON, and Prometheus' text."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import resource
import sys
import time
from collections.abc import Iterable, Mapping

from aiohttp import web

import whisperengine
from whisperengine.api.answers import timestamp
from whisperengine.api.context import CONTEXT, Context
from whisperengine.api.counters import Histogram
from whisperengine.api.description import Content, describe
from whisperengine.api.schemas import OBJECT, STRING
from whisperengine.db import jobs
from whisperengine.db.jobs import Queue
from whisperengine.db.pool import LOST

log = logging.getLogger(__name__)

QUEUE_SECONDS = 2.0
TEXT = "text/plain; version=0.0.4; charset=utf-8"

routes = web.RouteTableDef()


@routes.get("/metrics")
@describe("Figures", answers=Content({"application/json": OBJECT, "text/plain": STRING}))
async def metrics(request: web.Request) -> web.Response:
    """The original's JSON; Prometheus text when `Accept` asks for text."""
    context = request.app[CONTEXT]
    accept = request.headers.get("Accept", "")
    if "text/plain" in accept or "openmetrics" in accept:
        return web.Response(text=prometheus(context, await queue(context)), headers={"Content-Type": TEXT})
    state = context.discord()
    latencies = [shard["latency_ms"] for bot in state["bots"] for shard in bot["shards"] if shard["latency_ms"]]
    return web.json_response(
        {
            "timestamp": timestamp(),
            "bot_status": "ready" if context.parts else "not_ready",
            "guild_count": sum(bot["guilds"] for bot in state["bots"]),
            "latency_ms": max(latencies, default=-1),
            "memory_usage_mb": round(resident_bytes() / 1_048_576, 1),
            "turns": context.counters.turns,
            "turn_errors": context.counters.turn_errors,
            "turns_under_way": context.parts.turns.under_way if context.parts else 0,
            "uptime_seconds": round(time.time() - context.started_at),
        }
    )


async def queue(context: Context) -> Queue | None:
    """How the jobs stand; None while the database does not say so."""
    if context.parts is None:
        return None
    try:
        async with asyncio.timeout(QUEUE_SECONDS):
            return await jobs.queue(context.parts.pool)
    except LOST as error:
        log.warning("the queue of jobs could not be read (%s)", type(error).__name__)
        return None


def prometheus(context: Context, jobs: Queue | None) -> str:
    """Everything in Prometheus' text format 0.0.4."""
    counters, page = context.counters, _Page()
    page.gauge("build_info", "Version of the service.", {_BUILD: 1})
    page.gauge("ready", "Whether the service can answer.", {"": int(bool(context.parts) and not context.stopping)})
    page.gauge("uptime_seconds", "Since the start of the process.", {"": round(time.time() - context.started_at)})
    page.counter("requests_total", "Answered HTTP requests, by status.", _by("status", counters.answers))
    page.gauge("requests_under_way", "Requests being answered now.", {"": len(context.under_way)})
    page.counter("turns_total", "Answered turns.", {"": counters.turns})
    page.counter("turn_errors_total", "Turns that failed, by code.", _by("code", counters.turn_errors))
    page.histogram("turn_seconds", "Time of turns, by part.", "part", counters.part_seconds)
    page.counter(
        "llm_tokens_total",
        "Tokens as the endpoint reported them.",
        _by("kind", {"prompt": counters.prompt_tokens, "completion": counters.completion_tokens}),
    )
    page.counter("memories_recalled_total", "Memories that were recalled for turns.", {"": counters.memories})
    page.histogram("recall_score", "Best score of each turn that recalled anything.", "", {"": counters.scores})
    page.gauge("resident_bytes", "Resident memory of the process.", {"": resident_bytes()})
    if context.parts:
        pool, endpoints = context.parts.pool, context.parts.voice.describe()["endpoints"]
        page.gauge("turns_under_way", "Turns being answered now.", {"": context.parts.turns.under_way})
        page.gauge("pool_size", "Most database connections.", {"": pool.get_max_size()})
        page.gauge("pool_connections", "Open database connections.", {"": pool.get_size()})
        page.gauge("pool_idle", "Idle database connections.", {"": pool.get_idle_size()})
        page.gauge(
            "llm_endpoint_up",
            "Whether an endpoint is asked: 0 while it rests after failures.",
            {_labels(endpoint=_endpoint(each)): int(each["state"] != "open") for each in endpoints},
        )
    if jobs:
        states = {"waiting": jobs.waiting, "running": jobs.running, "dead": jobs.dead}
        page.gauge("jobs", "Jobs of all replicas, by state.", _by("state", states))
        page.gauge("job_queue_seconds", "How long the oldest due job has waited.", {"": jobs.oldest_seconds})
    _discord(page, context)
    return page.text()


def _discord(page: _Page, context: Context) -> None:
    bots = context.discord()["bots"]
    shards = {(bot["character"], str(shard["id"])): shard for bot in bots for shard in bot["shards"]}

    def named(keys: Iterable[tuple[str, str]]) -> list[str]:
        return [_labels(bot=bot, shard=shard) for bot, shard in keys]

    page.gauge(
        "discord_shard_up",
        "Whether a shard is connected.",
        dict(zip(named(shards), (int(shard["state"] == "ready") for shard in shards.values()), strict=True)),
    )
    heard = {key: shard["latency_ms"] / 1000 for key, shard in shards.items() if shard["latency_ms"] is not None}
    page.gauge("discord_latency_seconds", "Heartbeat of a shard.", dict(zip(named(heard), heard.values(), strict=True)))
    for name, kind, help in (
        ("guilds", "gauge", "Servers that the shards of this process serve."),
        ("waiting", "gauge", "Messages that wait for their turn."),
        ("dropped", "counter", "Messages that are not answered because their channel was too far behind."),
    ):
        samples = {_labels(bot=bot["character"]): bot[name] for bot in bots}
        page.metric(f"discord_{name}" + ("_total" if kind == "counter" else ""), kind, help, samples)


def _endpoint(each: Mapping[str, str | None]) -> str:
    return f"{each['host']} {each['model'] or ''}".strip()


class _Page:
    def __init__(self) -> None:
        self._lines: list[str] = []

    def metric(self, name: str, kind: str, help: str, samples: Mapping[str, float]) -> None:
        self._lines.extend((f"# HELP whisperengine_{name} {help}", f"# TYPE whisperengine_{name} {kind}"))
        self._lines.extend(f"whisperengine_{name}{labels} {value:.15g}" for labels, value in samples.items())

    def gauge(self, name: str, help: str, samples: Mapping[str, float]) -> None:
        self.metric(name, "gauge", help, samples)

    def counter(self, name: str, help: str, samples: Mapping[str, float]) -> None:
        self.metric(name, "counter", help, samples)

    def histogram(self, name: str, help: str, label: str, found: Mapping[str, Histogram]) -> None:
        self.metric(name, "histogram", help, {})
        for value, histogram in found.items():
            own = {label: value} if label else {}
            for bound, count in histogram.cumulated():
                self._lines.append(f"whisperengine_{name}_bucket{_labels(**own, le=bound)} {count}")
            self._lines.append(f"whisperengine_{name}_sum{_labels(**own)} {histogram.total:.15g}")
            self._lines.append(f"whisperengine_{name}_count{_labels(**own)} {sum(histogram.counts)}")

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"


def _labels(**labels: str) -> str:
    escaped = (
        (name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for name, value in labels.items()
    )
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}" if labels else ""


def _by(label: str, counts: Mapping[str, int] | Mapping[int, int]) -> dict[str, float]:
    return {_labels(**{label: str(key)}): count for key, count in sorted(counts.items())}


_BUILD = _labels(version=whisperengine.__version__, python=platform.python_version())


def resident_bytes() -> int:
    """Resident memory now; where the system has no /proc, the most that it ever was."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
