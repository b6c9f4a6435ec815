"""What must be true whatever went wrong: said as sentences about what is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import asyncpg

from tests.faults.model import MARK
from tests.faults.people import Person

OVERDUE = "90 seconds"
SETTLED_WITHIN = 180.0


async def broken(dsn: str, people: Sequence[Person]) -> list[str]:
    """Each acknowledged turn is stored once, in order, with the answer that was told; nobody has another's words; no
    job waits beyond its time or was set aside without a reason.
    """
    told = {person.name: list(person.told) for person in people}
    connection = await asyncpg.connect(dsn, timeout=30)
    try:
        rows = await connection.fetch(
            "select i.platform_user_id as name, m.message_id, m.role, m.content, m.reply_to from messages m "
            "join identities i using (user_id) order by m.message_id"
        )
        jobs = await connection.fetch(
            "select kind, attempts, error, dead_at is not null as dead from jobs where "
            "(dead_at is not null and error is null) or "
            "(dead_at is null and run_at < now() - $1::text::interval "
            "and (beat_at is null or beat_at < now() - $1::text::interval))",
            OVERDUE,
        )
    finally:
        await connection.close()
    found = [f"a job {job['kind']} (attempt {job['attempts']}, {job['error']}) is lost" for job in jobs]
    for person in people:
        own = [row for row in rows if row["name"] == person.name]
        found += _of_one(person, told[person.name], own)
    return found


def _of_one(person: Person, told: list[tuple[str, str]], rows: list[asyncpg.Record]) -> list[str]:
    found = []
    asked = [row for row in rows if row["role"] == "person"]
    answers: dict[int, list[str]] = {}
    for row in rows:
        others = set(MARK.findall(row["content"])) - {person.mark}
        if others:
            found.append(f"{person.name} has words of {others}")
        if row["role"] == "character":
            answers.setdefault(row["reply_to"], []).append(row["content"])
    texts = [row["content"] for row in asked]
    expected = [text for text, _ in told]
    # What is being asked at this moment may be there, with or without its answer.
    if texts[: len(expected)] != expected:
        found.append(f"{person.name}: {len(expected)} turns were acknowledged, and what is stored begins otherwise")
    if len(texts) > len(set(texts)):
        found.append(f"{person.name}: {len(texts) - len(set(texts))} messages are stored more than once")
    if len(texts) > len(expected) + 2:
        found.append(f"{person.name}: {len(texts)} messages are stored, {len(expected)} were acknowledged")
    for row, (_, answer) in zip(asked, told, strict=False):
        stored = answers.get(row["message_id"], [])
        if stored != [answer]:
            found.append(f"{person.name}: an acknowledged answer is stored {len(stored)} times or in other words")
            break
    return found


async def settled(dsn: str) -> list[str]:
    """In the end: every message has its embedding, and every job that was due has ended or has a reason.

    The five minutes of silence after which is learned are made to pass.
    """
    connection = await asyncpg.connect(dsn, timeout=30)
    try:
        await connection.execute("update jobs set run_at = now() where kind = 'learn' and dead_at is null")
        until = time.monotonic() + SETTLED_WITHIN
        while True:
            row = await connection.fetchrow(
                "select (select count(*) from messages where pending) as pending, "
                "(select count(*) from messages m where not exists (select from embeddings e where "
                "e.user_id = m.user_id and e.character_id = m.character_id and e.message_id = m.message_id)) as bare, "
                "(select count(*) from messages where not learned) as unlearned, "
                "(select count(*) from jobs where kind = 'learn' and dead_at is null) as learning, "
                "(select count(*) from jobs where dead_at is not null and error is null) as unexplained, "
                "(select count(*) from jobs where kind = 'learn' and dead_at is not null) as dead"
            )
            assert row is not None
            if row["dead"]:
                left = row["pending"] + row["bare"] + row["unexplained"]
            else:
                left = row["pending"] + row["bare"] + row["unlearned"] + row["learning"] + row["unexplained"]
            if not left:
                return []
            if time.monotonic() > until:
                return [f"after {SETTLED_WITHIN:g} s of quiet: {dict(row)}"]
            await asyncio.sleep(0.5)
    finally:
        await connection.close()
