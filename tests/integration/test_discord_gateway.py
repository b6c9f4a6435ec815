"""The gateway client against the strict server: every way in which a connection can end, storms, zombies, garbage."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support.discord_client import QUICK, MemoryKeeper, running
from tests.support.discord_garbage import FRAMES, GARBAGE
from tests.support.discord_server import DiscordServer
from tests.support.discord_world import Times
from whisperengine.discord.gateway import MESSAGE_CONTENT
from whisperengine.discord.link import PRESENCE
from whisperengine.discord.problems import DiscordError, DiscordStopped
from whisperengine.discord.session import Session

GAP = 0.1


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    times = Times(heartbeat_interval=0.4, heartbeat_tolerance=0.4, identify_gap=GAP, send_window=60)
    async with DiscordServer(times) as server:
        server.rest.limits["POST messages"].size = 1000
        yield server


class Room:
    """A server with one channel, a bot and a person."""

    def __init__(self, discord: DiscordServer) -> None:
        self.bot = discord.world.add_bot("token", "Elena")
        self.guild, (self.channel,) = discord.world.add_guild("Reef")
        self.person = discord.world.add_user("Anna")
        self._world = discord.world

    def say(self, text: str) -> str:
        return self._world.say(self.channel, self.person, text)

    def answers(self, text: str) -> int:
        return sum(message["content"] == "echo " + text for message in self._world.posted())


@pytest.fixture
def room(discord: DiscordServer) -> Room:
    return Room(discord)


async def cut(discord: DiscordServer, how: Any) -> None:
    if how == "reset":
        discord.gateway.reset()
    elif how == "reconnect":
        await discord.gateway.send(7)
    elif how == "invalid-resumable":
        await discord.gateway.send(9, True)
    elif how == "invalid":
        await discord.gateway.send(9, False)
    else:
        await discord.gateway.close(how)


@pytest.mark.parametrize("how", [4000, 1000, 1001, None, 4001, 4002, 4005, "reset", "reconnect", "invalid-resumable"])
async def test_a_lost_connection_is_resumed_and_nothing_is_lost_or_doubled(
    discord: DiscordServer, room: Room, how: Any
) -> None:
    async with running(discord, room.bot) as (client, _):
        room.say("before")
        await discord.until(lambda: room.answers("before"))
        await cut(discord, how)
        room.say("during")
        await discord.until(lambda: len(discord.gateway.connects) == 2 and client.shard.ready.is_set())
        room.say("after")
        await discord.until(lambda: room.answers("during") and room.answers("after"))
    first, second = discord.gateway.connects
    assert (second.path, second.opened) == ("/resume", "resume")
    assert second.ready_at - first.opened_at < 1
    assert [room.answers(text) for text in ("before", "during", "after")] == [1, 1, 1]
    # Even the answer to a close frame must not say that the session is over.
    assert first.client_code == (None if how in (None, "reset") else 4000)
    assert discord.breaches == []


@pytest.mark.parametrize("how", [4003, 4007, 4009, "invalid"])
async def test_a_dead_session_is_replaced_on_the_main_url_after_the_pause(
    discord: DiscordServer, room: Room, how: Any
) -> None:
    async with running(discord, room.bot) as (client, _):
        discord.gateway.expire_sessions()
        await cut(discord, how)
        await discord.until(lambda: len(discord.gateway.connects) == 2 and client.shard.ready.is_set())
        room.say("after")
        await discord.until(lambda: room.answers("after"))
    first, second = discord.gateway.connects
    assert (second.path, second.opened) == ("/gateway", "identify")
    assert second.opened_at - first.opened_at >= GAP
    assert room.answers("after") == 1
    assert discord.breaches == []


async def test_an_expired_session_is_noticed_at_the_resume_and_replaced(discord: DiscordServer, room: Room) -> None:
    async with running(discord, room.bot) as (client, _):
        discord.gateway.expire_sessions()
        await discord.gateway.close(4000)
        await discord.until(lambda: len(discord.gateway.connects) == 3 and client.shard.ready.is_set())
    assert [connect.path for connect in discord.gateway.connects] == ["/gateway", "/resume", "/gateway"]
    assert discord.breaches == []


@pytest.mark.parametrize("code", [4004, 4010, 4011, 4012, 4013])
async def test_a_final_refusal_is_tried_once_and_explained(discord: DiscordServer, room: Room, code: int) -> None:
    discord.gateway.always = f"close:{code}"
    async with running(discord, room.bot, wait=False) as (client, task):
        with pytest.raises(DiscordStopped) as refused:
            await asyncio.wait_for(task, 5)
        assert client.shard.state.status == "stopped"
        assert client.shard.state.problem == str(refused.value)
    assert len(discord.gateway.connects) == 1
    assert discord.breaches == []


async def test_a_wrong_token_is_tried_once_and_the_place_to_mend_it_is_named(
    discord: DiscordServer, room: Room
) -> None:
    room.bot.revoked = True
    async with running(discord, room.bot, wait=False) as (_, task):
        with pytest.raises(DiscordStopped, match=r"Reset Token.*DISCORD_BOT_TOKEN"):
            await asyncio.wait_for(task, 5)
    assert discord.gateway.connects == []
    assert [path for _, _, path, _ in discord.rest.requests] == ["/api/v10/gateway/bot"]


async def test_without_the_content_intent_it_goes_on_with_less_and_says_so(discord: DiscordServer, room: Room) -> None:
    room.bot.content = False
    async with running(discord, room.bot) as (client, _):
        assert not client.shard.reads_content
        assert "MESSAGE CONTENT INTENT" in client.shard.state.problem
        assert not discord.session_of(room.bot).intents & MESSAGE_CONTENT
        room.say(f"<@{room.bot.id}> hello")
        await discord.until(lambda: room.answers(f"<@{room.bot.id}> hello"))
    assert len(discord.gateway.connects) == 2
    assert discord.breaches == []


@pytest.mark.parametrize("fault", ["close:4000", "reconnect", "503", "drop", "no-hello", "hang"])
async def test_no_storm_and_recovery_when_every_connection_fails_at_once(
    discord: DiscordServer, room: Room, fault: str
) -> None:
    """Times are a fiftieth of the real ones: ten seconds are 0.2 s here, a minute 1.2 s."""
    discord.gateway.always = fault
    async with running(discord, room.bot, wait=False, chance=lambda: 0.5) as (client, _):
        await asyncio.sleep(1.0)
        assert len(discord.gateway.connects) <= 10
        begun = discord.gateway.connects[0].at
        # A window slides: no ten seconds hold more than six, wherever they begin.
        for connect in discord.gateway.connects:
            assert sum(connect.at <= other.at < connect.at + 0.2 for other in discord.gateway.connects) <= 6
        early = sum(connect.at < begun + 0.5 for connect in discord.gateway.connects)
        assert early >= len(discord.gateway.connects) - early
        discord.gateway.reset_faults()
        await discord.until(client.shard.ready.is_set, 3)
        room.say("after")
        await discord.until(lambda: room.answers("after"))
    assert discord.breaches == []


async def test_a_resume_that_is_refused_each_time_ends_in_a_new_session(discord: DiscordServer, room: Room) -> None:
    async with running(discord, room.bot) as (client, _):
        discord.gateway.always = "resume-close:4007"
        await discord.gateway.close(4000)
        await discord.until(lambda: len(discord.gateway.connects) == 3 and client.shard.ready.is_set())
    assert [connect.opened for connect in discord.gateway.connects] == ["identify", "resume", "identify"]
    assert discord.breaches == []


async def test_three_unanswered_resumes_end_in_a_new_session(discord: DiscordServer, room: Room) -> None:
    async with running(discord, room.bot) as (client, _):
        discord.gateway.always = "resume-close:4000"
        await discord.gateway.close(4000)
        await discord.until(lambda: len(discord.gateway.connects) == 5 and client.shard.ready.is_set())
    opened = [connect.opened for connect in discord.gateway.connects]
    assert opened == ["identify", "resume", "resume", "resume", "identify"]
    assert discord.breaches == []


async def test_a_session_survives_a_dead_resume_url(discord: DiscordServer, room: Room) -> None:
    async with running(discord, room.bot) as (client, _):
        discord.gateway.plan.extend(["503"])
        await discord.gateway.close(4000)
        await discord.until(lambda: len(discord.gateway.connects) == 3 and client.shard.ready.is_set())
    assert [(c.path, c.opened) for c in discord.gateway.connects[1:]] == [("/resume", ""), ("/gateway", "resume")]
    assert discord.breaches == []


async def test_no_ready_in_time_is_given_up(discord: DiscordServer, room: Room) -> None:
    discord.gateway.plan.append("no-ready")
    async with running(discord, room.bot, wait=False, timing=replace(QUICK, ready=0.5)) as (client, _):
        await discord.until(client.shard.ready.is_set, 5)
    assert len(discord.gateway.connects) == 2
    assert discord.breaches == []


@pytest.mark.parametrize("events", [False, True], ids=["silent", "events without acknowledgement"])
async def test_a_zombie_is_replaced_within_two_intervals_and_a_second(
    discord: DiscordServer, room: Room, events: bool
) -> None:
    async with running(discord, room.bot) as (client, _):
        await discord.until(lambda: discord.gateway.connects[0].heartbeats >= 1)
        discord.gateway.silence(events=events)
        silent = time.monotonic()
        while len(discord.gateway.connects) < 2:
            if events:
                room.say("noise")
            await asyncio.sleep(0.02)
        assert time.monotonic() - silent < 2 * 0.4 + 1
        await discord.until(client.shard.ready.is_set)
    assert discord.gateway.connects[0].client_code == 4000
    assert discord.gateway.connects[1].opened == "resume"
    assert discord.breaches == []


@pytest.mark.parametrize("payload", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_never_stops_the_next_answer(discord: DiscordServer, room: Room, payload: Any) -> None:
    async with running(discord, room.bot) as (client, _):
        await discord.gateway.send_raw(payload)
        await asyncio.sleep(0.02)
        room.say("still there?")
        await discord.until(lambda: room.answers("still there?"))
        assert client.shard.state.status != "stopped"
    assert room.answers("still there?") == 1
    assert discord.breaches == []


@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
async def test_frames_outside_the_compressed_stream_are_survived(
    discord: DiscordServer, room: Room, frame: Any
) -> None:
    async with running(discord, room.bot):
        await discord.gateway.send_raw(frame, framed=True)
        await asyncio.sleep(0.02)
        room.say("still there?")
        await discord.until(lambda: room.answers("still there?"))
    assert discord.breaches == []


async def test_a_beat_that_is_asked_for_comes_at_once(discord: DiscordServer, room: Room) -> None:
    discord.times.heartbeat_interval, discord.times.heartbeat_tolerance = 30, 5
    async with running(discord, room.bot, chance=lambda: 0.99):
        assert discord.gateway.connects[0].heartbeats == 0
        await discord.gateway.send(1)
        await discord.until(lambda: discord.gateway.connects[0].heartbeats == 1, 2)
    assert discord.breaches == []


async def test_sends_stay_under_the_limit_and_leave_room_for_heartbeats(discord: DiscordServer, room: Room) -> None:
    discord.times.heartbeat_interval, discord.times.heartbeat_tolerance = 1.0, 1.0
    presence = {"since": None, "activities": [], "status": "online", "afk": False}
    async with running(discord, room.bot) as (client, _):
        sends = [asyncio.create_task(client.shard.send(PRESENCE, presence)) for _ in range(200)]
        await discord.until(lambda: discord.gateway.connects[0].sends >= 55)
        before = discord.gateway.connects[0].heartbeats
        await discord.until(lambda: discord.gateway.connects[0].heartbeats >= before + 3)
        assert discord.gateway.connects[0].sends <= 120
        assert not all(send.done() for send in sends)
        for send in sends:
            send.cancel()
        await asyncio.gather(*sends, return_exceptions=True)
    assert len(discord.gateway.connects) == 1
    assert discord.breaches == []


async def test_a_payload_that_discord_would_refuse_is_not_sent(discord: DiscordServer, room: Room) -> None:
    async with running(discord, room.bot) as (client, _):
        with pytest.raises(DiscordError, match="4096"):
            await client.shard.send(PRESENCE, {"activities": ["x" * 5000]})
    assert discord.breaches == []


async def test_presence_is_in_every_identify_and_changes_are_joined(discord: DiscordServer, room: Room) -> None:
    shown: list[dict[str, Any] | None] = [None]
    async with running(discord, room.bot, presence=lambda: shown[0]) as (client, _):
        for number in range(200):
            shown[0] = {
                "since": None,
                "activities": [{"name": str(number), "type": 0}],
                "status": "online",
                "afk": False,
            }
            client.shard.presence_changed()
        await discord.until(lambda: discord.gateway.connects[0].sends >= 2)
        await asyncio.sleep(0.1)
        assert discord.gateway.connects[0].sends <= 4
    assert discord.breaches == []


async def test_an_orderly_end_closes_with_1000_and_forgets_the_session(discord: DiscordServer, room: Room) -> None:
    keeper = MemoryKeeper()
    async with running(discord, room.bot, keeper=keeper):
        await discord.until(lambda: keeper.sessions.get(0))
    await discord.until(lambda: discord.gateway.connects[0].client_code)
    assert discord.gateway.connects[0].client_code == 1000
    assert keeper.sessions == {0: None}
    assert discord.breaches == []


async def test_a_resumable_end_leaves_the_session_to_the_next_process(discord: DiscordServer, room: Room) -> None:
    keeper = MemoryKeeper()
    async with running(discord, room.bot, keeper=keeper) as (client, task):
        room.say("one")
        await discord.until(lambda: room.answers("one"))
        client.shard.stop(resumable=True)
        await task
    room.say("between")
    async with running(discord, room.bot, keeper=keeper, session=keeper.sessions[0]):
        await discord.until(lambda: room.answers("between"))
    assert [connect.opened for connect in discord.gateway.connects] == ["identify", "resume"]
    assert discord.gateway.connects[0].client_code == 4000
    assert (room.answers("one"), room.answers("between")) == (1, 1)
    assert discord.breaches == []


async def test_what_was_not_dealt_with_is_sent_again_to_the_next_process(discord: DiscordServer, room: Room) -> None:
    keeper = MemoryKeeper()
    discord.rest.fail("POST", "/messages", "slow:30")
    async with running(discord, room.bot, keeper=keeper) as (client, task):
        room.say("unanswered")
        await discord.until(lambda: client.answers)
        client.shard.stop(resumable=True)
        await task
        for answer in client.answers:
            answer.cancel()
    session = keeper.sessions[0]
    assert isinstance(session, Session)
    async with running(discord, room.bot, keeper=keeper, session=session):
        await discord.until(lambda: room.answers("unanswered"))
    assert room.answers("unanswered") == 1
    assert discord.breaches == []


async def test_the_pause_between_identifies_holds_over_processes(discord: DiscordServer, room: Room) -> None:
    keeper = MemoryKeeper()
    for _ in range(3):
        async with running(discord, room.bot, keeper=keeper):
            discord.gateway.shutdown_expected = True
    assert len(discord.gateway.connects) == 3
    assert discord.breaches == []


async def test_a_spent_budget_of_identifies_is_respected(discord: DiscordServer, room: Room) -> None:
    discord.times.start_total, discord.times.start_remaining, discord.times.start_reset = 1000, 3, 600
    async with running(discord, room.bot, wait=False) as (client, _):
        await discord.until(lambda: "new sessions a day" in client.shard.state.problem)
    assert discord.gateway.connects == []
    assert discord.breaches == []


async def test_four_shards_start_one_by_one_and_share_the_servers(discord: DiscordServer, room: Room) -> None:
    discord.gateway.shards = 4
    keeper = MemoryKeeper()
    for _ in range(12):
        discord.world.add_guild("More")
    async with (
        running(discord, room.bot, keeper=keeper, shard=0, count=4, wait=False) as (zero, _),
        running(discord, room.bot, keeper=keeper, shard=1, count=4, wait=False) as (one, _),
        running(discord, room.bot, keeper=keeper, shard=2, count=4, wait=False) as (two, _),
        running(discord, room.bot, keeper=keeper, shard=3, count=4, wait=False) as (three, _),
    ):
        shards = (zero, one, two, three)
        await discord.until(lambda: all(client.shard.ready.is_set() for client in shards))
        await discord.until(lambda: sum(name == "GUILD_CREATE" for client in shards for name, _ in client.events) == 13)
    assert discord.breaches == []


async def test_two_shards_of_different_buckets_may_start_together(discord: DiscordServer, room: Room) -> None:
    discord.times.max_concurrency = 2
    discord.times.identify_gap = 3600
    keeper = MemoryKeeper()
    async with (
        running(discord, room.bot, keeper=keeper, shard=0, count=2),
        running(discord, room.bot, keeper=keeper, shard=1, count=2),
    ):
        pass
    assert discord.breaches == []
