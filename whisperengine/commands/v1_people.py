"""People of WhisperEngine 1 as records of our own export: who they are, what is known of them, what was said.

Facts and relationships come from PostgreSQL, what was said from Qdrant, where the old program kept it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import available_timezones

import aiohttp
import asyncpg

from whisperengine.commands.v1_tables import Row, moment, rows
from whisperengine.db.ids import id_at, new_id
from whisperengine.errors import WhisperEngineError
from whisperengine.learning import slots
from whisperengine.memory.export import FORMAT, VERSION
from whisperengine.memory.messages import SESSION_GAP

PAGE = 500
COLLECTION = "whisperengine_memory_"

# The old relations that ours have a kind for: kind, and the value where the thing is what it is about.
KINDS = {
    **dict.fromkeys(("likes", "loves", "enjoys", "prefers"), ("taste", "likes")),
    **dict.fromkeys(("dislikes", "hates"), ("taste", "dislikes")),
    **dict.fromkeys(("lives_in", "located_in"), ("lives_in", "")),
    "works_at": ("employer", ""),
    "works_as": ("job", ""),
    **dict.fromkeys(("studies", "studies_at"), ("studies", "")),
    "from": ("from", ""),
    "speaks": ("language", "speaks"),
    "plays": ("plays", "plays"),
    "allergic_to": ("allergy", "allergic"),
}


@dataclass
class OldPerson:
    """`identities` are (platform, id on it); the first is the one that records are stored under."""

    identities: list[tuple[str, str]]
    name: str = ""
    time_zone: str = "UTC"
    facts: list[Row] = field(default_factory=list)
    relationships: dict[str, Row] = field(default_factory=dict)
    summaries: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    messages: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))


class People:
    """Everybody in the old stores, found by any of the ids under which they were known."""

    def __init__(self) -> None:
        self.everybody: list[OldPerson] = []
        self._by_id: dict[str, OldPerson] = {}

    async def read(self, connection: asyncpg.Connection) -> None:
        """All that PostgreSQL has."""
        known: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for row in await rows(connection, "platform_identities", ("id",)):
            known[row["universal_id"]].append((row["platform"].lower(), row["platform_user_id"]))
        for row in await rows(connection, "universal_users", ("universal_id",)):
            chosen = _preferences(row.get("preferences"))
            person = self._of(row["universal_id"], known[row["universal_id"]])
            person.name = chosen.get("preferred_name") or row.get("display_name") or row.get("primary_username") or ""
            if chosen.get("timezone") in available_timezones():
                person.time_zone = chosen["timezone"]
        entities = {row["id"]: row for row in await rows(connection, "fact_entities")}
        for row in await rows(connection, "user_fact_relationships", ("updated_at", "created_at")):
            entity = entities.get(row["entity_id"])
            if entity:
                self._of(row["user_id"]).facts.append({**row, "entity": entity["entity_name"]})
        for row in await rows(connection, "relationship_scores"):
            self._of(row["user_id"]).relationships[row["bot_name"]] = row
        for row in await rows(connection, "conversation_summaries", ("start_timestamp",)):
            self._of(row["user_id"]).summaries[row["bot_name"]].append(row)

    async def listen(self, url: str, names: Iterable[str]) -> None:
        """What was said to each of these characters, from Qdrant at `url`."""
        async with aiohttp.ClientSession() as session:
            for name in names:
                async for payload in _points(session, url.rstrip("/"), COLLECTION + name):
                    if payload.get("memory_type") == "conversation" and payload.get("user_id"):
                        self._of(str(payload["user_id"])).messages[name].append(payload)

    def _of(self, old_id: str, identities: list[tuple[str, str]] | None = None) -> OldPerson:
        person = self._by_id.get(old_id)
        if person is None:
            # A number of this length that no table explains is Discord's.
            guessed = ("discord" if old_id.isdecimal() and 15 <= len(old_id) <= 20 else "api", old_id)
            person = OldPerson(identities or [guessed])
            self.everybody.append(person)
            for one_id in (old_id, *(number for _, number in person.identities)):
                self._by_id[one_id] = person
        return person


def records(person: OldPerson, default: str) -> list[dict[str, Any]]:
    """The person in the form of our export. Facts that belong to no character go to all that the person talked with, or
    to `default`.
    """
    found: list[dict[str, Any]] = [
        {
            "type": "person",
            "format": FORMAT,
            "version": VERSION,
            "display_name": person.name,
            "time_zone": person.time_zone,
        }
    ]
    talked = sorted(person.relationships.keys() | person.messages.keys() | person.summaries.keys()) or [default]
    for name in talked:
        own = [fact for fact in person.facts if fact.get("mentioned_by_character") in (name, None, "")]
        strange = [fact for fact in person.facts if fact.get("mentioned_by_character") not in (*talked, None, "")]
        now = datetime.now(UTC)
        found.append({"type": "conversation", "character": name, "last_at": now.isoformat()})
        if name in person.relationships:
            found.append(_relationship(person.relationships[name], now))
        found += _messages(person.messages[name])
        found += _facts([*own, *strange], now)
        found += [_summary(row, now) for row in person.summaries[name]]
    return found


def _relationship(row: Row, now: datetime) -> dict[str, Any]:
    return {
        "type": "relationship",
        **{name: float(row.get(name) or 0.0) for name in ("trust", "affection", "attunement")},
        "interactions": int(row.get("interaction_count") or 0),
        "first_at": moment(row.get("created_at"), now).isoformat(),
        "last_at": moment(row.get("last_updated") or row.get("updated_at"), now).isoformat(),
    }


def _messages(payloads: list[Row]) -> list[dict[str, Any]]:
    """Of each turn the person's message and the answer; the pair of both, which the old program kept as well, is
    neither.
    """
    now = datetime.now(UTC)
    said = [payload for payload in payloads if _role(payload)]
    said.sort(key=lambda payload: (moment(payload.get("timestamp"), now), _role(payload) != "person"))
    found: list[dict[str, Any]] = []
    session, place, last, asked = 1, 0, None, {}
    for payload in said:
        said_at = moment(payload.get("timestamp"), now)
        if last is not None and said_at - last > SESSION_GAP:
            session, place = session + 1, 0
        place, last = place + 1, said_at
        channel = f"v1:{payload.get('channel_id') or payload.get('channel_type') or 'dm'}"
        # Two messages of one millisecond keep their order: the lower bits count.
        message_id = max(id_at(said_at), int(found[-1]["message_id"]) + 1 if found else 0)
        by_person = _role(payload) == "person"
        found.append(
            {
                "type": "message",
                "message_id": str(message_id),
                "role": "person" if by_person else "character",
                "channel": channel,
                "shared": str(payload.get("channel_type") or "dm").lower() not in ("dm", "private", "web_ui", "api"),
                "session": session,
                "place": place,
                "said_at": said_at.isoformat(),
                "content": str(payload.get("content") or ""),
                "reply_to": None if by_person else asked.pop(channel, None),
                "request_key": f"v1:{payload['point_id']}" if by_person else None,
            }
        )
        if by_person:
            asked[channel] = str(message_id)
    return found


def _role(payload: Row) -> str:
    """`person` or `character`; empty for what is neither's own words."""
    source, role = payload.get("source"), payload.get("role")
    if source == "user_message" or role == "user":
        return "person"
    return "character" if source == "bot_response" or role in ("bot", "assistant") else ""


def _facts(old: list[Row], now: datetime) -> list[dict[str, Any]]:
    """One in force for each slot: of the old ones that say the same, the latest."""
    by_slot: dict[str, dict[str, Any]] = {}
    for row in old:
        relation = str(row["relationship_type"]).lower()
        kind, value = KINDS.get(relation, ("note", ""))
        entity = str(row["entity"])
        if kind == "note":
            entity = f"{relation.replace('_', ' ')} {entity}"
        at = moment(row.get("created_at"), now)
        learned = slots.learned(
            kind,
            entity if value else "",
            value or entity,
            confidence=min(max(float(row.get("confidence") or 0.5), 0.0), 1.0),
            origin="pattern",
            message_id=None,
            said_at=at,
        )
        by_slot[learned.slot] = {
            "type": "fact",
            "fact_id": str(new_id()),
            "kind": learned.kind,
            "slot": learned.slot,
            "value": learned.value,
            "text": learned.text,
            "confidence": learned.confidence,
            "shared": False,
            "pinned": False,
            "origin": learned.origin,
            "valid_from": at.isoformat(),
            "sources": [],
        }
    return list(by_slot.values())


def _summary(row: Row, now: datetime) -> dict[str, Any]:
    start, end = moment(row.get("start_timestamp"), now), moment(row.get("end_timestamp"), now)
    return {
        "type": "summary",
        "channel": "v1:dm",
        "shared": False,
        "first_message_id": str(id_at(start)),
        "last_message_id": str(id_at(end)),
        "messages": int(row.get("message_count") or 0),
        "text": str(row.get("summary_text") or ""),
        "origin": "model",
        "created_at": end.isoformat(),
    }


def _preferences(value: Any) -> dict[str, str]:
    """What the person chose: `{kind: {"value": …}}`, as text or as an object."""
    try:
        found = json.loads(value) if isinstance(value, str) else value or {}
    except ValueError:
        return {}
    return {kind: str(each["value"]) for kind, each in found.items() if isinstance(each, dict) and each.get("value")}


async def _points(session: aiohttp.ClientSession, url: str, collection: str) -> AsyncIterator[Row]:
    """Payloads of a collection with their `point_id`; none when there is no such collection."""
    offset: Any = None
    while True:
        body = {"limit": PAGE, "with_payload": True, "with_vector": False, "offset": offset}
        try:
            async with session.post(f"{url}/collections/{collection}/points/scroll", json=body) as response:
                if response.status == 404:
                    return
                response.raise_for_status()
                page = (await response.json())["result"]
        except (aiohttp.ClientError, KeyError, ValueError) as error:
            raise WhisperEngineError(
                f"Qdrant at {url} cannot be read ({type(error).__name__}: {error}). Check the address after --qdrant."
            ) from error
        for point in page["points"]:
            yield {**(point.get("payload") or {}), "point_id": point["id"]}
        offset = page.get("next_page_offset")
        if offset is None:
            return
