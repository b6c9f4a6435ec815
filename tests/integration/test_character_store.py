from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from whisperengine.characters import store, versions
from whisperengine.characters.definition import Definition, parse
from whisperengine.db.pool import open_pool
from whisperengine.errors import ChangedMeanwhile, ConflictError


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await open_pool(database, 4)
    yield pool
    await pool.close()


@pytest.fixture
async def connection(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    async with pool.acquire() as connection:
        yield connection


def mira(name: str = "mira", **identity: object) -> Definition:
    return parse({"cdl": "3.0", "name": name, "identity": {"full_name": "Mira", **identity}})


async def test_the_shipped_characters_are_there_after_the_first_start_and_stay_as_they_are(connection):
    names = [definition.name for definition in store.builtin()]
    assert await store.load_builtin(connection) == names
    assert await store.load_builtin(connection) == []
    character = await store.get(connection, "mira_okafor")
    assert character is not None
    assert character.unedited_builtin
    assert character.version == 1
    assert character.definition.sha256 in [definition.sha256 for definition in store.builtin()]
    assert [saved.note for saved in await versions.versions(connection, "mira_okafor")] == ["shipped with the program"]


async def test_a_shipped_character_is_updated_only_when_nobody_edited_it(connection):
    await store.load_builtin(connection)
    await connection.execute(
        "update characters set builtin_sha256 = '\\x00', definition = jsonb_set(definition, '{identity,age}', '99') "
        "where name = 'mira_okafor'"
    )
    edited = mira("tamsin_vane")
    await store.replace(connection, "tamsin_vane", edited, expected_version=1)
    assert await store.load_builtin(connection) == ["mira_okafor"]
    updated = await store.get(connection, "mira_okafor")
    assert updated is not None
    assert (updated.version, updated.definition.text("identity.age")) == (2, "41")
    kept = await store.get(connection, "tamsin_vane")
    assert kept is not None
    assert (kept.definition, kept.unedited_builtin) == (edited, False)


async def test_a_persons_own_character_is_not_overwritten_by_a_shipped_one_of_the_same_name(connection):
    own = await store.create(connection, mira("assistant"))
    assert "assistant" not in await store.load_builtin(connection)
    assert await store.get(connection, "assistant") == own


async def test_several_processes_may_load_the_shipped_characters_at_once(pool):
    async def load() -> list[str]:
        async with pool.acquire() as connection:
            return await store.load_builtin(connection)

    loaded = await asyncio.gather(load(), load(), load(), load())
    assert sorted(name for names in loaded for name in names) == [definition.name for definition in store.builtin()]


async def test_what_was_created_is_found_whole(connection):
    document = {
        "cdl": "3.0",
        "name": "odd",
        "unknown": [1, 2.5, None, {"é": "🐙"}],
        "extensions": {"big": 2**70, "small": 1e-12, "text": '"\\\n'},
    }
    await store.create(connection, parse(document))
    found = await store.get(connection, "odd")
    assert found is not None
    assert found.definition.document == document
    assert await store.get(connection, "nobody") is None


async def test_a_name_is_given_once(connection):
    await store.create(connection, mira())
    with pytest.raises(ConflictError, match="exists already") as raised:
        await store.create(connection, mira(age=3))
    assert raised.value.code == "name_taken"
    await store.archive(connection, "mira")
    with pytest.raises(ConflictError):
        await store.create(connection, mira())


async def test_of_two_editors_the_second_is_told(connection):
    await store.create(connection, mira())
    saved = await store.replace(connection, "mira", mira(age=30), expected_version=1, note="older")
    assert saved is not None
    assert saved.version == 2
    with pytest.raises(ChangedMeanwhile, match="it is at version 2") as raised:
        await store.replace(connection, "mira", mira(age=31), expected_version=1)
    assert raised.value.code == "version_conflict"
    current = await store.get(connection, "mira")
    assert current is not None
    assert current.definition.text("identity.age") == "30"


async def test_of_two_editors_at_the_same_moment_exactly_one_saves(pool):
    async with pool.acquire() as connection:
        await store.create(connection, mira())

    async def save(age: int) -> bool:
        async with pool.acquire() as connection:
            try:
                await store.replace(connection, "mira", mira(age=age), expected_version=1)
            except ChangedMeanwhile:
                return False
            return True

    assert sorted(await asyncio.gather(save(1), save(2), save(3))) == [False, False, True]


async def test_every_version_can_be_read_again(connection):
    await store.create(connection, mira())
    await store.replace(connection, "mira", mira(age=30), expected_version=1, note="older")
    await store.replace(connection, "mira", mira(age=31), expected_version=None)
    assert [(saved.version, saved.note) for saved in await versions.versions(connection, "mira")] == [
        (3, "changed: identity.age"),
        (2, "older"),
        (1, "created"),
    ]
    assert await versions.version(connection, "mira", 2) == mira(age=30)
    assert await versions.version(connection, "mira", 4) is None
    assert await versions.versions(connection, "nobody") == []


async def test_saving_what_is_there_already_makes_no_version(connection):
    await store.create(connection, mira())
    same = await store.replace(connection, "mira", mira(), expected_version=1)
    assert same is not None
    assert same.version == 1
    assert len(await versions.versions(connection, "mira")) == 1


async def test_a_character_can_be_renamed_but_not_to_a_name_that_is_taken(connection):
    created = await store.create(connection, mira())
    await store.create(connection, mira("other"))
    renamed = await store.replace(connection, "mira", mira("mira_two"), expected_version=1)
    assert renamed is not None
    assert (renamed.id, renamed.name) == (created.id, "mira_two")
    assert await store.get(connection, "mira") is None
    with pytest.raises(ConflictError) as raised:
        await store.replace(connection, "mira_two", mira("other"), expected_version=2)
    assert raised.value.code == "name_taken"
    unchanged = await store.get(connection, "mira_two")
    assert unchanged is not None
    assert unchanged.version == 2


async def test_replacing_nobody_gives_none(connection):
    assert await store.replace(connection, "nobody", mira(), expected_version=None) is None


async def test_an_archived_character_is_out_of_sight_until_it_is_restored(connection):
    await store.create(connection, mira())
    assert await store.archive(connection, "mira")
    assert not await store.archive(connection, "mira")
    assert await store.get(connection, "mira") is None
    assert await store.list_characters(connection) == []
    archived = await store.get(connection, "mira", archived=True)
    assert archived is not None
    assert archived.archived_at is not None
    assert [summary.name for summary in await store.list_characters(connection, archived=True)] == ["mira"]
    assert await store.restore(connection, "mira")
    assert not await store.restore(connection, "mira")
    assert await store.get(connection, "mira") is not None


async def test_the_list_tells_enough_to_choose_by(connection):
    await store.load_builtin(connection)
    await store.create(connection, parse({"cdl": "3.0", "name": "zzz"}))
    listed = await store.list_characters(connection)
    assert [summary.name for summary in listed] == sorted(summary.name for summary in listed)
    by_name = {summary.name: summary for summary in listed}
    assert by_name["tamsin_vane"].full_name == "Tamsin Vane"
    assert by_name["tamsin_vane"].archetype == "fantasy"
    assert "role-play" in by_name["tamsin_vane"].tags
    assert by_name["zzz"].full_name == ""
    assert by_name["zzz"].tags == ()
    page = await store.list_characters(connection, after="assistant", limit=1)
    assert [summary.name for summary in page] == [listed[1].name]
