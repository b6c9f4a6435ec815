"""Shards in PostgreSQL: shared by processes, moved from dead ones, with their sessions and the pace of IDENTIFYs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.support.discord_bots import Reef, bots
from tests.support.discord_heart import StubHeart
from tests.support.discord_server import DiscordServer
from tests.support.discord_world import Times
from whisperengine.discord.gateway import Shard
from whisperengine.discord.leases import LEASE, RENEW, Leases
from whisperengine.discord.ledger import Answered, Ledger
from whisperengine.discord.places import Place, Places
from whisperengine.discord.service import Service
from whisperengine.discord.session import Session
from whisperengine.errors import DatabaseUnavailable

SESSION = Session("abc", "wss://resume.example", 41)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(database, min_size=1, max_size=4) as pool:
        yield pool


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    async with DiscordServer(Times(identify_gap=0.1)) as server:
        yield server
        assert server.breaches == []


def held(service: Service) -> list[int]:
    return sorted(
        shard["shard"] for state in service.state() for shard in state["shards"] if shard["status"] == "ready"
    )


def test_a_dead_process_is_replaced_within_thirty_seconds() -> None:
    assert LEASE + 2 * RENEW < 30


async def test_a_shard_has_one_holder_and_keeps_its_session(database: str, pool: asyncpg.Pool) -> None:
    first, second = Leases(pool, database, lease=30), Leases(pool, database, lease=30)
    assert await first.declare(7, 3) == 3
    assert [lease.shard for lease in await first.take(7, 2)] == [0, 1]
    assert [lease.shard for lease in await second.take(7, 5)] == [2]
    assert await first.renew() == {(7, 0), (7, 1)}
    await first.keeper(7).save(0, SESSION)
    await second.keeper(7).save(0, Session("thief", "wss://x", 1))
    await first.release(7, 0)
    (lease,) = await second.take(7, 5)
    assert (lease.shard, lease.count, lease.session) == (0, 3, SESSION)


async def test_the_lease_of_a_silent_process_ends(database: str, pool: asyncpg.Pool) -> None:
    dead, alive = Leases(pool, database, lease=0.2), Leases(pool, database, lease=30)
    await dead.declare(7, 1)
    await dead.renew()
    assert len(await dead.take(7, 1)) == 1
    assert await alive.take(7, 1) == []
    await asyncio.sleep(0.25)
    assert len(await alive.take(7, 1)) == 1
    assert await dead.renew() == set()
    await dead.keeper(7).save(0, SESSION)
    assert await alive.renew() == {(7, 0)}


async def test_processes_that_look_at_once_take_different_shards(database: str, pool: asyncpg.Pool) -> None:
    everybody = [Leases(pool, database) for _ in range(8)]
    await everybody[0].declare(7, 16)
    taken = await asyncio.gather(*(leases.take(7, 2) for leases in everybody for _ in range(2)))
    shards = [lease.shard for leases in taken for lease in leases]
    assert len(shards) == len(set(shards))


async def test_a_process_that_is_alone_waits_for_no_dead_one(database: str, pool: asyncpg.Pool) -> None:
    dead, alone = Leases(pool, database), Leases(pool, database)
    await dead.renew()
    await dead.declare(7, 2)
    await dead.take(7, 2)
    assert await alone.take(7, 2) == []
    await alone.take_over()
    assert [lease.shard for lease in await alone.take(7, 2)] == [0, 1]
    assert await dead.renew() == set()


async def test_the_number_of_shards_changes_only_when_nobody_runs_one(database: str, pool: asyncpg.Pool) -> None:
    leases = Leases(pool, database)
    await leases.declare(7, 2)
    await leases.take(7, 1)
    assert await leases.declare(7, 4) == 2
    await leases.release(7, 0)
    assert await leases.declare(7, 4) == 4
    assert [lease.count for lease in await leases.take(7, 9)] == [4, 4, 4, 4]


async def test_identifies_of_all_processes_keep_their_distance(database: str, pool: asyncpg.Pool) -> None:
    keepers = [Leases(pool, database).keeper(7) for _ in range(3)]
    assert (await keepers[0].identified(0)).used == 0
    waits = sorted(await asyncio.gather(*(keeper.reserve_identify(0, 5) for keeper in keepers)))
    assert waits == pytest.approx([0, 5, 10], abs=0.5)
    assert await keepers[0].reserve_identify(1, 5) == pytest.approx(0, abs=0.1)
    for keeper in keepers[:2]:
        await keeper.count_identify(0)
    seen = await keepers[1].identified(0)
    assert (seen.used, seen.wait) == (2, pytest.approx(15, abs=0.5))
    assert seen.since_last < 1
    assert (await keepers[1].identified(3)).wait == 0


async def test_a_database_that_is_away_is_named_as_such(database: str) -> None:
    pool = await asyncpg.create_pool(database, min_size=1, max_size=1)
    await pool.close()
    with pytest.raises(DatabaseUnavailable):
        await Leases(pool, database).renew()


async def test_answers_are_found_from_both_sides(database: str, pool: asyncpg.Pool) -> None:
    ledger, other = Ledger(pool, database, 7), Ledger(pool, database, 8)
    answered = Answered("100", "5", "9", "elena", ("101", "102"))
    await ledger.record(answered)
    assert await ledger.find("100") == answered
    assert await ledger.find_answer("102") == answered
    assert await ledger.latest("9", "5") == answered
    assert await ledger.find("101") is None
    assert await other.find("100") is None
    await ledger.forget("9")
    assert await ledger.find("100") is None


async def test_the_nearest_place_decides(database: str, pool: asyncpg.Pool) -> None:
    places = Places(pool, database, 7)
    await places.set("guild", "1", Place(mode="all", character="marcus", slow_seconds=5))
    await places.set("channel", "2", Place(mode="off"))
    await places.set("person", "9", Place(character="elena"))
    again = Places(pool, database, 7)
    await again.reload()
    found = again.in_force(person="9", lineage=["3", "2"], guild="1")
    assert found == Place(mode="off", character="elena", slow_seconds=5)
    assert again.in_force(person="8", lineage=["4"], guild="1").character == "marcus"
    assert again.in_force(person="8", lineage=["4"], guild="") == Place()


async def test_two_processes_share_four_shards_and_one_takes_over(database: str, discord: DiscordServer) -> None:
    discord.gateway.shards = 4
    reef = Reef(discord)
    heart = StubHeart()
    async with bots(database, discord, heart) as first:
        await discord.until(lambda: held(first) == [0, 1, 2, 3])
        async with bots(database, discord, heart, ready=False) as second:
            await discord.until(lambda: len(held(first)) == len(held(second)) == 2)
            assert sorted(held(first) + held(second)) == [0, 1, 2, 3]
            reef.say(reef.call + "who hears me?")
            await reef.posts(1)
        discord.gateway.shutdown_expected = False
        await discord.until(lambda: held(first) == [0, 1, 2, 3])
        reef.say(reef.call + "and now?")
        await reef.posts(2)
    assert reef.posted() == ["answer to who hears me?", "answer to and now?"]
    openings = [connect for connect in discord.gateway.connects if connect.opened == "identify"]
    assert all(connect.opened_at - connect.at < 0.1 for connect in openings)
    # Sessions moved with their shards: no IDENTIFY was spent on it.
    assert len(openings) == 4


async def test_a_process_that_cannot_renew_stops_before_another_may_start(
    database: str, discord: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    Reef(discord)
    async with bots(database, discord, StubHeart()) as service:

        async def away(self: Leases) -> set[tuple[int, int]]:
            raise DatabaseUnavailable("The database is away.")

        monkeypatch.setattr(Leases, "renew", away)
        await discord.until(lambda: not held(service))
        await discord.until(lambda: discord.gateway.connects[-1].client_code == 4000)
        monkeypatch.undo()
        await discord.until(lambda: held(service) == [0])
    assert [connect.opened for connect in discord.gateway.connects] == ["identify", "resume"]


async def test_a_fault_of_ours_costs_seconds_and_not_the_bot(
    database: str, discord: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    reef = Reef(discord)
    monkeypatch.setattr("whisperengine.discord.service.RESTART", 0.1)
    async with bots(database, discord, StubHeart()) as service:
        healthy = Shard._learn

        def breaks(self: Shard, ending: object) -> None:
            monkeypatch.setattr(Shard, "_learn", healthy)
            raise RuntimeError("a defect")

        monkeypatch.setattr(Shard, "_learn", breaks)
        await discord.gateway.close(4000)
        reef.say(reef.call + "still there?")
        await reef.posts(1)
        assert held(service) == [0]
    assert [connect.opened for connect in discord.gateway.connects] == ["identify", "resume"]
