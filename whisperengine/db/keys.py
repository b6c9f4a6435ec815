"""API keys and browser sessions. Of both only the SHA-256 is kept: whoever reads the database cannot call."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from whisperengine.db.ids import new_id
from whisperengine.db.pool import TURN_SECONDS, Executor
from whisperengine.errors import RequestError

MARK = "we_"
SCOPES = ("chat", "admin")
SESSION_DAYS = 30
USED_EVERY = timedelta(minutes=1)
_FIRST_KEY_LOCK = 0x7765_6B65  # any number that nothing else locks
_PREFIX_CHARS = len(MARK) + 8


@dataclass(frozen=True, slots=True)
class Key:
    """A stored key. `person` and `character` are the only ones that it may speak for and with; None is anybody."""

    key_id: int
    prefix: str
    name: str
    scope: str
    person: str | None
    character: str | None
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class SessionKey:
    """What a session may do: what its key may. `key_id` and `prefix` are None for the key of the environment."""

    key_id: int | None
    prefix: str | None
    scope: str
    person: str | None
    character: str | None


_COLUMNS = "key_id, prefix, name, scope, person, character, created_at, last_used_at, revoked_at"


def looks_like(text: str) -> bool:
    """Whether a text has the form of our keys."""
    return text.startswith(MARK)


async def create(
    connection: Executor, name: str, scope: str, *, person: str | None = None, character: str | None = None
) -> tuple[str, Key]:
    """A new key: the text to be handed to its owner, which cannot be had again, and what is kept of it.

    Raises RequestError for a scope that there is not, and for an admin key that is tied.
    """
    if scope not in SCOPES:
        raise RequestError(f"scope must be one of {', '.join(SCOPES)}.", code="invalid_field")
    if scope == "admin" and (person or character):
        raise RequestError("Only a key of the scope chat can be tied to a person or a character.", code="invalid_field")
    text = f"{MARK}{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}"
    row = await connection.fetchrow(
        "insert into api_keys (key_id, prefix, sha256, name, scope, person, character) "
        f"values ($1, $2, $3, $4, $5, $6, $7) returning {_COLUMNS}",
        new_id(),
        text[:_PREFIX_CHARS],
        _digest(text),
        name,
        scope,
        person or None,
        character or None,
    )
    return text, _key(row)


async def first_admin(pool: asyncpg.Pool) -> str | None:
    """An admin key when there is none yet; None when there is. Two processes that start at once make one."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", _FIRST_KEY_LOCK)
        if await connection.fetchval("select true from api_keys where scope = 'admin' and revoked_at is null limit 1"):
            return None
        text, _ = await create(connection, "first", "admin")
        return text


async def find(pool: asyncpg.Pool, text: str) -> Key | None:
    """The key with this text that is in force, or None. Notes, once a minute, that it was used."""
    row = await pool.fetchrow(
        f"select sha256, {_COLUMNS} from api_keys where prefix = $1", text[:_PREFIX_CHARS], timeout=TURN_SECONDS
    )
    if row is None or not hmac.compare_digest(row["sha256"], _digest(text)) or row["revoked_at"] is not None:
        return None
    await pool.execute(
        "update api_keys set last_used_at = now() where key_id = $1 "
        "and (last_used_at is null or last_used_at < now() - $2::interval)",
        row["key_id"],
        USED_EVERY,
    )
    return _key(row)


async def all_keys(connection: Executor) -> list[Key]:
    """Every key, revoked ones too, newest first."""
    return [_key(row) for row in await connection.fetch(f"select {_COLUMNS} from api_keys order by key_id desc")]


async def revoke(connection: Executor, prefix: str) -> Key | None:
    """Put a key out of force, and the sessions that were opened with it; None when there is none, or no longer."""
    row = await connection.fetchrow(
        f"with gone as (update api_keys set revoked_at = now() where prefix = $1 and revoked_at is null "
        f"returning {_COLUMNS}), "
        "closed as (delete from sessions s using gone where s.key_id = gone.key_id) select * from gone",
        prefix,
    )
    return _key(row) if row else None


async def open_session(pool: asyncpg.Pool, key_id: int | None, secret: str) -> str:
    """The token of a new session for a browser that showed a key; `key_id` is None for the environment's.

    `secret` is the environment's key: where that is changed, all sessions are over.
    """
    token = secrets.token_urlsafe(32)
    await pool.execute("delete from sessions where expires_at < now()")
    await pool.execute(
        "insert into sessions (sha256, key_id, expires_at) values ($1, $2, now() + $3::interval)",
        _digest(token + secret),
        key_id,
        timedelta(days=SESSION_DAYS),
    )
    return token


async def session(pool: asyncpg.Pool, token: str, secret: str) -> SessionKey | None:
    """The key behind a session, or None when the session is over."""
    row = await pool.fetchrow(
        "select s.key_id, k.prefix, coalesce(k.scope, 'admin') as scope, k.person, k.character "
        "from sessions s left join api_keys k using (key_id) "
        "where s.sha256 = $1 and s.expires_at > now() and k.revoked_at is null",
        _digest(token + secret),
        timeout=TURN_SECONDS,
    )
    return SessionKey(**row) if row else None


async def close_session(pool: asyncpg.Pool, token: str, secret: str) -> None:
    await pool.execute("delete from sessions where sha256 = $1", _digest(token + secret))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _key(row: Any) -> Key:
    return Key(**{name: row[name] for name in Key.__slots__})
