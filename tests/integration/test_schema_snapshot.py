from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_schema_dump_is_that_of_a_migrated_empty_database(database: str) -> None:
    dump_schema = runpy.run_path(str(ROOT / "scripts" / "dump_schema.py"))["dump_schema"]
    written = (ROOT / "sql" / "schema.sql").read_text("utf-8")
    assert written == dump_schema(database), "The migrations have changed: run scripts/dump_schema.py"
