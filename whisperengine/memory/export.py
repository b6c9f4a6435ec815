"""Everything of a person as records, one after another, and back again.

A record is a JSON object with `type`: `person`, then for each character `conversation`, `relationship`, `message`...,
`fact`..., `summary`... . Vectors are not exported: they are computed again. Importing the same records twice adds
nothing.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from whisperengine.db.ids import new_id
from whisperengine.db.pool import Connection
from whisperengine.errors import RequestError
from whisperengine.memory import reactions
from whisperengine.memory.terms import search_text

FORMAT = "whisperengine-person"
VERSION = 1

_MESSAGES = """
select message_id, role, channel, shared, session, place, said_at, about_from, about_to, content, reply_to, request_key,
  model, feeling, intensity, pinned, importance, edited_at, interrupted,
  coalesce((select jsonb_agg(jsonb_build_object('emoji', r.emoji, 'valence', r.valence) order by r.at) from reactions r
    where r.user_id = m.user_id and r.character_id = m.character_id and r.message_id = m.message_id), '[]') as reactions
  from messages m where user_id = $1 and character_id = $2 order by message_id"""


async def records(pool: asyncpg.Pool, user_id: int) -> AsyncIterator[dict[str, Any]]:
    """Every record of a person, in one consistent snapshot, streamed from a cursor."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        person = await connection.fetchrow("select * from users where user_id = $1", user_id)
        if person is None:
            return
        identities = await connection.fetch(
            "select platform, platform_user_id from identities where user_id = $1 order by 1, 2", user_id
        )
        yield {
            "type": "person",
            "format": FORMAT,
            "version": VERSION,
            "display_name": person["display_name"],
            "time_zone": person["time_zone"],
            "created_at": person["created_at"].isoformat(),
            "identities": [dict(row) for row in identities],
        }
        talks = await connection.fetch(
            "select c.character_id, ch.name, c.session, c.last_at from conversations c "
            "join characters ch on ch.id = c.character_id where c.user_id = $1 order by ch.name",
            user_id,
        )
        for talk in talks:
            async for record in _conversation(connection, user_id, talk):
                yield record


async def _conversation(connection: Connection, user_id: int, talk: asyncpg.Record) -> AsyncIterator[dict[str, Any]]:
    key = (user_id, talk["character_id"])
    yield {"type": "conversation", "character": talk["name"], "last_at": talk["last_at"].isoformat()}
    row = await connection.fetchrow(
        "select trust, affection, attunement, interactions, first_at, last_at, state from relationships "
        "where user_id = $1 and character_id = $2",
        *key,
    )
    if row:
        yield _record("relationship", row)
    async for row in connection.cursor(_MESSAGES, *key):
        yield _record("message", row)
    async for row in connection.cursor(
        "select f.fact_id, f.kind, f.slot, f.value, f.text, f.confidence, f.shared, f.pinned, f.origin, f.valid_from, "
        "f.superseded_at, f.superseded_by, array(select s.message_id from fact_sources s where s.user_id = f.user_id "
        "and s.character_id = f.character_id and s.fact_id = f.fact_id) as sources "
        "from facts f where user_id = $1 and character_id = $2 order by fact_id",
        *key,
    ):
        yield _record("fact", row)
    async for row in connection.cursor(
        "select channel, shared, first_message_id, last_message_id, messages, text, origin, created_at from summaries "
        "where user_id = $1 and character_id = $2 order by summary_id",
        *key,
    ):
        yield _record("summary", row)


def _record(kind: str, row: asyncpg.Record) -> dict[str, Any]:
    """Ids as text, because JSON readers lose digits of 64-bit numbers; times in ISO 8601."""
    record: dict[str, Any] = {"type": kind}
    for name, value in row.items():
        if isinstance(value, datetime):
            value = value.isoformat()
        elif name.endswith("_id") or name in ("reply_to", "superseded_by"):
            value = None if value is None else str(value)
        elif name == "sources":
            value = [str(id) for id in value]
        record[name] = value
    return record


_STORE_MESSAGE = """
insert into messages (user_id, character_id, message_id, role, channel, shared, session, place, said_at, content,
  reply_to, request_key, model, feeling, intensity, pinned, importance, edited_at, interrupted, about_from, about_to,
  terms, term_count, pending)
select $1, $2, $3, $4, $5, $6::boolean, $7::integer, $8::integer, $9::timestamptz, $10, $11::bigint, $12, $13, $14,
  $15::real, $16::boolean, $17::real, $18::timestamptz, $19::boolean, $21::timestamptz, $22::timestamptz, terms,
  length(terms), true
from to_tsvector('english', $20) terms on conflict do nothing
"""


class Intake:
    """Takes records back in, for one person: `take` each in order, then `finish`, all inside one transaction."""

    def __init__(self, connection: Connection, user_id: int, characters: dict[str, int]) -> None:
        """`characters`: ids by name of those that exist here.

        A conversation with another one is left out and counted.
        """
        self._connection, self._user_id, self._characters = connection, user_id, characters
        self._character_id: int | None = None
        self._name = self._speaker = ""
        self._facts: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        self.left_out: list[str] = []

    async def take(self, record: Any) -> None:
        """One record. Raises RequestError for what is no record of ours."""
        if not isinstance(record, dict) or record.get("type") not in _READERS:
            raise RequestError(
                "This is no export of this program: a record has no known `type`.", code="invalid_export"
            )
        kind = record["type"]
        if kind not in ("person", "conversation") and self._character_id is None:
            return
        try:
            added = await _READERS[kind](self, record)
        except (KeyError, TypeError, ValueError) as error:
            raise RequestError(
                f"A record of the type {kind} is damaged ({type(error).__name__}: {error}). Export again.",
                code="invalid_export",
            ) from None
        self.counts[kind] = self.counts.get(kind, 0) + added

    async def finish(self) -> None:
        """Bring the totals of every conversation in step with its messages."""
        await self._connection.execute(
            "update conversations c set messages = t.n, terms = t.terms, session = greatest(c.session, t.session), "
            "last_at = greatest(c.last_at, t.last_at) from (select character_id, count(*) as n, sum(term_count) as "
            "terms, "
            "max(session) as session, max(said_at) as last_at from messages where user_id = $1 group by 1) t "
            "where c.user_id = $1 and c.character_id = t.character_id",
            self._user_id,
        )

    async def _person(self, record: dict[str, Any]) -> int:
        if record.get("format") != FORMAT or record.get("version") != VERSION:
            raise RequestError(
                f"This is no export of this program in version {VERSION}. Import it with the version that wrote it.",
                code="invalid_export",
            )
        self._speaker = str(record["display_name"])
        await self._connection.execute(
            "update users set display_name = case when display_name = '' then $2 else display_name end, "
            "time_zone = case when time_zone = 'UTC' then $3 else time_zone end where user_id = $1",
            self._user_id,
            self._speaker,
            str(record["time_zone"]),
        )
        return 1

    async def _conversation(self, record: dict[str, Any]) -> int:
        self._name = str(record["character"])
        self._character_id = self._characters.get(self._name)
        self._facts = {}
        if self._character_id is None:
            self.left_out.append(self._name)
            return 0
        await self._connection.execute(
            "insert into conversations (user_id, character_id, last_at) values ($1, $2, $3) on conflict do nothing",
            self._user_id,
            self._character_id,
            _time(record["last_at"]),
        )
        return 1

    async def _relationship(self, record: dict[str, Any]) -> int:
        status = await self._connection.execute(
            "insert into relationships (user_id, character_id, trust, affection, attunement, interactions, first_at, "
            "last_at, state) "
            "values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing",
            self._user_id,
            self._character_id,
            *(min(max(float(record[name]), 0.0), 1.0) for name in ("trust", "affection", "attunement")),
            int(record["interactions"]),
            _time(record["first_at"]),
            _time(record["last_at"]),
            _plain(record.get("state")),
        )
        return int(status.split()[-1])

    async def _message(self, record: dict[str, Any]) -> int:
        by_person = record["role"] == "person"
        said_at = _time(record["said_at"])
        content = str(record["content"]).replace("\0", "")
        status = await self._connection.execute(
            _STORE_MESSAGE,
            self._user_id,
            self._character_id,
            int(record["message_id"]),
            "person" if by_person else "character",
            str(record["channel"]),
            bool(record["shared"]),
            int(record["session"]),
            int(record["place"]),
            said_at,
            content,
            int(record["reply_to"]) if record.get("reply_to") else None,
            record.get("request_key"),
            record.get("model"),
            record.get("feeling"),
            record.get("intensity"),
            bool(record.get("pinned")),
            float(record.get("importance", 0.5)),
            _time(record["edited_at"]) if record.get("edited_at") else None,
            bool(record.get("interrupted")),
            search_text(content),
            _time(record["about_from"]) if record.get("about_from") else None,
            _time(record["about_to"]) if record.get("about_to") else None,
        )
        key = (self._user_id, self._character_id or 0, int(record["message_id"]))
        for reaction in record.get("reactions") or ():
            await reactions.add(
                self._connection,
                *key,
                str(reaction["emoji"]),
                min(max(float(reaction["valence"]), -1.0), 1.0),
            )
        return int(status.split()[-1])

    async def _fact(self, record: dict[str, Any]) -> int:
        fact_id = await self._connection.fetchval(
            "insert into facts (user_id, character_id, fact_id, kind, slot, value, text, confidence, shared, pinned, "
            "origin, "
            "valid_from, superseded_at, superseded_by) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, "
            "$13, $14) "
            "on conflict do nothing returning fact_id",
            self._user_id,
            self._character_id,
            int(record["fact_id"]),
            *(str(record[name]) for name in ("kind", "slot", "value", "text")),
            min(max(float(record["confidence"]), 0.0), 1.0),
            bool(record["shared"]),
            bool(record["pinned"]),
            str(record["origin"]),
            _time(record["valid_from"]),
            _time(record["superseded_at"]) if record.get("superseded_at") else None,
            int(record["superseded_by"]) if record.get("superseded_by") else None,
        )
        if fact_id is None:
            return 0
        await self._connection.execute(
            "insert into fact_sources (user_id, character_id, fact_id, message_id) select $1, $2, $3, m.message_id "
            "from messages m where m.user_id = $1 and m.character_id = $2 and m.message_id = any($4) on conflict do "
            "nothing",
            self._user_id,
            self._character_id,
            fact_id,
            [int(id) for id in record["sources"]],
        )
        return 1

    async def _summary(self, record: dict[str, Any]) -> int:
        status = await self._connection.execute(
            "insert into summaries (user_id, character_id, summary_id, channel, shared, first_message_id, "
            "last_message_id, "
            "messages, text, origin, created_at) select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 where not exists ("
            "select from summaries where user_id = $1 and character_id = $2 and channel = $4 and first_message_id = "
            "$6)",
            self._user_id,
            self._character_id,
            new_id(),
            str(record["channel"]),
            bool(record["shared"]),
            int(record["first_message_id"]),
            int(record["last_message_id"]),
            int(record["messages"]),
            str(record["text"]),
            str(record["origin"]),
            _time(record["created_at"]),
        )
        return int(status.split()[-1])


_READERS = {
    "person": Intake._person,
    "conversation": Intake._conversation,
    "relationship": Intake._relationship,
    "message": Intake._message,
    "fact": Intake._fact,
    "summary": Intake._summary,
}


def as_document(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Records as one document; `from_document` gives them back."""
    return {"format": FORMAT, "version": VERSION, "records": list(found)}


def from_document(document: Any) -> list[Any]:
    """The records of a document. Raises RequestError for anything else."""
    if not isinstance(document, dict) or not isinstance(document.get("records"), list):
        raise RequestError("This is no export of this program: there are no `records`.", code="invalid_export")
    return document["records"]


def _plain(state: Any) -> dict[str, Any]:
    """What a character kept of the person; absent in exports of before. Raises ValueError for what is no JSON."""
    if not isinstance(state, dict):
        return {}
    # PostgreSQL keeps no such letter.
    return json.loads(json.dumps(state, allow_nan=False).replace("\\u0000", ""))


def _time(text: Any) -> datetime:
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment
