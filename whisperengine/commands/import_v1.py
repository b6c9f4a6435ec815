"""`whisperengine import-v1 --postgres URL [--qdrant URL]`: characters and people of WhisperEngine 1.

Without --yes it only tells what would come over. The old stores are read, never written. What is here already stays as
it is, so it can be run again.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter

import asyncpg

from whisperengine.characters import store
from whisperengine.commands.backup import database, say
from whisperengine.commands.v1_characters import Found, characters
from whisperengine.commands.v1_people import OldPerson, People, records
from whisperengine.commands.v1_tables import rows
from whisperengine.config import Config
from whisperengine.db import migrate
from whisperengine.db.connect import connect
from whisperengine.db.pool import open_pool, reachable
from whisperengine.errors import ConflictError, StorageError
from whisperengine.memory import people
from whisperengine.memory.export import Intake

# Settings of the old program that hold keys and tokens: for the person to enter anew.
NOT_TAKEN = ("character_llm_config", "character_discord_config", "character_deployment_config")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--postgres", required=True, metavar="URL", help="the old database")
    parser.add_argument("--qdrant", default="", metavar="URL", help="the old Qdrant, which holds what was said")
    parser.add_argument("--yes", action="store_true", help="bring it over; otherwise it is only told")


def run(args: argparse.Namespace, config: Config) -> int:
    return asyncio.run(_run(args, config))


async def _run(args: argparse.Namespace, config: Config) -> int:
    found, everybody, notes = await _read(args.postgres, args.qdrant)
    wanted = Counter(record["type"] for person in everybody for record in records(person, config.default_character))
    print(f"Found: {len(found)} characters, {len(everybody)} people, {_listed(wanted)}")
    for each in found:
        without = f"; without {', '.join(each.lost)}" if each.lost else ""
        print(f"  {each.name}: {each.problem or 'ready'}{without}")
    for note in notes:
        print(note)
    if not args.qdrant:
        print("What was said is in Qdrant: name it with --qdrant to bring it over, too.")
    if not args.yes:
        print("Nothing was changed. Back up first if people are here already, then run it again with --yes.")
        return 0
    async with database(config) as dsn:
        await migrate.up(dsn, wait=0, report=say)
        added, left_out = await _write(dsn, found, everybody, config.default_character)
    print(f"Brought over: {_listed(added)}")
    if left_out:
        print(f"Left out, because there is no such character: {_listed(left_out)} conversations")
    print("Messages are searched by meaning once the service has embedded them: it does so by itself, after its start.")
    return 0


async def _read(postgres: str, qdrant: str) -> tuple[list[Found], list[OldPerson], list[str]]:
    connection = await connect(postgres)
    try:
        with reachable(postgres):
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                if not await connection.fetchval("select to_regclass('personality_traits') is not null"):
                    raise StorageError(
                        "This is no database of WhisperEngine 1: it has no personality_traits. Check --postgres."
                    )
                found = await characters(connection)
                everybody = People()
                await everybody.read(connection)
                notes = [
                    f"Not taken: {table}, which holds keys and tokens; enter them anew in the settings."
                    for table in NOT_TAKEN
                    if await rows(connection, table)
                ]
    finally:
        await connection.close()
    if qdrant:
        await everybody.listen(qdrant, [each.name for each in found])
    return found, everybody.everybody, notes


async def _write(
    dsn: str, found: list[Found], everybody: list[OldPerson], default: str
) -> tuple[Counter[str], Counter[str]]:
    added: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    pool = await open_pool(dsn, 2)
    try:
        with reachable(dsn):
            async with pool.acquire() as connection:
                await store.load_builtin(connection)
                for each in found:
                    if each.definition:
                        try:
                            await store.create(connection, each.definition, note="from WhisperEngine 1")
                            added["character"] += 1
                        except ConflictError:
                            print(f"{each.name} is here already and stays as it is.")
                names = {row["name"]: row["id"] for row in await connection.fetch("select name, id from characters")}
            for person in everybody:
                counts, missing = await _write_person(pool, person, names, default)
                added.update(counts)
                left_out.update(missing)
    finally:
        await pool.close()
    return added, left_out


async def _write_person(
    pool: asyncpg.Pool, person: OldPerson, names: dict[str, int], default: str
) -> tuple[dict[str, int], list[str]]:
    first, *others = person.identities
    stored = await people.resolve(pool, *first, person.name)
    async with pool.acquire() as connection, connection.transaction():
        for platform, number in others:
            await connection.execute(
                "insert into identities (platform, platform_user_id, user_id) values ($1, $2, $3) "
                "on conflict do nothing",
                platform,
                number,
                stored.user_id,
            )
        intake = Intake(connection, stored.user_id, names)
        for record in records(person, default):
            await intake.take(record)
        await intake.finish()
    return intake.counts, intake.left_out


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items()) if count) or "nothing"
