"""Facts in the store: one value at a time in a slot, two lanes, and nothing without a source."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.talk import Talk, talking
from whisperengine.learning import slots
from whisperengine.memory import corrections, facts
from whisperengine.memory.facts import Learned
from whisperengine.memory.messages import Place


@pytest.fixture
async def talk(database: str) -> AsyncIterator[Talk]:
    async with talking(database) as talk:
        yield talk


async def learn(talk: Talk, fact: Learned, *, shared: bool = False) -> int | None:
    async with talk.pool.acquire() as connection, connection.transaction():
        return await facts.learn(connection, talk.user_id, talk.character_id, fact, shared)


async def told(talk: Talk, text: str, kind: str, about: str, value: str, confidence: float = 0.8) -> Learned:
    """A fact with a stored message as its source."""
    (message_id,) = await talk.say(text)
    (row,) = await talk.rows(
        "select said_at from messages where user_id = $1 and character_id = $2 and message_id = $3", message_id
    )
    return slots.learned(
        kind, about, value, confidence=confidence, origin="pattern", message_id=message_id, said_at=row["said_at"]
    )


async def all_of(talk: Talk, *, past: bool = False) -> list[facts.Fact]:
    return await facts.of_person(talk.pool, talk.user_id, talk.character_id, past=past)


async def test_a_new_value_supersedes_the_old_one_and_both_are_kept(talk: Talk):
    old = await learn(talk, await told(talk, "I live in Rome.", "lives_in", "", "Rome"))
    new = await learn(talk, await told(talk, "I live in Oslo.", "lives_in", "", "Oslo"))
    assert await talk.facts() == {"lives_in": "Oslo"}
    before, now = await all_of(talk, past=True)
    assert (before.fact_id, before.value, before.superseded_by, now.fact_id) == (old, "Rome", new, new)
    assert before.superseded_at == now.valid_from


async def test_liking_turned_to_disliking_supersedes(talk: Talk):
    await learn(talk, await told(talk, "I love cheese.", "taste", "cheese", "likes"))
    await learn(talk, await told(talk, "I hate cheese.", "taste", "Cheese", "dislikes"))
    assert await talk.facts() == {"taste:cheese": "dislikes"}


async def test_the_same_fact_again_raises_confidence_and_adds_no_row(talk: Talk):
    first = await told(talk, "My name is Sam.", "name", "", "Sam", 0.6)
    again = await told(talk, "my name is sam", "name", "", "sam", 0.6)
    assert await learn(talk, first) == await learn(talk, again)
    (fact,) = await all_of(talk)
    assert fact.confidence == pytest.approx(0.6 + 0.4 * 0.3)
    assert len(fact.sources) == 2


async def test_the_same_message_twice_proves_nothing_more(talk: Talk):
    fact = await told(talk, "My name is Sam.", "name", "", "Sam", 0.6)
    await learn(talk, fact)
    await learn(talk, fact)
    (stored,) = await all_of(talk)
    assert stored.confidence == pytest.approx(0.6)
    assert len(stored.sources) == 1


async def test_what_was_said_earlier_does_not_supersede_what_was_said_later(talk: Talk):
    late = await told(talk, "I live in Oslo.", "lives_in", "", "Oslo")
    early = replace(
        await told(talk, "I live in Rome.", "lives_in", "", "Rome"), said_at=late.said_at - timedelta(days=9)
    )
    await learn(talk, late)
    assert await learn(talk, early) is None
    assert await talk.facts() == {"lives_in": "Oslo"}


async def test_an_unsure_fact_supersedes_nothing_and_is_not_shown(talk: Talk):
    await learn(talk, await told(talk, "I live in Oslo.", "lives_in", "", "Oslo"))
    assert await learn(talk, await told(talk, "Rome, perhaps.", "lives_in", "", "Rome", 0.3)) is None
    await learn(talk, await told(talk, "Bo?", "nickname", "", "Bo", 0.3))
    shown = facts.for_prompt(await all_of(talk), Place(talk.user_id, talk.character_id, "home", False))
    assert [fact.slot for fact in shown] == ["lives_in"]


async def test_a_pinned_fact_is_superseded_by_nobody_but_the_person(talk: Talk):
    fact_id = await learn(talk, await told(talk, "I live in Oslo.", "lives_in", "", "Oslo"))
    assert fact_id
    await facts.change(talk.pool, talk.user_id, talk.character_id, fact_id, text=None, pinned=True)
    other = await told(talk, "I live in Rome.", "lives_in", "", "Rome")
    assert await learn(talk, other) is None
    assert await learn(talk, replace(other, origin="person")) is not None
    assert await talk.facts() == {"lives_in": "Rome"}


async def test_a_shared_channel_sees_only_what_was_told_in_shared_channels(talk: Talk):
    await learn(talk, await told(talk, "I live in Oslo.", "lives_in", "", "Oslo"), shared=True)
    await learn(talk, await told(talk, "I live in Rome.", "lives_in", "", "Rome"), shared=False)
    await learn(talk, await told(talk, "My name is Sam.", "name", "", "Sam"), shared=False)
    found = await all_of(talk)
    in_public = facts.for_prompt(found, Place(talk.user_id, talk.character_id, "hall", True))
    in_private = facts.for_prompt(found, Place(talk.user_id, talk.character_id, "home", False))
    assert [fact.value for fact in in_public] == ["Oslo"]
    assert {fact.value for fact in in_private} == {"Rome", "Sam"}


async def test_a_fact_goes_with_its_last_source_and_the_one_before_is_in_force_again(talk: Talk):
    await learn(talk, await told(talk, "I live in Rome.", "lives_in", "", "Rome"))
    newer = await told(talk, "I live in Oslo.", "lives_in", "", "Oslo")
    await learn(talk, newer)
    assert newer.message_id
    await corrections.delete(talk.pool, talk.user_id, talk.character_id, newer.message_id)
    assert await talk.facts() == {"lives_in": "Rome"}
    assert await talk.facts(past=True) == {}


async def test_a_fact_stays_while_another_message_supports_it(talk: Talk):
    first = await told(talk, "I live in Rome.", "lives_in", "", "Rome")
    second = await told(talk, "As I said, I live in Rome.", "lives_in", "", "Rome")
    await learn(talk, first)
    await learn(talk, second)
    for fact, left in ((first, {"lives_in": "Rome"}), (second, {})):
        assert fact.message_id
        await corrections.delete(talk.pool, talk.user_id, talk.character_id, fact.message_id)
        assert await talk.facts() == left


async def test_a_gap_in_a_chain_of_changes_is_closed(talk: Talk):
    told_facts = [await told(talk, f"I live in {city}.", "lives_in", "", city) for city in ("Rome", "Oslo", "Bern")]
    ids = [await learn(talk, fact) for fact in told_facts]
    assert told_facts[1].message_id
    await corrections.delete(talk.pool, talk.user_id, talk.character_id, told_facts[1].message_id)
    rome, bern = await all_of(talk, past=True)
    assert (rome.fact_id, rome.superseded_by, bern.fact_id) == (ids[0], ids[2], ids[2])


async def test_what_the_person_wrote_needs_no_source(talk: Talk):
    fact = await told(talk, "I live in Rome.", "lives_in", "", "Rome")
    fact_id = await learn(talk, fact)
    assert fact_id
    assert fact.message_id
    await facts.change(talk.pool, talk.user_id, talk.character_id, fact_id, text="lives in Old Rome", pinned=None)
    await corrections.delete(talk.pool, talk.user_id, talk.character_id, fact.message_id)
    assert [fact.text for fact in await all_of(talk)] == ["lives in Old Rome"]


async def test_what_the_person_pinned_or_wrote_stays_when_its_message_is_deleted(talk: Talk):
    pinned = await learn(talk, await told(talk, "I live in Rome.", "lives_in", "", "Rome"))
    written = await learn(talk, await told(talk, "My name is Sam.", "name", "", "Sam"))
    await learn(talk, await told(talk, "I love cheese.", "taste", "cheese", "likes"))
    assert pinned
    assert written
    await facts.change(talk.pool, talk.user_id, talk.character_id, pinned, text=None, pinned=True)
    await facts.change(talk.pool, talk.user_id, talk.character_id, written, text="Samuel", pinned=None)
    for row in await talk.rows("select message_id from messages where user_id = $1 and character_id = $2"):
        await corrections.delete(talk.pool, talk.user_id, talk.character_id, row["message_id"])
    assert await talk.facts() == {"lives_in": "Rome", "name": "Samuel"}


async def test_forgetting_a_fact_forgets_what_it_had_superseded(talk: Talk):
    await learn(talk, await told(talk, "I live in Rome.", "lives_in", "", "Rome"))
    fact_id = await learn(talk, await told(talk, "I live in Oslo.", "lives_in", "", "Oslo"))
    assert fact_id
    async with talk.pool.acquire() as connection, connection.transaction():
        assert await facts.forget(connection, talk.user_id, talk.character_id, fact_id)
        assert not await facts.forget(connection, talk.user_id, talk.character_id, fact_id)
    assert await all_of(talk, past=True) == []


async def test_one_person_cannot_reach_the_facts_of_another(talk: Talk):
    fact_id = await learn(talk, await told(talk, "I live in Rome.", "lives_in", "", "Rome"))
    assert fact_id
    async with talk.pool.acquire() as connection, connection.transaction():
        assert not await facts.forget(connection, talk.user_id + 1, talk.character_id, fact_id)
    assert await facts.change(talk.pool, talk.user_id + 1, talk.character_id, fact_id, text="x", pinned=None) is None
    assert await talk.facts() == {"lives_in": "Rome"}
