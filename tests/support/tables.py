"""What is in a database, counted and hashed by the server itself."""

from __future__ import annotations

import asyncpg

# Counts that a crash may forget, and the record of migrations, whose times differ.
LEFT_OUT = {"turn_counts", "open_streams", "schema_migrations"}


async def contents(dsn: str) -> dict[str, tuple[int, str]]:
    """Of each table the number of rows and a hash of their text, whatever their order."""
    connection = await asyncpg.connect(dsn, server_settings={"timezone": "UTC"})
    try:
        names = await connection.fetch(
            "select relname from pg_class where relkind = 'r' and relnamespace = current_schema()::regnamespace"
        )
        found = {}
        for (name,) in names:
            row = await connection.fetchrow(
                f"select count(*), coalesce(md5(string_agg(md5(t::text), '' order by md5(t::text))), '') from {name} t"
            )
            assert row
            found[name] = (row[0], row[1])
        return {name: each for name, each in found.items() if name not in LEFT_OUT}
    finally:
        await connection.close()
