"""Characters in the database: the present definition of each. Whoever listens on CHANNEL hears of every change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

import asyncpg

from whisperengine.characters import pictures, versions
from whisperengine.characters.definition import Definition, parse
from whisperengine.db.ids import new_id
from whisperengine.db.pool import TURN_SECONDS, Connection, Executor
from whisperengine.errors import ChangedMeanwhile, ConflictError

CHANNEL = "whisperengine_characters"
"""PostgreSQL's NOTIFY channel; the payload is the name of the character that changed."""

_COLUMNS = (
    "id, name, definition, version, builtin_sha256 is not null as unedited_builtin, "
    f"{pictures.TAG} as picture, archived_at, created_at, updated_at"
)


@dataclass(frozen=True)
class Character:
    """`picture` changes with its picture; "" while it has only the drawn one."""

    id: int
    name: str
    definition: Definition
    version: int
    unedited_builtin: bool
    picture: str
    archived_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Summary:
    """A row of the list: enough to choose a character by, without its definition."""

    name: str
    full_name: str
    description: str
    archetype: str
    tags: tuple[str, ...]
    color: str
    version: int
    unedited_builtin: bool
    picture: str
    archived_at: datetime | None
    created_at: datetime
    updated_at: datetime


def builtin() -> Iterator[Definition]:
    """The characters that ship with the program. Reads files: call it off the event loop or at start."""
    folder = files("whisperengine.characters").joinpath("builtin")
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".json"):
            yield parse(json.loads(entry.read_text("utf-8")))


async def load_builtin(connection: Connection) -> list[str]:
    """Bring the shipped characters into the database; returns the names of those that were added or updated.

    A shipped character that a person edited is left alone, as is one of a person's own that happens to bear the name.
    Safe to run in several processes at once.
    """
    changed = []
    for definition in builtin():
        async with connection.transaction():
            written = await connection.fetchrow(
                "insert into characters (id, name, definition, builtin_sha256) values ($1, $2, $3, $4) "
                "on conflict (name) do update set definition = excluded.definition, "
                "builtin_sha256 = excluded.builtin_sha256, version = characters.version + 1, updated_at = now() "
                "where characters.builtin_sha256 <> excluded.builtin_sha256 returning id, version",
                new_id(),
                definition.name,
                definition.document,
                definition.sha256,
            )
            if written:
                note = "shipped with the program"
                await versions.save(connection, written["id"], written["version"], definition, note=note, saved_by="")
                await tell(connection, definition.name)
                changed.append(definition.name)
    return changed


async def get(connection: Executor, name: str, *, archived: bool = False) -> Character | None:
    """The character of that name, or None. With `archived`, one that was archived is found too."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from characters where name = $1 and ($2 or archived_at is null)",
        name,
        archived,
        timeout=TURN_SECONDS,
    )
    return _character(row) if row else None


async def list_characters(
    connection: Executor,
    *,
    archived: bool = False,
    q: str = "",
    tag: str = "",
    only: str | None = None,
    after: str = "",
    limit: int = 1000,
) -> list[Summary]:
    """Characters by name, those after the name `after`; with `archived`, the archived ones among them.

    `q` is searched in names, description and tags, `tag` is a whole tag; both without regard to case. `only` is the
    one name that may be seen.
    """
    rows = await connection.fetch(
        "select * from (select name, coalesce(definition #>> '{identity,full_name}', '') as full_name, "
        "left(coalesce(definition #>> '{identity,description}', ''), 500) as description, "
        "coalesce(definition #>> '{identity,archetype}', 'real-world') as archetype, "
        "coalesce(definition #> '{about,tags}', '[]') as tags, "
        "coalesce(definition #>> '{avatar,accent}', '') as color, version, "
        f"builtin_sha256 is not null as unedited_builtin, {pictures.TAG} as picture, archived_at, created_at, "
        "updated_at from characters where name > $1 and ($2 or archived_at is null) "
        "and ($3::text is null or name = $3)) listed "
        "where ($4 = '' or strpos(lower(concat_ws(' ', name, full_name, description, tags)), lower($4)) > 0) "
        "and ($5 = '' or exists (select from jsonb_array_elements_text(tags) as one where lower(one) = lower($5))) "
        "order by name limit $6",
        after,
        archived,
        only,
        q,
        tag,
        limit,
    )
    return [Summary(**{**row, "tags": tuple(row["tags"])}) for row in rows]


async def create(
    connection: Connection, definition: Definition, *, note: str = "created", saved_by: str = ""
) -> Character:
    """Raises ConflictError when the name is taken, also by an archived character."""
    async with connection.transaction():
        row = await connection.fetchrow(
            "insert into characters (id, name, definition) values ($1, $2, $3) "
            f"on conflict (name) do nothing returning {_COLUMNS}",
            new_id(),
            definition.name,
            definition.document,
        )
        if row is None:
            raise _taken(definition.name)
        await versions.save(connection, row["id"], row["version"], definition, note=note, saved_by=saved_by)
        await tell(connection, definition.name)
    return _character(row)


async def replace(
    connection: Connection,
    name: str,
    definition: Definition,
    *,
    expected_version: int | None,
    note: str = "",
    saved_by: str = "",
) -> Character | None:
    """Save a new version; None when there is no such character. A definition with another name renames the character.

    `expected_version` is the version that the editor started from; raises ChangedMeanwhile when somebody saved in
    between, ConflictError (code `name_taken`) when the new name is taken. None overwrites whatever is there. Saving
    what is there already makes no new version. Without a `note` the version says which fields changed.
    """
    async with connection.transaction():
        row = await connection.fetchrow(f"select {_COLUMNS} from characters where name = $1 for update", name)
        if row is None:
            return None
        current = _character(row)
        if expected_version is not None and current.version != expected_version:
            raise ChangedMeanwhile(
                f"{name} was changed in the meantime: it is at version {current.version}, and version "
                f"{expected_version} was edited. Load it again, repeat the change and save."
            )
        if current.definition.sha256 == definition.sha256:
            return current
        try:
            async with connection.transaction():
                row = await connection.fetchrow(
                    "update characters set name = $2, definition = $3, version = version + 1, builtin_sha256 = null, "
                    f"updated_at = now() where id = $1 returning {_COLUMNS}",
                    current.id,
                    definition.name,
                    definition.document,
                )
        except asyncpg.UniqueViolationError:
            raise _taken(definition.name) from None
        if definition.name != name:
            await _follow(connection, name, definition.name)
        note = note or versions.headline(current.definition, definition)
        await versions.save(connection, current.id, current.version + 1, definition, note=note, saved_by=saved_by)
        await tell(connection, name, definition.name)
    return _character(row)


async def _follow(connection: Connection, old: str, new: str) -> None:
    """What names a character goes along when it is renamed: else it would mean whoever gets the old name next."""
    for table in ("api_keys", "discord_answers", "discord_places"):
        await connection.execute(f"update {table} set character = $2 where character = $1", old, new)


async def archive(connection: Connection, name: str) -> bool:
    """Take a character out of use; its memories stay. False when there is none of that name in use."""
    return await _set_archived(
        connection,
        name,
        "update characters set archived_at = now() where name = $1 and archived_at is null returning true",
    )


async def restore(connection: Connection, name: str) -> bool:
    """Bring an archived character back into use. False when there is none of that name in the archive."""
    return await _set_archived(
        connection,
        name,
        "update characters set archived_at = null where name = $1 and archived_at is not null returning true",
    )


async def _set_archived(connection: Connection, name: str, statement: str) -> bool:
    async with connection.transaction():
        done = await connection.fetchval(statement, name)
        await tell(connection, name)
    return bool(done)


async def tell(connection: Connection, *names: str) -> None:
    """Let every process know that these characters changed. In the transaction of the change, so that nobody hears of
    it before it can be seen.
    """
    for name in dict.fromkeys(names):
        await connection.execute("select pg_notify($1, $2)", CHANNEL, name)


def _character(row: Any) -> Character:
    return Character(**{**row, "definition": Definition(row["definition"])})


def _taken(name: str) -> ConflictError:
    return ConflictError(
        f"A character named {name} exists already, perhaps in the archive. Choose another name, or restore or replace "
        "that one.",
        code="name_taken",
    )
