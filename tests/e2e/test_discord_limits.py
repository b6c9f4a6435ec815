"""The service as a process on a strict Discord that is half dead, sends garbage, loses answers or sets tight limits."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.support.discord_garbage import FRAMES, GARBAGE
from tests.support.discord_rest import Limit
from tests.support.discord_service import change, echo, stage
from tests.support.discord_world import Times
from tests.support.llm_stub import says


async def test_a_connection_that_only_seems_to_live_is_left_for_one_that_does(database: str) -> None:
    """One bot gets nothing at all any more, the other all but the acknowledgements of its heartbeats."""
    times = Times(heartbeat_interval=1.0, heartbeat_tolerance=5.0)
    async with stage(database, "silent", "unacknowledged", times=times) as scene, scene.service():
        connects = scene.discord.gateway.connects
        for name, events in (("silent", False), ("unacknowledged", True)):
            scene.connection(scene.bots[name]).silence(events=events)
        scene.say("unheard", scene.dms["silent"])
        async with asyncio.timeout(40):
            while sum(bool(connect.ready_at) for connect in connects) < 4:
                assert await scene.ask("heard", scene.dms["unacknowledged"]) == "answer to heard"
                await asyncio.sleep(0.1)
        assert [connect.client_code for connect in connects[:2]] == [4000, 4000]
        assert {connect.opened for connect in connects[2:]} == {"resume"}
        assert await scene.answers(1, scene.dms["silent"]) == ["answer to unheard"]
        for name in scene.bots:
            assert await scene.ask("after", scene.dms[name]) == "answer to after"


async def test_after_garbage_of_every_kind_the_next_message_is_answered(database: str) -> None:
    """A bot for each kind: some cost it the connection, which it has to win back."""
    kinds: list[tuple[Any, bool]] = [*((payload, False) for payload in GARBAGE), *((frame, True) for frame in FRAMES)]
    names = [f"bot{number}" for number in range(len(kinds))]
    async with stage(database, *names) as scene, scene.service():
        for name, (payload, framed) in zip(names, kinds, strict=True):
            await scene.connection(scene.bots[name]).send_raw(payload, framed=framed)
            scene.say("still there?", scene.dms[name])
        for name in names:
            assert await scene.answers(1, scene.dms[name]) == ["answer to still there?"]
        for name in names:
            assert await scene.ask("and now?", scene.dms[name]) == "answer to and now?"
        assert len(scene.posted()) == 2 * len(names)
        assert len(scene.discord.gateway.connects) > len(names)


async def test_an_answer_that_discord_loses_is_posted_once(database: str) -> None:
    async with stage(database) as scene, scene.service():
        for fault in ("502-after", "drop-after", "500", "503", "drop"):
            scene.discord.rest.fail("POST", "/messages$", fault)
            assert await scene.ask(f"despite {fault}") == f"answer to despite {fault}"
        await scene.ask("the end")
        assert sum(text.startswith("answer to despite") for text in scene.posted()) == 5


async def test_a_tight_limit_is_never_run_into_and_keeps_the_order(database: str) -> None:
    """Twelve people in one channel, then one answer in twelve parts, where five messages a second are allowed."""
    async with stage(database) as scene, scene.service():
        scene.discord.rest.limits["POST messages"] = Limit(5, 1.0)
        people = [scene.discord.world.add_user(f"Person {number}") for number in range(12)]
        for number, person in enumerate(people):
            scene.say(f"{scene.call}number {number}", scene.room, person)
        answers = await scene.answers(12, scene.room)
        assert [text.split()[-1] for text in answers] == [str(number) for number in range(12)]

        chapters = "\n\n".join(f"Chapter {number}. " + "Then the tide turned. " * 80 for number in range(12))
        scene.model.will(says(chapters), echo)
        scene.say("tell me everything")
        parts = await scene.answers(12, scene.dm)
        assert [text.split(".")[0] for text in parts] == [f"Chapter {number}" for number in range(12)]
        assert not [status for *_, status in scene.discord.rest.requests if status == 429]


async def test_two_hundred_changes_of_presence_stay_far_below_the_limit(database: str) -> None:
    """The bot shows the one character, then the other; the strict server notes a 121st send and a late heartbeat."""
    times = Times(heartbeat_interval=1.0, heartbeat_tolerance=5.0)
    async with stage(database, "bella", "halcyon", times=times) as scene:
        environ = dict.fromkeys(("DISCORD_BOT_TOKEN", "DISCORD_TOKENS"), "")
        async with scene.service(connected=False, **environ) as process, scene.client(process) as client:
            await change(client, {"discord.tokens": "bella=token-bella"})
            await scene.until_bots(client, lambda bots: bots and bots[0]["state"] == "ready")
            for number in range(200):
                await change(client, {"discord.tokens": f"{('halcyon', 'bella')[number % 2]}=token-bella"})
            await change(client, {"discord.tokens": "halcyon=token-bella"})
            shown = scene.discord.gateway.presences
            await scene.discord.until(lambda: doing(shown[-1]) == "halcyon, keeper of the reef", 40)
            connects = scene.discord.gateway.connects
            beats = sum(connect.heartbeats for connect in connects)
            await scene.discord.until(lambda: sum(connect.heartbeats for connect in connects) >= beats + 3, 20)
            assert doing(shown[0]) == "bella, keeper of the reef"
            assert len(shown) < 50
            assert await scene.ask("still there?") == "answer to still there?"


def doing(presence: dict[str, Any]) -> str:
    return presence["activities"][0]["state"]
