"""sql/distributed/citus.sql fits the schema: what Citus would refuse is found without a Citus."""

import re
from pathlib import Path

import asyncpg
import pytest

TABLES = "select relname from pg_class where relkind = 'r' and relnamespace = current_schema()::regnamespace"
# Primary keys and unique indexes with the columns that make rows unique.
KEYS = """
select i.indrelid::regclass::text as table, i.indexrelid::regclass::text as key,
  array(select attname::text from unnest(i.indkey[:i.indnkeyatts - 1]) number join pg_attribute
        on attrelid = i.indrelid and attnum = number) as columns
from pg_index i join pg_class c on c.oid = i.indrelid
where i.indisunique and c.relnamespace = current_schema()::regnamespace
"""
FOREIGN_KEYS = """
select conrelid::regclass::text as table, confrelid::regclass::text as other, conname as name,
  array(select attname::text from unnest(conkey) number
        join pg_attribute on attrelid = conrelid and attnum = number) as columns
from pg_constraint where contype = 'f' and connamespace = current_schema()::regnamespace
"""


@pytest.fixture
def plan(repository: Path) -> tuple[dict[str, str], set[str], set[str]]:
    """Distributed tables with their column, reference tables, local tables."""
    text = (repository / "sql/distributed/citus.sql").read_text()
    distributed = dict(re.findall(r"(?m)^select create_distributed_table\('(\w+)', '(\w+)'", text))
    reference = set(re.findall(r"(?m)^select create_reference_table\('(\w+)'\);", text))
    comment = re.search(r"(?ms)^-- Stay on the coordinator .*\Z", text)
    assert comment
    local = set(re.findall(r"\w+_\w+", comment[0].partition("):")[2]))
    return distributed, reference, local


@pytest.fixture
async def connection(database: str):
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


async def test_every_table_has_exactly_one_place(connection: asyncpg.Connection, plan):
    distributed, reference, local = plan
    tables = {row[0] for row in await connection.fetch(TABLES)}
    assert distributed.keys() | reference | local == tables
    assert len(distributed) + len(reference) + len(local) == len(tables)


async def test_every_table_with_a_persons_rows_is_spread_by_person(connection: asyncpg.Connection, plan):
    distributed, _, _ = plan
    assert set(distributed.values()) == {"user_id"}
    keyed = {row["table"] for row in await connection.fetch(KEYS) if "user_id" in row["columns"]}
    assert distributed.keys() == keyed


async def test_each_key_of_a_distributed_table_contains_its_column(connection: asyncpg.Connection, plan):
    distributed, _, _ = plan
    wrong = [
        row["key"]
        for row in await connection.fetch(KEYS)
        if row["table"] in distributed and distributed[row["table"]] not in row["columns"]
    ]
    assert wrong == []


async def test_each_foreign_key_stays_on_one_node_or_leads_to_a_copy(connection: asyncpg.Connection, plan):
    distributed, reference, local = plan
    wrong = []
    for row in await connection.fetch(FOREIGN_KEYS):
        table, other = row["table"], row["other"]
        if table in distributed:
            fits = other in reference or (other in distributed and "user_id" in row["columns"])
        else:
            fits = other in (reference if table in reference else local)
        if not fits:
            wrong.append(row["name"])
    assert wrong == []


def test_tables_are_named_after_what_they_refer_to(repository: Path):
    text = (repository / "sql/distributed/citus.sql").read_text()
    order = re.findall(r"(?m)^select create_\w+\('(\w+)'", text)
    assert (
        order.index("characters") < order.index("conversations") < order.index("messages") < order.index("embeddings")
    )
