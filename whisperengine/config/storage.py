"""The database."""

from __future__ import annotations

from dataclasses import dataclass

from whisperengine.variables import env, flag, real, url, whole


@dataclass(frozen=True, kw_only=True)
class Storage:
    """Variables of the group Database."""

    # Database
    database_url: str = env(
        "DATABASE_URL",
        "",
        "Database",
        "PostgreSQL with pgvector, as postgresql://user:password@host:port/database. "
        "Neither this nor POSTGRES_HOST set: embedded PostgreSQL.",
        url("postgresql", "postgres"),
        "a postgresql:// URL",
        secret=True,
    )
    postgres_host: str = env("POSTGRES_HOST", "", "Database", "Host of PostgreSQL; the parts build the URL.")
    postgres_port: int = whole("POSTGRES_PORT", 5432, 1, 65535, "Database", "Port of PostgreSQL.")
    postgres_db: str = env("POSTGRES_DB", "whisperengine", "Database", "Name of the database.")
    postgres_user: str = env("POSTGRES_USER", "whisperengine", "Database", "Name of the database user.")
    postgres_password: str = env("POSTGRES_PASSWORD", "", "Database", "Password of the database user.", secret=True)
    pool_size: int = whole("POSTGRES_POOL_SIZE", 10, 1, 200, "Database", "Most connections that one process opens.")
    migrate_on_start: bool = flag(
        "MIGRATE_ON_START",
        False,
        "Database",
        "Apply pending migrations when the service starts. The embedded database always does.",
    )
    migrate_wait: float = real(
        "MIGRATE_WAIT", 60.0, 0, 3600, "Database", "Seconds that the migration runner waits for the database."
    )
    migrate_lock_timeout: float = real(
        "MIGRATE_LOCK_TIMEOUT", 300.0, 0, 86400, "Database", "Seconds to wait for another migration runner to finish."
    )
