"""/api/settings: what may be changed while the service runs, by whom it was, and whether a model endpoint works."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from aiohttp import web

from whisperengine.api.answers import json_object
from whisperengine.api.context import CALLER, CONTEXT
from whisperengine.api.description import describe, queried
from whisperengine.api.schemas import (
    ANY,
    BOOLEAN,
    NUMBER,
    STRING,
    TIME,
    integer,
    line,
    list_of,
    nullable,
    object_of,
    string,
    success,
)
from whisperengine.config import LLM_DEFAULT_URLS, Config
from whisperengine.db.pool import reachable
from whisperengine.endpoints import same_origin
from whisperengine.errors import NotFoundError
from whisperengine.llm import choosing, detect, trial
from whisperengine.llm.client import LLMClient
from whisperengine.llm.endpoint import Endpoint, endpoint_of, other_endpoint_of
from whisperengine.settings import store
from whisperengine.settings.settings import Settings
from whisperengine.settings.table import SETTINGS, Setting

TRIAL_TOKENS = 200
TRIAL_SECONDS = 30.0

SETTING = object_of(
    {
        "key": STRING,
        "group": STRING,
        "label": STRING,
        "help": STRING,
        "type": STRING,
        "choices": nullable(list_of(STRING)),
        "value": ANY,
        "set": BOOLEAN,
        "source": STRING,
        "fixed": BOOLEAN,
        "variable": STRING,
        "min": nullable(NUMBER),
        "max": nullable(NUMBER),
        "problem": nullable(STRING),
    },
    title="Setting",
)
ALL = success({"settings": list_of(SETTING), "version": STRING})
ENTRY = object_of({"at": TIME, "by": STRING, "key": STRING, "before": nullable(STRING), "after": nullable(STRING)})
TRIAL = success(
    {
        "reachable": BOOLEAN,
        "authorised": BOOLEAN,
        "models": list_of(STRING),
        "streams": BOOLEAN,
        "latency_ms": nullable(NUMBER),
        "model": STRING,
        "summary": STRING,
        "next_step": nullable(STRING),
    }
)
SERVER = object_of({"name": STRING, "url": STRING, "models": list_of(STRING)})

routes = web.RouteTableDef()


@routes.get("/api/settings")
@describe("All settings", answers=ALL)
async def list_settings(request: web.Request) -> web.Response:
    """What is in force, and where it comes from: the environment (`fixed`, nothing stored changes it), the database or
    the default. Secrets are never shown, only whether they are `set`; `problem` says why a stored one cannot be used.
    """
    return web.json_response(shown(request.app[CONTEXT].ready().settings))


@routes.patch("/api/settings")
@describe(
    "Change settings",
    body=object_of({"changes": object_of({}, additionalProperties=ANY, description="New values by key; null unsets.")}),
    answers=ALL,
    fails=(503,),
)
async def change(request: web.Request) -> web.Response:
    """All or none. In force at once here, and within moments in every replica. A key belongs to the host for which it
    was given: with another address, send the key too (or null).
    """
    context = request.app[CONTEXT]
    parts = context.ready()
    changes = (await json_object(request))["changes"]
    with reachable(context.config.dsn):
        await parts.settings.change(parts.pool, changes, request[CALLER].subject or "anybody")
    return web.json_response(shown(parts.settings))


@routes.get("/api/settings/audit")
@describe(
    "Who changed what",
    query={"limit": integer(1, 1000, "Most entries.", default=200)},
    answers=success({"entries": list_of(ENTRY)}),
)
async def audit(request: web.Request) -> web.Response:
    """Newest first. Of secrets it says only whether they were set."""
    context = request.app[CONTEXT]
    with reachable(context.config.dsn):
        entries = await store.audit(context.ready().pool, queried(request)["limit"])
    return web.json_response({"success": True, "entries": entries})


@routes.post("/api/settings/llm/test")
@describe(
    "Try a model endpoint",
    body=object_of(
        {
            "url": line("Base URL; the one in force when absent.", 2000, empty=True),
            "model": line("The one in force, or the first that the server lists, when absent.", 500, empty=True),
            "key": string("The one in force when absent, if it belongs to that host.", maxLength=2000),
            "endpoint": integer(0, 19, "Place in `llm.endpoints` of the one to try, from 0."),
        },
        required=(),
    ),
    answers=TRIAL,
    fails=(404,),
)
async def test(request: web.Request) -> web.Response:
    """Lists the models and has one short answer. What does not work is told in words and with the next step; the
    status is 200 all the same.
    """
    config = request.app[CONTEXT].config
    endpoint = _endpoint(config, await json_object(request))
    async with LLMClient() as client:
        found = await trial.attempt(client, endpoint)
    return web.json_response({"success": True, **asdict(found)})


@routes.get("/api/settings/llm/found")
@describe("Model servers on this machine", answers=success({"servers": list_of(SERVER)}))
async def found(request: web.Request) -> web.Response:
    """Ollama, LM Studio and llama.cpp at their usual ports of loopback."""
    async with LLMClient() as client:
        servers = await detect.local_servers(client)
    return web.json_response(
        {
            "success": True,
            "servers": [{"name": each.name, "url": each.url, "models": list(each.models)} for each in servers],
        }
    )


def shown(settings: Settings) -> dict[str, Any]:
    return {
        "success": True,
        "settings": [_shown(settings, setting) for setting in SETTINGS.values()],
        "version": settings.version,
    }


def _shown(settings: Settings, setting: Setting) -> dict[str, Any]:
    variable, fixed = setting.variable, settings.fixed(setting)
    stored = setting.key in settings.stored
    source = "environment" if fixed else "stored" if stored else "default"
    return {
        "key": setting.key,
        "group": variable.group,
        "label": setting.label,
        "help": variable.help,
        "type": setting.kind,
        "choices": list(variable.choices) or None,
        "value": setting.value(settings.config),
        "set": bool(getattr(settings.config, setting.field)) if setting.kind == "secret" else source != "default",
        "source": source,
        "fixed": fixed,
        "variable": variable.name,
        "min": variable.low,
        "max": variable.high,
        "problem": settings.problems.get(setting.key),
    }


def _endpoint(config: Config, asked: dict[str, Any]) -> Endpoint:
    """What to try. A stored key goes along only to the host that it belongs to."""
    standing = _standing(config, asked.get("endpoint"))
    url, key = (asked.get("url") or standing.url).strip(), asked.get("key")
    same_host = same_origin(url, standing.url)
    return replace(
        standing,
        url=url,
        model=asked.get("model") or (standing.model if same_host else ""),
        api_key=key.strip() if key is not None else standing.api_key if same_host else "",
        max_tokens=TRIAL_TOKENS,
        timeout=min(standing.timeout, TRIAL_SECONDS),
        retries=0,
    )


def _standing(config: Config, number: int | None) -> Endpoint:
    if number is None:
        first = next(iter(choosing.configured(config)), None)
        return first or endpoint_of(config, url=config.llm_url or LLM_DEFAULT_URLS["local"])
    if number >= len(config.llm_endpoints):
        raise NotFoundError(
            f"There are {len(config.llm_endpoints)} further endpoints; the first is number 0.", code="unknown_endpoint"
        )
    return other_endpoint_of(config, config.llm_endpoints[number])
