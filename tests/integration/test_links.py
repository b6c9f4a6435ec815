"""One person on several platforms: joined by a code, everything together; split again, everything back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import numpy as np
import pytest

from tests.support.talk import Talk, talking
from whisperengine.db import jobs
from whisperengine.db.ids import new_id
from whisperengine.errors import ConflictError, NotFoundError, TooManyRequests
from whisperengine.memory import erasure, export, facts, indexing, links, messages, people, reactions, recall, usage
from whisperengine.memory.asked import ask
from whisperengine.memory.facts import Learned
from whisperengine.memory.messages import Place, Read
from whisperengine.memory.relationship import Step

# What a join may change of a row that goes along and comes back.
RENUMBERED = {"session", "moved_from", "learned"}
OWNED = ("messages", "embeddings", "facts", "fact_sources", "summaries", "relationship_events", "reactions")


@pytest.fixture
async def sam(database: str) -> AsyncIterator[Talk]:
    """`sam` of the API, who keeps the person."""
    async with talking(database) as talk:
        yield talk


@pytest.fixture
async def disco(sam: Talk) -> Talk:
    """The same person on Discord, not joined yet, with the same character."""
    person = await people.resolve(sam.pool, "discord", "4711", "Sammy")
    return Talk(sam.pool, sam.dsn, person.user_id, sam.character_id, sam.model_id)


async def joined(pool: asyncpg.Pool) -> int:
    code = await links.start(pool, "api", "sam")
    return await links.join(pool, "discord", "4711", code.code)


async def turn(talk: Talk, text: str, *, channel: str = "home", shared: bool = False, key: str | None = None) -> int:
    """A message and its answer, stored as a turn stores them; returns the answer's id."""
    place = Place(talk.user_id, talk.character_id, channel, shared)
    said, answered, now = new_id(), new_id(), datetime.now(UTC)
    read = Read(talk.model_id, np.ones(8, "f4"), [0.0] * 28, "neutral", 0.1)
    await messages.accept(talk.pool, place, said, now, text, read, key)
    await messages.store_answer(
        talk.pool, place, answered, now, f"I see: {text}", said, "stub", Step(0.01, 0.02, 0.03, "joy")
    )
    await indexing.store_reads(talk.pool, [((talk.user_id, talk.character_id, answered), read)])
    return answered


async def learn(talk: Talk, slot: str, value: str, *, shared: bool = False, source: int | None = None) -> int | None:
    said_at = datetime.now(UTC)
    learned = Learned("told", slot, value, f"{slot} {value}", 0.9, "pattern", source, said_at)
    async with talk.pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "insert into conversations (user_id, character_id) values ($1, $2) on conflict do nothing",
            talk.user_id,
            talk.character_id,
        )
        return await facts.learn(connection, talk.user_id, talk.character_id, learned, shared)


async def kept(talk: Talk) -> dict[str, list[str]]:
    """Every row of the person, by table, without what a join may renumber."""
    found = {}
    for table in (*OWNED, "relationships"):
        rows = await talk.pool.fetch(f"select to_jsonb(t) as row from {table} t where user_id = $1", talk.user_id)
        plain = [{name: value for name, value in row["row"].items() if name not in RENUMBERED} for row in rows]
        found[table] = sorted(json.dumps(_rounded(row), sort_keys=True) for row in plain)
    return found


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()}


async def lived(talk: Talk, name: str) -> None:
    """Some of everything that is kept of a person."""
    answer = await turn(talk, f"My dog is called {name}.", key="first")
    await turn(talk, f"In the open I say {name}.", channel="guild", shared=True)
    await reactions.add(talk.pool, talk.user_id, talk.character_id, answer, "👍", 1.0)
    source = await talk.pool.fetchval("select reply_to from messages where message_id = $1", answer)
    await learn(talk, "pet", name, source=source)
    await learn(talk, f"only:{name}", name, source=source)
    await talk.pool.execute(
        "insert into summaries (user_id, character_id, summary_id, channel, shared, first_message_id, "
        "last_message_id, messages, text, origin) values ($1, $2, $3, 'home', false, $4, $5, 2, $6, 'extract')",
        talk.user_id,
        talk.character_id,
        new_id(),
        source,
        answer,
        f"They spoke of {name}.",
    )


async def contents(talk: Talk) -> list[str]:
    return [row["content"] for row in await talk.rows(_CONTENTS)]


_CONTENTS = "select content from messages where user_id = $1 and character_id = $2 order by session, place, message_id"


async def test_after_joining_both_share_one_memory_and_nothing_is_left_of_the_other(sam: Talk, disco: Talk):
    await lived(sam, "Biscuit")
    await lived(disco, "Waffle")
    before = {table: await count(sam.pool, table) for table in OWNED}
    assert await joined(sam.pool) == sam.user_id

    assert {table: await count(sam.pool, table) for table in OWNED} == before
    for table in (*OWNED, "relationships", "conversations", "usage", "jobs", "users", "identities"):
        assert await count(sam.pool, table, disco.user_id) == 0, table
    assert (await people.find(sam.pool, "discord", "4711")) == (await people.find(sam.pool, "api", "sam"))
    totals = await sam.rows("select * from conversations where user_id = $1 and character_id = $2")
    assert [(row["messages"], row["terms"]) for row in totals] == [
        tuple(await sam.pool.fetchrow("select count(*), sum(term_count) from messages"))
    ]
    sessions = await sam.rows(
        "select session, moved_from is null as own from messages where user_id = $1 and character_id = $2"
    )
    assert not {row["session"] for row in sessions if row["own"]} & {
        row["session"] for row in sessions if not row["own"]
    }
    assert all(row["session"] < totals[0]["session"] for row in sessions)
    asked = ask("What was the name Waffle", person="Sam", character="A", now=datetime.now(UTC), zone="UTC")
    place = Place(sam.user_id, sam.character_id, "elsewhere", False)
    found = await recall.recall(sam.pool, place, asked, np.ones(8, "f4"), sam.model_id, before=new_id())
    assert "My dog is called Waffle." in [memory.content for memory in found.memories]


async def test_the_newer_of_two_facts_holds_unless_the_older_is_pinned(sam: Talk, disco: Talk):
    await learn(sam, "pet", "Biscuit")
    pinned = await learn(sam, "city", "Porto")
    assert pinned
    await facts.change(sam.pool, sam.user_id, sam.character_id, pinned, text=None, pinned=True)
    await learn(disco, "pet", "Waffle")
    await learn(disco, "city", "Lisbon")
    await learn(disco, "pet", "in the open", shared=True)
    await joined(sam.pool)
    assert await sam.facts(shared=False) == {"pet": "Waffle", "city": "Porto"}
    assert await sam.facts(shared=False, past=True) == {"pet": "Biscuit", "city": "Lisbon"}
    assert await sam.facts(shared=True) == {"pet": "in the open"}


async def test_relationships_are_weighted_by_their_interactions_and_usage_is_summed(sam: Talk, disco: Talk):
    for _ in range(3):
        await turn(sam, "Hello")
    await turn(disco, "Hi")
    for talk in (sam, disco):
        await usage.add_learning(talk.pool, talk.user_id, talk.character_id, usage.Usage(5, 1, 0.5))
    await joined(sam.pool)
    row = (await sam.rows("select * from relationships where user_id = $1 and character_id = $2"))[0]
    assert row["interactions"] == 4
    assert row["trust"] == pytest.approx((3 * 0.53 + 0.51) / 4)
    used = await sam.rows("select * from usage where user_id = $1 and character_id = $2")
    assert [(row["turns"], row["learning_requests"], row["learning_cost"]) for row in used] == [(4, 2, 1.0)]


async def test_a_split_gives_back_exactly_what_was_brought_and_keeps_what_was_said_while_joined(sam: Talk, disco: Talk):
    await lived(sam, "Biscuit")
    await lived(disco, "Waffle")
    one, other = await kept(sam), await kept(disco)
    await joined(sam.pool)
    assert await links.split(sam.pool, "discord", "4711") == disco.user_id
    assert await kept(disco) == other
    assert await kept(sam) == one
    person = await people.find(sam.pool, "discord", "4711")
    assert person
    assert (person.user_id, person.display_name) == (disco.user_id, "Sammy")

    await joined(sam.pool)
    await turn(sam, "This was said together.")
    await links.split(sam.pool, "discord", "4711")
    assert await kept(disco) == other
    assert "This was said together." in await contents(sam)
    row = (await disco.rows("select * from conversations where user_id = $1 and character_id = $2"))[0]
    assert row["messages"] == 4
    for talk in (sam, disco):
        await turn(talk, "And on it goes.")
        assert (await contents(talk))[-2] == "And on it goes."


async def test_a_keeper_who_never_met_the_character_is_a_stranger_again_after_the_split(sam: Talk, disco: Talk):
    await lived(disco, "Waffle")
    other = await kept(disco)
    await joined(sam.pool)
    assert await count(sam.pool, "relationships", sam.user_id) == 1
    await links.split(sam.pool, "discord", "4711")
    assert await kept(disco) == other
    for table in (*OWNED, "relationships"):
        assert await count(sam.pool, table, sam.user_id) == 0, table


async def test_a_keeper_with_imported_talk_alone_does_not_keep_the_relationship_of_the_other(sam: Talk, disco: Talk):
    await sam.say("This is from long ago.")
    await turn(disco, "Hello")
    await joined(sam.pool)
    await links.split(sam.pool, "discord", "4711")
    assert await count(sam.pool, "relationships", sam.user_id) == 0
    assert await count(sam.pool, "relationships", disco.user_id) == 1
    assert await contents(sam) == ["This is from long ago.", "I see."]


async def test_what_was_learned_while_joined_from_the_words_of_the_other_does_not_stay(sam: Talk, disco: Talk):
    await turn(sam, "Hello")
    answer = await turn(disco, "My salary is secret.")
    said = await sam.pool.fetchval("select reply_to from messages where message_id = $1", answer)
    await joined(sam.pool)
    await learn(sam, "salary", "secret", source=said)
    await sam.pool.execute("update messages set learned = true")
    await sam.pool.execute(
        "insert into summaries (user_id, character_id, summary_id, channel, shared, first_message_id, "
        "last_message_id, messages, text, origin) select $1, $2, 1, 'home', false, min(message_id), max(message_id), "
        "4, 'A secret salary.', 'extract' from messages where user_id = $1",
        sam.user_id,
        sam.character_id,
    )
    await links.split(sam.pool, "discord", "4711")
    assert await sam.facts() == {}
    assert await count(sam.pool, "summaries") == 0
    again = await disco.rows(
        "select message_id from messages where user_id = $1 and character_id = $2 and not learned and role = 'person'"
    )
    assert [row["message_id"] for row in again] == [said]
    kinds = await sam.pool.fetch("select kind from jobs where user_id = $1", disco.user_id)
    assert {row["kind"] for row in kinds} == {"learn", "summarise"}


async def test_a_fact_that_superseded_across_the_two_lets_the_older_hold_again(sam: Talk, disco: Talk):
    await learn(sam, "pet", "Biscuit")
    await learn(disco, "pet", "Waffle")
    await joined(sam.pool)
    await learn(sam, "pet", "Crumb")
    assert await sam.facts() == {"pet": "Crumb"}
    await links.split(sam.pool, "discord", "4711")
    assert await sam.facts() == {"pet": "Crumb"}
    assert await sam.facts(past=True) == {"pet": "Biscuit"}
    assert await disco.facts() == {"pet": "Waffle"}
    heir = await sam.pool.fetchval("select superseded_by from facts where value = 'Biscuit'")
    assert heir == await sam.pool.fetchval("select fact_id from facts where value = 'Crumb'")


async def test_ids_and_keys_that_both_have_meet_without_harm(sam: Talk, disco: Talk):
    await lived(sam, "Biscuit")
    name = await sam.pool.fetchval("select name from characters where id = $1", sam.character_id)
    async with sam.pool.acquire() as connection, connection.transaction():
        intake = export.Intake(connection, disco.user_id, {name: sam.character_id})
        async for record in export.records(sam.pool, sam.user_id):
            await intake.take(record)
        await intake.finish()
    other = await kept(disco)
    assert other["messages"]
    await joined(sam.pool)
    assert await count(sam.pool, "messages", sam.user_id) == 8
    keys = await sam.rows("select request_key from messages where user_id = $1 and character_id = $2")
    assert sorted(filter(None, (row["request_key"] for row in keys))) == [f"{disco.user_id}:first", "first"]
    answers = await sam.rows(
        "select count(*) as n from messages a join messages q on q.user_id = a.user_id and q.message_id = a.reply_to "
        "and q.moved_from is not distinct from a.moved_from where a.user_id = $1 and a.character_id = $2"
    )
    assert answers[0]["n"] == 4
    await links.split(sam.pool, "discord", "4711")
    assert await count(sam.pool, "messages", disco.user_id) == 4
    assert await count(sam.pool, "fact_sources", disco.user_id) == len(other["fact_sources"])
    keys = await disco.rows("select request_key from messages where user_id = $1 and character_id = $2")
    assert {"first", None} == {row["request_key"] for row in keys}


async def test_erasing_the_joined_person_erases_all_of_both(sam: Talk, disco: Talk):
    await lived(sam, "Biscuit")
    await lived(disco, "Waffle")
    await joined(sam.pool)
    await erasure.erase(sam.pool, sam.user_id)
    for table in (*OWNED, "relationships", "conversations", "usage", "jobs", "users", "identities", "links"):
        assert await count(sam.pool, table) == 0, table


async def test_what_was_erased_with_one_character_does_not_come_back_with_a_split(sam: Talk, disco: Talk):
    await lived(disco, "Waffle")
    await joined(sam.pool)
    await erasure.erase_conversation(sam.pool, sam.user_id, sam.character_id)
    await links.split(sam.pool, "discord", "4711")
    for table in (*OWNED, "relationships", "conversations"):
        assert await count(sam.pool, table) == 0, table


async def test_an_export_of_the_joined_person_imports_whole_and_only_once(sam: Talk, disco: Talk):
    await lived(sam, "Biscuit")
    await lived(disco, "Waffle")
    await joined(sam.pool)
    records = [record async for record in export.records(sam.pool, sam.user_id)]
    name = await sam.pool.fetchval("select name from characters where id = $1", sam.character_id)
    again = await people.resolve(sam.pool, "api", "sam-again")
    for _ in range(2):
        async with sam.pool.acquire() as connection, connection.transaction():
            intake = export.Intake(connection, again.user_id, {name: sam.character_id})
            for record in records:
                await intake.take(record)
            await intake.finish()
    for table in ("messages", "facts", "fact_sources", "summaries"):
        assert await count(sam.pool, table, again.user_id) == await count(sam.pool, table, sam.user_id), table


async def test_a_code_is_good_for_one_other_identity_and_ten_minutes(sam: Talk, disco: Talk):
    code = await links.start(sam.pool, "api", "sam")
    assert timedelta(minutes=9) < code.expires_at - datetime.now(UTC) <= timedelta(minutes=10)
    plain = code.code.replace("-", "")
    assert not any(plain in str(row) for row in await sam.pool.fetch("select t::text from link_codes t"))
    with pytest.raises(ConflictError, match="own here"):
        await links.join(sam.pool, "api", "sam", code.code)
    newer = await links.start(sam.pool, "api", "sam")
    with pytest.raises(NotFoundError):
        await links.join(sam.pool, "discord", "4711", code.code)
    await sam.pool.execute("update link_codes set expires_at = now() - interval '1 second'")
    with pytest.raises(NotFoundError, match="expired"):
        await links.join(sam.pool, "discord", "4711", newer.code)
    newest = await links.start(sam.pool, "api", "sam")
    await links.join(sam.pool, "discord", "4711", f" {newest.code.lower()} ")
    with pytest.raises(NotFoundError, match="used already"):
        await links.join(sam.pool, "discord", "4712", newest.code)
    with pytest.raises(ConflictError, match="one person already"):
        await joined(sam.pool)


async def test_guessing_codes_is_stopped_after_a_few_attempts(sam: Talk, monkeypatch: pytest.MonkeyPatch):
    # One long window: a minute that ends between two attempts would count anew.
    monkeypatch.setattr(links, "MINUTE", 10**9)
    for _ in range(links.ATTEMPTS):
        with pytest.raises(NotFoundError):
            await links.join(sam.pool, "discord", "4711", "AAAA-AAAA")
    code = await links.start(sam.pool, "api", "sam")
    with pytest.raises(TooManyRequests):
        await links.join(sam.pool, "discord", "4711", code.code)
    await links.join(sam.pool, "discord", "4712", code.code)


async def test_only_what_was_joined_can_be_split(sam: Talk, disco: Talk):
    for who in (("api", "sam"), ("discord", "4711")):
        with pytest.raises(ConflictError, match="not joined"):
            await links.split(sam.pool, *who)
    with pytest.raises(NotFoundError):
        await links.split(sam.pool, "api", "nobody")
    await joined(sam.pool)
    with pytest.raises(ConflictError, match="not joined"):
        await links.split(sam.pool, "api", "sam")
    await links.split(sam.pool, "discord", "4711")
    with pytest.raises(ConflictError, match="not joined"):
        await links.split(sam.pool, "discord", "4711")


async def test_of_two_joins_at_once_one_wins_and_nothing_is_lost(sam: Talk, disco: Talk):
    await lived(sam, "Biscuit")
    await lived(disco, "Waffle")
    one, other = await links.start(sam.pool, "api", "sam"), await links.start(sam.pool, "discord", "4711")
    done = await asyncio.gather(
        links.join(sam.pool, "discord", "4711", one.code),
        links.join(sam.pool, "api", "sam", other.code),
        links.join(sam.pool, "discord", "4711", one.code),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in done)[-1] == "int"
    assert len([result for result in done if isinstance(result, int)]) == 1
    assert len([result for result in done if isinstance(result, ConflictError | NotFoundError)]) == 2
    assert await count(sam.pool, "users") == 1
    assert await count(sam.pool, "messages") == 8


async def test_a_chain_of_joins_comes_apart_link_by_link(sam: Talk, disco: Talk):
    third = await people.resolve(sam.pool, "web", "w")
    last = Talk(sam.pool, sam.dsn, third.user_id, sam.character_id, sam.model_id)
    for talk, name in ((sam, "Biscuit"), (disco, "Waffle"), (last, "Crumb")):
        await lived(talk, name)
    everything = [await kept(talk) for talk in (sam, disco, last)]
    code = await links.start(sam.pool, "discord", "4711")
    await links.join(sam.pool, "web", "w", code.code)
    await joined(sam.pool)
    assert await count(sam.pool, "users") == 1
    assert await links.split(sam.pool, "discord", "4711") == disco.user_id
    assert len(await contents(sam)) == 8
    assert await links.split(sam.pool, "web", "w") == last.user_id
    for talk, before in zip((sam, disco, last), everything, strict=True):
        after = await kept(talk)
        for table in ("messages", "embeddings", "summaries", "reactions"):
            assert after[table] == before[table], table


async def test_jobs_that_waited_for_the_one_wait_for_the_other(sam: Talk, disco: Talk):
    await turn(disco, "My dog is called Waffle.")
    await jobs.add(sam.pool, "summarise", disco.user_id, disco.character_id)
    await joined(sam.pool)
    rows = await sam.rows("select kind from jobs where user_id = $1 and character_id = $2 order by kind")
    assert [row["kind"] for row in rows] == ["learn", "summarise"]


async def count(pool: asyncpg.Pool, table: str, user_id: int | None = None) -> int:
    return await pool.fetchval(
        f"select count(*) from {table} where $1::bigint is null or user_id = $1::bigint", user_id
    )
