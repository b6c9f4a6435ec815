"""A turn is one process's at a time: claimed with the message, given back with the answer, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.support.line import Line, by_way_of, line_to, socket_of
from tests.support.talk import Talk, talking
from whisperengine.db.ids import new_id
from whisperengine.db.pool import open_pool
from whisperengine.errors import DatabaseUnavailable
from whisperengine.memory import messages, turn_leases
from whisperengine.memory.messages import Accepted, Place, Read
from whisperengine.memory.relationship import Relationship, Step
from whisperengine.memory.turn_leases import TakenElsewhere, TurnLeases

ONE, OTHER = 1, 2


@pytest.fixture
async def talk(database: str) -> AsyncIterator[Talk]:
    async with talking(database) as opened:
        yield opened


async def accept(talk: Talk, text: str, holder: int, key: str | None = None) -> Accepted:
    place = Place(talk.user_id, talk.character_id, "home", False)
    read = Read(talk.model_id, np.ones(8, "f4"), [0.0] * 28, "neutral", 0.1)
    return await messages.accept(talk.pool, place, new_id(), datetime.now(UTC), text, read, key, holder=holder)


async def answer(talk: Talk, message: Accepted, holder: int) -> Relationship | None:
    place = Place(talk.user_id, talk.character_id, "home", False)
    step = Step(0.01, 0.02, 0.03, "joy")
    now = datetime.now(UTC)
    return await messages.store_answer(
        talk.pool, place, new_id(), now, "I see.", message.message_id, "stub", step, holder=holder
    )


async def stored(talk: Talk) -> list[str]:
    rows = await talk.pool.fetch("select content from messages order by message_id")
    return [row["content"] for row in rows]


async def claim(talk: Talk, change: str = "") -> tuple[int | None, bool]:
    """Whose it is, and whether it has run out; after `change`."""
    if change:
        await talk.pool.execute(f"update conversations set {change}")
    row = await talk.pool.fetchrow("select turn_by, turn_until < now() as over from conversations")
    assert row
    return row["turn_by"], row["over"]


async def test_while_one_process_answers_another_stores_nothing_and_afterwards_it_may(talk: Talk):
    first = await accept(talk, "Hello.", ONE)
    for key in (None, "key"):
        with pytest.raises(TakenElsewhere):
            await accept(talk, "And?", OTHER, key)
    assert await stored(talk) == ["Hello."]
    await answer(talk, first, ONE)
    assert (await claim(talk))[0] is None
    assert (await accept(talk, "And?", OTHER)).new


async def test_an_unanswered_message_that_is_sent_again_belongs_to_one_process_too(talk: Talk):
    first = await accept(talk, "Hello.", ONE, "key")
    with pytest.raises(TakenElsewhere):
        await accept(talk, "Hello.", OTHER, "key")
    await claim(talk, "turn_by = null")
    again = await accept(talk, "Hello.", OTHER, "key")
    assert (again.message_id, again.new, again.answer) == (first.message_id, False, None)
    with pytest.raises(TakenElsewhere):
        await accept(talk, "Hello.", ONE, "key")
    await answer(talk, again, OTHER)
    repeated = await accept(talk, "Hello.", ONE, "key")
    assert repeated.answer
    assert (await claim(talk))[0] is None


async def test_a_message_sent_at_the_same_moment_to_many_processes_is_claimed_by_one(talk: Talk):
    tried = await asyncio.gather(*(accept(talk, "Hello.", holder) for holder in range(1, 9)), return_exceptions=True)
    assert sum(isinstance(each, Accepted) for each in tried) == 1
    assert sum(isinstance(each, TakenElsewhere) for each in tried) == 7
    assert await stored(talk) == ["Hello."]


async def test_what_a_dead_process_held_runs_out(talk: Talk):
    await accept(talk, "Hello.", ONE)
    await claim(talk, "turn_until = now() - interval '1 second'")
    assert (await accept(talk, "Are you there?", OTHER)).new
    assert (await claim(talk))[0] == OTHER


async def test_the_answer_of_one_who_was_too_late_takes_nothing_from_the_next(talk: Talk):
    first = await accept(talk, "Hello.", ONE)
    await claim(talk, "turn_until = now() - interval '1 second'")
    await accept(talk, "Are you there?", OTHER)
    await answer(talk, first, ONE)
    assert (await claim(talk))[0] == OTHER


async def test_a_turn_that_lasts_is_claimed_anew_and_one_without_an_answer_is_given_back(talk: Talk):
    async with TurnLeases(talk.pool).lease(talk.user_id, talk.character_id) as lease:
        await accept(talk, "Hello.", lease.holder)
        lease.claimed = True
        await claim(talk, "turn_until = now() - interval '1 second'")
        async with asyncio.timeout(60):
            while (await claim(talk))[1]:  # noqa: ASYNC110 (what the database holds sets no event here)
                await asyncio.sleep(0.05)
    assert (await claim(talk))[0] is None
    await TurnLeases(talk.pool).until_free(talk.user_id, talk.character_id)


async def test_of_two_who_answer_because_a_claim_was_lost_one_is_believed_by_both(talk: Talk):
    first = await accept(talk, "Hello.", ONE, "key")
    await claim(talk, "turn_until = now() - interval '1 second'")
    again = await accept(talk, "Hello.", OTHER, "key")
    assert again.message_id == first.message_id
    assert await answer(talk, again, OTHER)
    assert not await answer(talk, first, ONE)
    assert await stored(talk) == ["Hello.", "I see."]


@pytest.fixture
async def line(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Line]:
    """To the database; what is owed is tried for a minute, so that a slow machine has the time."""
    monkeypatch.setattr(turn_leases, "LASTS", timedelta(minutes=1))
    async with line_to(socket_of(talk.dsn)) as line:
        yield line


async def fail(talk: Talk, leases: TurnLeases) -> int:
    """A turn whose claim is in the database, and whose process then finds that away. Returns its holder."""
    holder = 0
    with suppress(DatabaseUnavailable):
        async with leases.lease(talk.user_id, talk.character_id) as lease:
            holder = lease.holder
            lease.claimed = True
            await accept(talk, "Hello.", holder)
            raise DatabaseUnavailable("away")
    return holder


@pytest.mark.parametrize("trouble", ["cut", "frozen"])
async def test_what_failed_with_the_database_is_given_back_when_that_is_there_again(
    talk: Talk, line: Line, trouble: str
):
    pool = await open_pool(by_way_of(talk.dsn, line), 2)
    leases = TurnLeases(pool)
    if trouble == "cut":
        await line.cut()
    else:
        line.freeze()
    failed = await fail(talk, leases)
    async with leases.lease(talk.user_id, talk.character_id) as following:
        with pytest.raises(TakenElsewhere):
            await accept(talk, "Hello.", following.holder)
        assert (await claim(talk))[0] == failed
        line.thaw()
        await line.mend()
        async with asyncio.timeout(60):
            while (await claim(talk))[0]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await leases.until_free(talk.user_id, talk.character_id)
        assert not (await accept(talk, "Hello.", following.holder)).new
    await pool.close()


async def test_what_is_given_back_late_takes_nothing_from_the_turn_that_followed(talk: Talk, line: Line):
    pool = await open_pool(by_way_of(talk.dsn, line), 2)
    leases = TurnLeases(pool)
    other = new_id()
    await talk.pool.execute("insert into characters (id, name, definition) values ($1, 'other', '{}')", other)
    await line.cut()
    for place in (talk, replace(talk, character_id=other)):
        await fail(place, leases)
    await talk.pool.execute("update conversations set turn_by = $1 where character_id <> $2", OTHER, other)
    await line.mend()
    left = "select turn_by from conversations where turn_by is not null"
    async with asyncio.timeout(60):
        while len(held := await talk.pool.fetch(left)) > 1:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert [row["turn_by"] for row in held] == [OTHER]
    await pool.close()


async def test_a_process_that_ends_is_not_held_up_by_what_it_owes(talk: Talk, line: Line):
    pool = await open_pool(by_way_of(talk.dsn, line), 2)
    await line.cut()
    before = asyncio.all_tasks()
    await fail(talk, TurnLeases(pool))
    owed = asyncio.all_tasks() - before
    assert owed
    await pool.close()
    async with asyncio.timeout(30):
        await asyncio.wait(owed)


async def test_whoever_waits_goes_on_when_the_other_is_done(talk: Talk):
    first = await accept(talk, "Hello.", ONE)
    waiting = asyncio.create_task(TurnLeases(talk.pool).until_free(talk.user_id, talk.character_id))
    for _ in range(3):
        await asyncio.wait({waiting}, timeout=0.1)
    assert not waiting.done()
    await answer(talk, first, ONE)
    async with asyncio.timeout(60):
        await waiting
