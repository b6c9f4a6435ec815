"""What the database has recorded, held against the migration files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from whisperengine.db.migration_files import Migration
from whisperengine.db.pool import Connection
from whisperengine.errors import MigrationError, SchemaError, StorageError

# Codes of the errors that callers tell apart.
DRIFT, NEWER = "migration_drift", "schema_newer"


@dataclass(frozen=True)
class Applied:
    """One row of `schema_migrations`."""

    version: int
    name: str
    sha256: bytes
    applied_at: datetime
    duration_ms: int
    app_version: str
    breaking: bool

    @property
    def label(self) -> str:
        return f"{self.version:04}_{self.name}"


@dataclass(frozen=True)
class Status:
    applied: list[Applied]
    pending: list[Migration]
    drifted: list[Applied]
    """Recorded, but the file of this number is another one."""
    missing: list[Migration]
    """Never recorded, although a later one is."""
    newer: list[Applied]
    """Recorded by a later release of the program: there is no file of this number."""

    @property
    def version(self) -> int:
        """Of the newest recorded migration; 0 when there is none."""
        return self.applied[-1].version if self.applied else 0

    def problem(self) -> StorageError | None:
        """Why nothing may be applied to this database, if that is so."""
        if self.drifted or self.missing:
            found = [
                f"{row.label} was applied on {row.applied_at:%Y-%m-%d} from a file with other content"
                for row in self.drifted
            ]
            found += [f"{file.label} was never applied, although a later one was" for file in self.missing]
            return MigrationError(
                f"The database was not made by these migration files: {'; '.join(found)}. "
                "Bring back the released files and put changes into a new file with the next number.",
                code=DRIFT,
            )
        breaking = [row.label for row in self.newer if row.breaking]
        if breaking:
            return SchemaError(
                f"The database schema (version {self.version}) was made by WhisperEngine "
                f"{self.newer[-1].app_version}, and {', '.join(breaking)} shuts out older programs such as this one. "
                "Upgrade this program.",
                code=NEWER,
            )
        return None

    def to_json(self) -> str:
        """One object: the version, and under each state's name its migrations."""
        return json.dumps(
            {
                "version": self.version,
                "applied": [
                    {
                        "version": row.version,
                        "name": row.name,
                        "sha256": row.sha256.hex(),
                        "applied_at": row.applied_at.isoformat(),
                        "duration_ms": row.duration_ms,
                        "app_version": row.app_version,
                        "breaking": row.breaking,
                    }
                    for row in self.applied
                ],
                **{
                    state: [{"version": each.version, "name": each.name, "breaking": each.breaking} for each in group]
                    for state, group in (
                        ("pending", self.pending),
                        ("drifted", self.drifted),
                        ("missing", self.missing),
                        ("newer", self.newer),
                    )
                },
            },
            indent=2,
        )


def compare(files: Sequence[Migration], rows: Sequence[Applied]) -> Status:
    """`files` are numbered from 1 without a gap; `rows` ascend."""
    recorded = {row.version for row in rows}
    newest = max(recorded, default=0)
    return Status(
        applied=list(rows),
        pending=[file for file in files if file.version > newest],
        drifted=[row for row in rows if row.version <= len(files) and row.sha256 != files[row.version - 1].sha256],
        missing=[file for file in files if file.version < newest and file.version not in recorded],
        newer=[row for row in rows if row.version > len(files)],
    )


async def table_name(connection: Connection) -> str:
    """Of the bookkeeping table, with its schema: a migration may change the search path."""
    table = await connection.fetchval("select quote_ident(current_schema()) || '.schema_migrations'")
    if table is None:
        raise MigrationError(
            "No schema of the search path exists or may be used. "
            "Run as the database's owner: CREATE SCHEMA IF NOT EXISTS public"
        )
    return table


async def read_status(connection: Connection, files: Sequence[Migration]) -> Status:
    """The state of the connection's database; changes nothing. No table means that nothing is applied."""
    table = await table_name(connection)
    if not await connection.fetchval("select to_regclass($1) is not null", table):
        return compare(files, [])
    rows = await connection.fetch(
        f"select version, name, sha256, applied_at, duration_ms, app_version, breaking from {table} order by version"
    )
    return compare(files, [Applied(**row) for row in rows])
