"""What the schema needs from a database server and from the role that migrates it."""

from __future__ import annotations

import asyncpg

from whisperengine.errors import MigrationError

OLDEST_POSTGRESQL = 15
OLDEST_PGVECTOR = (0, 7)  # the first with halfvec


async def check_server(connection: asyncpg.Connection) -> None:
    """Raise MigrationError, naming the command that helps, unless server, pgvector and the role's rights suffice."""
    row = await connection.fetchrow(
        """
        select current_setting('server_version_num')::int / 10000 as postgresql,
               quote_ident(current_database()) as database,
               quote_ident(current_user) as role,
               quote_ident(current_schema()) as schema,
               has_schema_privilege(current_schema(), 'create') as may_create_tables,
               installed_version is not null as installed,
               coalesce(installed_version, default_version) as pgvector,
               (select rolsuper from pg_roles where rolname = current_user)
                 or exists (select from pg_available_extension_versions v
                            where v.name = 'vector' and v.version = default_version and (v.trusted or not v.superuser)
                              and has_database_privilege(current_database(), 'create')) as may_create_extension
        from (values (1)) one left join pg_available_extensions on name = 'vector'
        """
    )
    assert row is not None
    role, database, schema, pgvector = row["role"], row["database"], row["schema"], row["pgvector"]
    oldest = ".".join(map(str, OLDEST_PGVECTOR))
    if row["postgresql"] < OLDEST_POSTGRESQL:
        raise MigrationError(f"The server is PostgreSQL {row['postgresql']}. Use {OLDEST_POSTGRESQL} or later.")
    if pgvector is None:
        raise MigrationError(
            f"The server has no pgvector. Install pgvector {oldest} or later there, then migrate again."
        )
    if tuple(int(part) for part in pgvector.split(".")[:2]) < OLDEST_PGVECTOR:
        raise MigrationError(
            f"Database {database} has pgvector {pgvector}, but {oldest} or later is needed. Install it on the server, "
            f"then run as a superuser in database {database}: ALTER EXTENSION vector UPDATE"
        )
    if not row["installed"] and not row["may_create_extension"]:
        raise MigrationError(
            f"Role {role} may not create extensions. Run as a superuser in database {database}: CREATE EXTENSION vector"
        )
    if schema and not row["may_create_tables"]:
        raise MigrationError(
            f"Role {role} may not create tables. Run as the owner of database {database}: "
            f"GRANT CREATE ON SCHEMA {schema} TO {role}"
        )
