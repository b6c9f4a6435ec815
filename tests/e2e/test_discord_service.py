"""The service as a process with its bots on a strict Discord: cut connections, refused tokens, kill -9, settings."""

from __future__ import annotations

import asyncio

from tests.support.discord_service import change, echo, stage
from tests.support.discord_world import Times
from tests.support.llm_stub import says

RESUMED = ("4000", "1000", "1001", "none", "reset", "op 7", "op 9 true")
ANEW = ("op 9 false", "4003", "4007", "4009")
FOR_GOOD = (4004, 4010, 4011, 4012, 4013)


async def test_however_a_connection_ends_each_message_is_answered_once(database: str) -> None:
    """Eleven bots in one process, each of whose connections ends in its own way while Anna writes to it."""
    names = {how: f"bot{number}" for number, how in enumerate((*RESUMED, *ANEW))}
    async with stage(database, *names.values()) as scene, scene.service():
        connects = scene.discord.gateway.connects
        assert [connect.opened for connect in connects] == ["identify"] * len(names)
        for how, name in names.items():
            connection = scene.connection(scene.bots[name])
            if how in ANEW:
                scene.session(scene.bots[name]).alive = False
            else:
                scene.say(f"while {how}", scene.dms[name])
            await connection.cut(how)
        for how in RESUMED:
            assert await scene.answers(1, scene.dms[names[how]]) == [f"answer to while {how}"]
        await scene.discord.until(lambda: sum(bool(connect.ready_at) for connect in connects) == 2 * len(names), 40)
        for how, name in names.items():
            count = len(scene.posted(scene.dms[name]))
            assert await scene.ask(f"after {how}", scene.dms[name]) == f"answer to after {how}"
            assert len(scene.posted(scene.dms[name])) == count + 1
        opened = [(connect.opened, connect.path) for connect in connects[len(names) :]]
    assert opened.count(("resume", "/resume")) == len(RESUMED)
    assert opened.count(("identify", "/gateway")) == len(ANEW)


async def test_bots_that_discord_refuses_stand_still_and_the_api_lives(database: str) -> None:
    """Each is tried once, and says which switch is where; a token that is mended at run time works at once."""
    names = [f"bot{code}" for code in FOR_GOOD]
    async with stage(database, *names) as scene:
        scene.discord.gateway.plan.extend(f"close:{code}" for code in FOR_GOOD)
        tokens = scene.environ()["DISCORD_TOKENS"] + ",halcyon=wrong"
        async with (
            scene.service(connected=False, DISCORD_TOKENS=tokens) as process,
            scene.client(process) as client,
        ):
            bots = await scene.until_bots(client, lambda bots: bots and all(bot["state"] == "stopped" for bot in bots))
            assert len(bots) == len(FOR_GOOD) + 1
            assert all(bot["problem"] and bot["next_step"] for bot in bots), bots
            refused = next(bot for bot in bots if bot["character"] == "halcyon")
            assert refused["problem"] == "Discord refused the bot token."
            assert "Reset Token" in refused["next_step"]
            assert (await client.say("Hello", character="halcyon"))["response"]
            log = process.log()
        assert len(scene.discord.gateway.connects) == len(FOR_GOOD)
        assert sum(status == 401 for *_, status in scene.discord.rest.requests) == 1
        assert "Reset Token" in log


async def test_a_killed_service_answers_what_was_said_meanwhile_once(database: str) -> None:
    async with stage(database) as scene:
        async with scene.service() as first:
            await scene.ask("before")
            await scene.saved()
            scene.model.will(says("never said", delay=60))
            unfinished = scene.say("unfinished")
            await scene.discord.until(lambda: "unfinished" in scene.prompts()[-1], 20)
            await first.kill()
        scene.say("between")
        scene.discord.edit(unfinished, "finished")
        scene.model.will(echo)
        async with scene.service():
            await scene.answers(3)
            await scene.ask("after")
        # The edit comes again before or after the message is taken up; memory holds the words as they are now.
        texts = ["before", "finished", "between", "after"]
        assert [text.replace("un", "") for text in scene.posted()] == [f"answer to {text}" for text in texts]
        assert [connect.opened for connect in scene.discord.gateway.connects] == ["identify", "resume"]
        said = await scene.fetch("select content from messages where role = 'person' order by message_id")
        assert [row["content"] for row in said] == texts
        assert (await scene.fetch("select count(*) from messages"))[0][0] == 2 * len(texts)


async def test_a_slow_model_delays_nothing_else_and_sigterm_ends_in_order(database: str) -> None:
    async with stage(database, times=Times(heartbeat_interval=1.0, heartbeat_tolerance=1.0)) as scene:
        scene.model.will(says("never said", delay=30))
        async with scene.service() as process:
            for number in range(3):
                scene.say(f"think hard, {number}")
            await scene.discord.until(lambda: scene.discord.world.typing, 20)
            # The server complains when a command is not acknowledged within three seconds, and of a late heartbeat.
            assert "after" in await scene.use("mood") or "not talked" in await scene.use("mood")
            (connect,) = scene.discord.gateway.connects
            beats = connect.heartbeats
            await scene.discord.until(lambda: connect.heartbeats >= beats + 3, 20)
            scene.discord.gateway.shutdown_expected = True
            async with asyncio.timeout(5):
                assert await process.stop() == 0
            await scene.discord.until(lambda: connect.client_code)
            assert connect.client_code == 1000
            assert "Traceback" not in process.log()
        assert scene.posted() == []


async def test_bots_start_stop_and_change_with_the_settings(database: str) -> None:
    """One of the two may not read messages, and answers whom it may."""
    async with stage(database, "bella", "halcyon") as scene:
        scene.bots["halcyon"].content = False
        environ = dict.fromkeys(("ENABLE_DISCORD", "DISCORD_BOT_TOKEN", "DISCORD_TOKENS", "ADMIN_USER_IDS"), "")
        async with scene.service(connected=False, **environ) as process, scene.client(process) as client:
            assert (await client.get("/api/discord"))[1]["enabled"] is False
            await change(client, {"discord.enabled": True})
            assert "DISCORD_BOT_TOKEN" in (await client.get("/api/discord"))[1]["next_step"]
            await change(client, {"discord.token": "token-bella", "discord.tokens": "halcyon=token-halcyon"})
            await scene.until_bots(client, lambda bots: bots and bots[0]["state"] == "ready")
            assert await scene.ask("hello") == "answer to hello"
            await change(client, {"discord.mode": "all"})
            assert await scene.ask("anyone?", scene.room) == "answer to anyone?"

            bots = await scene.until_bots(client, lambda bots: bots[1]["state"] == "ready")
            assert "MESSAGE CONTENT INTENT" in bots[1]["next_step"]
            assert await scene.ask("in private", scene.dms["halcyon"]) == "answer to in private"

            connects = scene.discord.gateway.connects
            assert [connect.opened for connect in connects] == ["identify"] * 3
            scene.discord.gateway.shutdown_expected = True
            await change(client, {"discord.token": None, "discord.tokens": None})
            await scene.discord.until(lambda: [each.client_code for each in connects].count(1000) == 2)
            await scene.until_bots(client, lambda bots: not bots)
