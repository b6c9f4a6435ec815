"""Every version of a character that was ever saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from whisperengine.characters.definition import Definition
from whisperengine.characters.mapping import ABSENT, equal
from whisperengine.db.pool import Connection, Executor

NAMED = 5
"""Fields that the headline of a version names."""


@dataclass(frozen=True)
class Saved:
    """One saved version. `saved_by` is the key it was saved with, "" when none was needed."""

    version: int
    saved_at: datetime
    saved_by: str
    note: str


async def versions(connection: Executor, name: str) -> list[Saved]:
    """Every saved version, newest first; empty when there is no such character."""
    rows = await connection.fetch(
        "select v.version, v.saved_at, v.saved_by, v.note from characters c "
        "join character_versions v on v.character_id = c.id where c.name = $1 order by v.version desc",
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


async def save(
    connection: Connection, character_id: int, number: int, definition: Definition, *, note: str, saved_by: str
) -> None:
    """Keep a version. To be called in the transaction that makes it the present one."""
    await connection.execute(
        "insert into character_versions (character_id, version, definition, note, saved_by) "
        "values ($1, $2, $3, $4, $5)",
        character_id,
        number,
        definition.document,
        note,
        saved_by,
    )


def headline(old: Definition, new: Definition) -> str:
    """What a version changed, in one line: "changed: identity.age, voice.tone and 3 more"."""
    fields = list(_changed(old.document, new.document, ""))
    more = f" and {len(fields) - NAMED} more" if len(fields) > NAMED else ""
    return f"changed: {', '.join(fields[:NAMED])}{more}"


def _changed(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name in [*old, *(name for name in new if name not in old)]:
        before, after = old.get(name, ABSENT), new.get(name, ABSENT)
        if equal(before, after):
            continue
        if isinstance(before, dict) and isinstance(after, dict) and not prefix and name != "extensions":
            yield from _changed(before, after, f"{name}.")
        else:
            yield prefix + name
