"""The person whom a path under /api/users names, and rows of theirs as JSON.

`character` (query) says whose memory is meant; the default character when absent. Ids are text: 64-bit numbers lose
digits in JSON readers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from aiohttp import web

from whisperengine.api.context import CONTEXT, Parts
from whisperengine.api.description import queried
from whisperengine.api.schemas import integer, line
from whisperengine.characters.store import Character
from whisperengine.chat.incoming import clean_id
from whisperengine.errors import NotFoundError
from whisperengine.memory import people
from whisperengine.memory.people import Person

PAGE_MOST = 500
PLATFORM = {"platform": line("Whose name for the person the id is: api or discord.", default="api")}
WHOSE = {**PLATFORM, "character": line("Whose memory is meant; the default character when absent.", empty=True)}
LIMIT = integer(1, PAGE_MOST, "Most entries.", default=100)
LISTED = {**WHOSE, "limit": LIMIT}


async def who(request: web.Request) -> tuple[Parts, Person]:
    """Raises NotFoundError for somebody who has never talked here."""
    parts = request.app[CONTEXT].ready()
    user_id = clean_id(request.match_info["user_id"], "user_id")
    person = await people.find(parts.pool, queried(request)["platform"], user_id)
    if person is None:
        raise NotFoundError(f"Nobody named {user_id!r} has ever talked here. Check the id.", code="unknown_user")
    return parts, person


async def whose(request: web.Request) -> tuple[Parts, Person, int]:
    """The person, and the id of the character whose memory is meant."""
    parts, person = await who(request)
    return parts, person, (await spoken_with(request, parts)).id


async def spoken_with(request: web.Request, parts: Parts) -> Character:
    return await parts.cast.get(queried(request).get("character") or "")


def path_id(request: web.Request, name: str) -> int:
    return int(request.match_info[name])


def rows_body(rows: Iterable[Any]) -> list[dict[str, Any]]:
    return [row_body(dict(row)) for row in rows]


def row_body(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in row.items()}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return round(value, 4)
    if name == "sources":
        return [str(id) for id in value]
    if name == "steps":
        return [row_body(step) for step in value]
    if isinstance(value, int) and (name.endswith("_id") or name in ("reply_to", "superseded_by")):
        return str(value)
    return value
