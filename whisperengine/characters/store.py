"""Characters in the database: the present definition of each, and every version that was ever saved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

import asyncpg

from whisperengine.characters.definition import Definition, parse
from whisperengine.db.ids import new_id
from whisperengine.db.pool import Connection, Executor
from whisperengine.errors import ConflictError

_COLUMNS = (
    "id, name, definition, version, builtin_sha256 is not null as unedited_builtin, archived_at, created_at, updated_at"
)


@dataclass(frozen=True)
class Character:
    id: int
    name: str
    definition: Definition
    version: int
    unedited_builtin: bool
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
    version: int
    archived_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True)
class Saved:
    """One saved version."""

    version: int
    saved_at: datetime
    note: str


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
                await _save_version(
                    connection, written["id"], written["version"], definition, "shipped with the program"
                )
                changed.append(definition.name)
    return changed


async def get(connection: Executor, name: str, *, archived: bool = False) -> Character | None:
    """The character of that name, or None. With `archived`, one that was archived is found too."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from characters where name = $1 and ($2 or archived_at is null)", name, archived
    )
    return _character(row) if row else None


async def list_characters(
    connection: Executor, *, archived: bool = False, after: str = "", limit: int = 1000
) -> list[Summary]:
    """Characters by name, those after the name `after`; with `archived`, the archived ones among them."""
    rows = await connection.fetch(
        "select name, coalesce(definition #>> '{identity,full_name}', '') as full_name, "
        "left(coalesce(definition #>> '{identity,description}', ''), 500) as description, "
        "coalesce(definition #>> '{identity,archetype}', 'real-world') as archetype, "
        "coalesce(definition #> '{about,tags}', '[]') as tags, version, archived_at, updated_at "
        "from characters where name > $1 and ($2 or archived_at is null) order by name limit $3",
        after,
        archived,
        limit,
    )
    return [Summary(**{**row, "tags": tuple(row["tags"])}) for row in rows]


async def create(connection: Connection, definition: Definition, *, note: str = "created") -> Character:
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
        await _save_version(connection, row["id"], row["version"], definition, note)
    return _character(row)


async def replace(
    connection: Connection, name: str, definition: Definition, *, expected_version: int | None, note: str = ""
) -> Character | None:
    """Save a new version; None when there is no such character. A definition with another name renames the character.

    `expected_version` is the version that the editor started from; ConflictError (code `version_conflict`) when
    somebody saved in between, and (code `name_taken`) when the new name is taken. None overwrites whatever is there.
    Saving what is there already makes no new version.
    """
    async with connection.transaction():
        row = await connection.fetchrow(f"select {_COLUMNS} from characters where name = $1 for update", name)
        if row is None:
            return None
        current = _character(row)
        if expected_version is not None and current.version != expected_version:
            raise ConflictError(
                f"{name} was changed in the meantime: it is at version {current.version}, and version "
                f"{expected_version} was edited. Load it again, repeat the change and save.",
                code="version_conflict",
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
        await _save_version(connection, current.id, current.version + 1, definition, note)
    return _character(row)


async def archive(connection: Executor, name: str) -> bool:
    """Take a character out of use; its memories stay. False when there is none of that name in use."""
    done = await connection.fetchval(
        "update characters set archived_at = now() where name = $1 and archived_at is null returning true", name
    )
    return bool(done)


async def restore(connection: Executor, name: str) -> bool:
    """Bring an archived character back into use. False when there is none of that name in the archive."""
    done = await connection.fetchval(
        "update characters set archived_at = null where name = $1 and archived_at is not null returning true", name
    )
    return bool(done)


async def versions(connection: Executor, name: str) -> list[Saved]:
    """Every saved version, newest first; empty when there is no such character."""
    rows = await connection.fetch(
        "select v.version, v.saved_at, v.note from characters c join character_versions v on v.character_id = c.id "
        "where c.name = $1 order by v.version desc",
        name,
    )
    return [Saved(*row) for row in rows]


async def version(connection: Executor, name: str, number: int) -> Definition | None:
    """The definition as it was saved under that number, or None."""
    document = await connection.fetchval(
        "select v.definition from characters c join character_versions v on v.character_id = c.id "
        "where c.name = $1 and v.version = $2",
        name,
        number,
    )
    return Definition(document) if document else None


async def _save_version(connection: Connection, id: int, number: int, definition: Definition, note: str) -> None:
    await connection.execute(
        "insert into character_versions (character_id, version, definition, note) values ($1, $2, $3, $4)",
        id,
        number,
        definition.document,
        note,
    )


def _character(row: Any) -> Character:
    return Character(**{**row, "definition": Definition(row["definition"])})


def _taken(name: str) -> ConflictError:
    return ConflictError(
        f"A character named {name} exists already, perhaps in the archive. Choose another name, or restore or replace "
        "that one.",
        code="name_taken",
    )
