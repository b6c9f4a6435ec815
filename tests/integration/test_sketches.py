"""Sketches in memory shorten the search and change nothing of what is found."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import numpy as np
import pytest

from whisperengine.db.ids import new_id
from whisperengine.db.pool import open_pool
from whisperengine.memory import history, indexing, messages, people, recall, sketches
from whisperengine.memory.asked import ask
from whisperengine.memory.history import Said
from whisperengine.memory.messages import Place, Read
from whisperengine.memory.sketches import Sketches

THINGS = ["lamp", "river", "violin", "ladder", "harbour", "walnut", "engine", "curtain", "saddle", "compass"]


def vector(text: str) -> np.ndarray:
    """A made-up embedding with signs of all kinds: the more words in common, the more alike."""
    seeds = [int.from_bytes(hashlib.sha256(word.encode()).digest()[:8]) for word in text.split()]
    values = sum(np.random.default_rng(seed).standard_normal(384) for seed in seeds)
    return (values / np.linalg.norm(values)).astype(np.float32)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await open_pool(database, 4)
    await pool.execute("insert into characters (id, name, definition) values (1, 'a', '{}')")
    yield pool
    await pool.close()


@pytest.fixture
async def place(pool: asyncpg.Pool) -> Place:
    """A person who told of each thing last month: of every second one in private."""
    person = await people.resolve(pool, "test", "sam")
    model_id = await indexing.model_id(pool, "made-up", 384)
    began = datetime.now(UTC) - timedelta(days=30)
    for shared in (False, True):
        texts = [f"my {thing} is old" for thing in THINGS[shared::2]]
        said = [Said(began + timedelta(hours=n), True, "", text) for n, text in enumerate(texts)]
        where = Place(person.user_id, 1, "guild" if shared else "dm", shared)
        await history.store(pool, where, said, [read(model_id, text) for text in texts])
    return Place(person.user_id, 1, "dm", False)


def read(model_id: int, text: str) -> Read:
    return Read(model_id, vector(text), [0.0] * 28, "neutral", 0.0)


async def held(pool: asyncpg.Pool, place: Place) -> Sketches:
    found = Sketches(pool, await indexing.model_id(pool, "made-up", 384))
    found.note(place, sketches.WORTH_FROM)
    await asyncio.wait(found.reading)
    return found


async def recalled(pool: asyncpg.Pool, place: Place, text: str, known: Sketches | None = None) -> list[str]:
    asked = ask(text, person="Sam", character="A", now=datetime.now(UTC), zone="UTC")
    model_id = await indexing.model_id(pool, "made-up", 384)
    place = Place(place.user_id, place.character_id, "elsewhere", place.shared)
    found = await recall.recall(pool, place, asked, vector(text), model_id, before=new_id(), limit=5, sketches=known)
    return [memory.content for memory in found.memories]


async def test_with_sketches_the_same_is_found_as_without(pool: asyncpg.Pool, place: Place):
    known = await held(pool, place)
    for thing in THINGS:
        question = f"what of my {thing}"
        found = await recalled(pool, place, question, known)
        assert found == await recalled(pool, place, question)
        assert found[0] == f"my {thing} is old"


async def test_the_most_similar_come_first_into_a_full_shortlist(
    pool: asyncpg.Pool, place: Place, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sketches, "SHORTLIST", 1)
    known = await held(pool, place)
    for thing in THINGS:
        (nearest,) = known.nearest(place, vector(f"my {thing} is old")).message_ids
        content = await pool.fetchval("select content from messages where message_id = $1", nearest)
        assert content == f"my {thing} is old"


async def test_what_was_said_in_private_is_on_no_shared_shortlist(
    pool: asyncpg.Pool, place: Place, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sketches, "SHORTLIST", len(THINGS) // 2)
    known = await held(pool, place)
    shared = Place(place.user_id, 1, "guild", True)
    listed = known.nearest(shared, vector(f"my {THINGS[0]} is old")).message_ids
    assert await pool.fetchval("select count(*) from messages where message_id = any($1) and not shared", listed) == 0
    found = await recalled(pool, shared, f"what of my {THINGS[0]} and {THINGS[1]}", known)
    assert found
    assert not {f"my {thing} is old" for thing in THINGS[::2]} & set(found)


async def test_what_is_newer_than_the_sketches_is_found_and_what_was_deleted_is_not(pool: asyncpg.Pool, place: Place):
    known = await held(pool, place)
    model_id = await indexing.model_id(pool, "made-up", 384)
    text = "my telescope is new"
    await messages.accept(pool, place, new_id(), datetime.now(UTC), text, read(model_id, text), None)
    await pool.execute("delete from messages where content = $1", f"my {THINGS[0]} is old")
    assert (await recalled(pool, place, "what of my telescope", known))[0] == text
    assert f"my {THINGS[0]} is old" not in await recalled(pool, place, f"what of my {THINGS[0]}", known)


async def test_a_person_who_is_forgotten_leaves_no_sketches(pool: asyncpg.Pool, place: Place):
    known = await held(pool, place)
    known.forget(place.user_id)
    assert known.nearest(place, vector("anything")) == sketches.Shortlist()
    await known.close()
