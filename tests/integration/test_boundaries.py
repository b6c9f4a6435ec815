"""What was said in private never surfaces where others hear it; one person's words never reach another."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import asyncpg
import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from whisperengine.db.ids import new_id
from whisperengine.db.pool import open_pool
from whisperengine.memory import facts, indexing, links, messages, people, recall
from whisperengine.memory.asked import ask
from whisperengine.memory.messages import Place, Read
from whisperengine.memory.relationship import Relationship, step

SUBJECTS = ("garden", "sister", "secret", "illness", "salary")


def vector(text: str) -> np.ndarray:
    """A made-up embedding: the same words, the same place. Privacy must not hang on what an encoder finds similar."""
    values = np.full(384, 1e-3, np.float32)
    for word in text.lower().split():
        values[int(hashlib.sha256(word.encode()).hexdigest(), 16) % 384] += 1
    return values / np.linalg.norm(values)


@st.composite
def talks(draw: st.DrawFn) -> list[tuple[int, bool, str, bool]]:
    """Turns as (person, shared channel?, subject, learned as a fact?)."""
    turn = st.tuples(st.integers(0, 1), st.booleans(), st.sampled_from(SUBJECTS), st.booleans())
    return draw(st.lists(turn, min_size=1, max_size=4))


@contextmanager
def opened(database: str) -> Iterator[tuple[asyncio.Runner, asyncpg.Pool, int]]:
    """A loop, a pool and an embedding model for a test whose examples share them."""
    with asyncio.Runner() as runner:
        pool = runner.run(open_pool(database, 2))
        try:
            model_id = runner.run(indexing.model_id(pool, "made-up", 384))
            runner.run(pool.execute("insert into characters (id, name, definition) values (1, 'a', '{}')"))
            yield runner, pool, model_id
        finally:
            runner.run(pool.close())


def marker_of(who: int, shared: bool, number: int) -> str:
    """Words of its own for each: recall folds texts of the same words into one, and 1-0 has the words of 0-1."""
    return f"{'shared' if shared else 'private'}-{who}-turn{number}"


def test_a_thousand_interleavings_of_private_and_shared_turns_never_leak(database: str):
    with opened(database) as (runner, pool, model_id):

        @settings(max_examples=1000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(talks())
        def never_leaks(talk: list[tuple[int, bool, str, bool]]) -> None:
            runner.run(check(pool, model_id, talk))

        never_leaks()


def test_what_two_who_are_joined_had_said_in_private_never_leaks(database: str):
    with opened(database) as (runner, pool, model_id):

        @settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(talks(), talks())
        @example([(1, True, "sister", False)], [(0, True, "sister", False)])
        def never_leaks(before: list[tuple[int, bool, str, bool]], after: list[tuple[int, bool, str, bool]]) -> None:
            runner.run(check_joined(pool, model_id, before, after))

        never_leaks()


async def check_joined(pool, model_id: int, before, after) -> None:
    names = [f"{new_id()}:{number}" for number in range(2)]
    told = []

    async def tell(talk) -> None:
        for who, shared, subject, is_fact in talk:
            person = await people.resolve(pool, "test", names[who])
            place = Place(person.user_id, 1, "guild" if shared else "dm", shared)
            marker = marker_of(who, shared, len(told))
            told.append((who, marker))
            await turn(pool, model_id, place, f"My {subject} is {marker}", is_fact, subject, marker)

    async def seen(who: int, shared: bool) -> str:
        person = await people.resolve(pool, "test", names[who])
        place = Place(person.user_id, 1, "guild" if shared else "dm", shared)
        return "\n".join(await everything_seen(pool, model_id, place))

    await tell(before)
    brought = [marker for who, marker in told if who == 1]
    await links.join(pool, "test", names[1], (await links.start(pool, "test", names[0])).code)
    await tell(after)
    assert "private-" not in await seen(0, shared=True)
    everything = await seen(0, shared=False)
    assert all(marker in everything for _, marker in told)
    await links.split(pool, "test", names[1])
    for who in (0, 1):
        assert "private-" not in await seen(who, shared=True)
    kept, back = await seen(0, shared=False), await seen(1, shared=False)
    for _, marker in told:
        assert (marker in back, marker in kept) == (marker in brought, marker not in brought)


async def check(pool, model_id: int, talk: list[tuple[int, bool, str, bool]]) -> None:
    base = new_id()
    persons = [await people.resolve(pool, "test", f"{base}:{number}") for number in range(2)]
    for number, (who, shared, subject, is_fact) in enumerate(talk):
        place = Place(persons[who].user_id, 1, "guild" if shared else "dm", shared)
        marker = marker_of(who, shared, number)
        await turn(pool, model_id, place, f"My {subject} is {marker}", is_fact, subject, marker)
    for who, person in enumerate(persons):
        for shared in (True, False):
            place = Place(person.user_id, 1, "guild" if shared else "dm", shared)
            seen = await everything_seen(pool, model_id, place)
            assert not any(f"-{1 - who}-" in text for text in seen)
            if shared:
                assert not any("private-" in text for text in seen), seen


async def turn(pool, model_id: int, place: Place, text: str, is_fact: bool, subject: str, marker: str) -> None:
    now, said = datetime.now(UTC), new_id()
    read = Read(model_id, vector(text), [0.0] * 28, "neutral", 0.0)
    await messages.accept(pool, place, said, now, text, read, None)
    answer_id = new_id()
    await messages.store_answer(
        pool, place, answer_id, now, f"I see: {text}", said, "stub", step(Relationship(), "joy", 0.5, 10)
    )
    key = (place.user_id, place.character_id, answer_id)
    await indexing.store_reads(pool, [(key, Read(model_id, vector(text), [0.0] * 28, "neutral", 0.0))])
    if is_fact:
        learned = facts.Learned("test", subject, marker, f"{subject}: {marker}", 0.9, "pattern", said, now)
        async with pool.acquire() as connection, connection.transaction():
            await facts.learn(connection, place.user_id, 1, learned, place.shared)


async def everything_seen(pool, model_id: int, place: Place) -> list[str]:
    """All that a turn at this place could put before the model."""
    query = "What do you know of my " + " ".join(SUBJECTS)
    asked = ask(query, person="Sam", character="A", now=datetime.now(UTC), zone="UTC")
    found = await recall.recall(pool, place, asked, vector(query), model_id, before=new_id(), limit=100)
    return [
        *(memory.content for memory in found.memories),
        *(turn.content for turn in found.recent),
        *(fact.text for fact in found.facts),
    ]
