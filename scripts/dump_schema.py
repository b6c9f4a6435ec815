"""Write sql/schema.sql: what the migrations together make of an empty database. A test holds the file equal."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

from whisperengine.db.embedded import EmbeddedPostgres, bin_dir
from whisperengine.db.migrate import up_sync

SCHEMA = Path(__file__).resolve().parents[1] / "sql" / "schema.sql"
HEADER = "-- Written by scripts/dump_schema.py from a database with all migrations applied. Do not edit.\n\n"
# Different in every dump, or with every release of PostgreSQL.
NOISE = re.compile(r"^(?:-- Dumped (?:from|by) |\\(?:un)?restrict ).*\n", re.MULTILINE)


def dump_schema(dsn: str) -> str:
    """SQL that makes the schema of the database at `dsn`: the same text for the same schema."""
    command = [bin_dir() / "pg_dump", "--schema-only", "--no-owner", "--no-privileges", f"--dbname={dsn}"]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return HEADER + re.sub(r"\n{3,}", "\n\n", NOISE.sub("", text)).strip() + "\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        # When run as root, PostgreSQL runs as another user, who must get through.
        Path(folder).chmod(0o711)
        postgres = EmbeddedPostgres(Path(folder) / "home", settings={"fsync": "off"})
        try:
            dsn = postgres.start()
            up_sync(dsn)
            SCHEMA.write_text(dump_schema(dsn), "utf-8")
        finally:
            postgres.stop()


if __name__ == "__main__":
    main()
