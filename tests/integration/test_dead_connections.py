"""Connections to the database that nobody answers any more, though neither end was told, are found and replaced."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from tests.support import service as services
from tests.support.line import Line, by_way_of, line_to, socket_of
from tests.support.service import Client
from whisperengine.db import listening as listening_module
from whisperengine.db import pool as pools
from whisperengine.db.listening import listening
from whisperengine.db.pool import keep_probed, open_pool, reachable
from whisperengine.errors import DatabaseUnavailable
from whisperengine.learning import indexer

PATIENCE = 30.0
"""Seconds: far more than what is waited for takes, and less than a statement may take by itself."""
CROWD_PATIENCE = 90.0
"""Seconds: a crowd that waited for each other would take minutes."""


@pytest.fixture
async def line(database: str) -> AsyncIterator[Line]:
    async with line_to(socket_of(database)) as line:
        yield line


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (pools, listening_module):
        monkeypatch.setattr(module, "PROBE_SECONDS", 0.05)
        monkeypatch.setattr(module, "CANCEL_SECONDS", 0.5)


@pytest.fixture
def sweeping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexer, "SWEEP_SECONDS", 2.0)


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await true():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_statement_that_nobody_answers_ends_in_its_time_and_its_place_in_the_pool_is_free_again(
    database: str, line: Line, impatient: None
):
    pool = await open_pool(by_way_of(database, line), 1)
    line.lose_all()
    async with asyncio.timeout(PATIENCE) as patience:
        with pytest.raises(TimeoutError):
            await pool.fetchval("select 1", timeout=0.5)
        assert await pool.fetchval("select 1") == 1
    assert not patience.expired()
    await pool.close()


async def test_idle_connections_without_a_sign_of_life_are_replaced_before_anybody_takes_one(
    database: str, line: Line, impatient: None, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.WARNING, "whisperengine.db.pool")
    pool = await open_pool(by_way_of(database, line), 2)
    probing = asyncio.create_task(keep_probed(pool))

    async def both_found() -> bool:
        return caplog.text.count("gave no sign of life") == 2

    line.lose_all()
    await until(both_found)
    async with asyncio.timeout(PATIENCE):
        assert await asyncio.gather(pool.fetchval("select 1"), pool.fetchval("select 1")) == [1, 1]
    probing.cancel()
    await asyncio.wait({probing})
    await pool.close()


async def test_a_crowd_at_a_silent_database_is_told_so_without_waiting_for_each_other(
    database: str, line: Line, impatient: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pools, "ACQUIRE_SECONDS", 0.5)
    dsn = by_way_of(database, line)
    pool = await open_pool(dsn, 2)
    line.freeze()

    async def ask() -> None:
        with reachable(dsn):
            await pool.fetchval("select 1", timeout=0.5)

    async with asyncio.timeout(CROWD_PATIENCE):
        told = await asyncio.gather(*(ask() for _ in range(40)), return_exceptions=True)
    assert {type(each) for each in told} == {DatabaseUnavailable}
    line.thaw()
    async with asyncio.timeout(PATIENCE):
        assert await pool.fetchval("select 1") == 1
    await pool.close()


async def test_a_crowd_waits_for_as_long_as_connections_come_back(database: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pools, "ACQUIRE_SECONDS", 5.0)
    pool = await open_pool(database, 1)
    began = asyncio.get_running_loop().time()
    served = await asyncio.gather(*(pool.fetchval("select 1 from pg_sleep(0.1)") for _ in range(60)))
    assert len(served) == 60
    assert asyncio.get_running_loop().time() - began > pools.ACQUIRE_SECONDS
    await pool.close()


async def test_a_turn_at_a_silent_database_is_told_so_in_the_time_that_is_promised(
    database: str, line: Line, impatient: None
):
    async with services.running(services.test_config(database_url=by_way_of(database, line))) as client:
        await client.say("Hello.")
        line.freeze()
        async with asyncio.timeout(CROWD_PATIENCE):
            told = await asyncio.gather(
                *(
                    client.request("POST", "/api/chat", json={"user_id": f"person-{number}", "message": "Hello."})
                    for number in range(30)
                )
            )
        line.thaw()
        for status, body, headers in told:
            assert (status, body["code"]) == (503, "database_unavailable")
            assert headers["Retry-After"]


async def test_whoever_listens_over_a_dead_connection_learns_that_it_is_lost(
    database: str, line: Line, impatient: None
):
    async with listening(by_way_of(database, line), "whisperengine_test", lambda _: None) as lost:
        line.lose_all()
        async with asyncio.timeout(PATIENCE):
            await lost.wait()


async def test_what_an_outage_left_without_an_embedding_gets_it_while_people_talk_without_a_pause(
    sweeping: None, offline: Client, database: str
):
    await offline.say("Remember the blue door.")
    connection = await asyncpg.connect(database)

    async def indexed() -> bool:
        return await connection.fetchval("select count(*) from messages where pending") == 0

    await until(indexed)
    left = await connection.fetchval(
        "with bare as (delete from embeddings e using messages m where m.role = 'character' "
        "and (m.user_id, m.message_id) = (e.user_id, e.message_id) returning e.user_id, e.message_id) "
        "update messages m set pending = true from bare "
        "where (m.user_id, m.message_id) = (bare.user_id, bare.message_id) returning m.message_id"
    )
    assert left

    async def left_is_indexed() -> bool:
        await asyncio.gather(*(offline.say("And then?", user=f"person-{number}") for number in range(3)))
        return not await connection.fetchval("select pending from messages where message_id = $1", left)

    await until(left_is_indexed)
    await connection.close()


def test_a_connection_that_breaks_just_as_it_is_used_is_a_database_that_is_away():
    with pytest.raises(DatabaseUnavailable), reachable("postgresql://db.example/w"):
        raise asyncpg.InternalClientError("cannot switch to state")
