"""What is kept of people who talk on Discord: private words stay private, and memory follows what they do."""

from __future__ import annotations

import asyncio

from tests.support.discord_service import Stage, stage

SECRET = "My name is Penelope and I hide the key in the lighthouse."
QUESTION = "Where do I hide the key, and what is my name?"


async def recalls(scene: Stage, where: str, word: str) -> bool:
    """Whether the question, asked there, puts the word before the model."""
    count = len(scene.prompts())
    await scene.ask((scene.call if where != scene.dm else "") + QUESTION, where)
    assert len(scene.prompts()) == count + 1
    return word in scene.prompts()[-1]


async def kept(scene: Stage, word: str) -> int:
    return (await scene.fetch("select count(*) from messages where content like '%' || $1 || '%'", word))[0][0]


async def until(scene: Stage, word: str, count: int) -> None:
    """Wait until so many stored messages hold the word."""
    async with asyncio.timeout(20):
        while True:
            if await kept(scene, word) == count:
                return
            await asyncio.sleep(0.05)


async def test_what_is_said_in_private_stays_there_and_memory_follows_edits_and_deletions(database: str) -> None:
    async with stage(database) as scene, scene.service(DISCORD_BOT_NAME="mira_okafor") as process:
        told = scene.say(SECRET)
        await scene.answers(1)
        assert not await recalls(scene, scene.room, "lighthouse")
        assert not await recalls(scene, scene.room, "Penelope")
        assert await recalls(scene, scene.dm, "lighthouse")

        # The answer anew is for everybody's eyes in the one place, and for hers alone in the other.
        prompts = len(scene.prompts())
        await scene.use("regenerate", scene.room)
        assert len(scene.prompts()) == prompts + 1
        assert "lighthouse" not in scene.prompts()[-1]
        assert "Penelope" not in scene.prompts()[-1]
        await scene.use("regenerate", scene.dm)
        assert "lighthouse" in scene.prompts()[-1]

        plan = scene.say("My plan has become complicated.")
        await scene.discord.until(lambda: (plan, scene.bot.id, "🐙") in scene.discord.world.reactions)

        answer = next(message for message in scene.discord.world.posted(scene.dm) if "lighthouse" in message["content"])
        scene.discord.react(answer["id"], scene.anna, "❤️")
        scene.discord.react(answer["id"], scene.anna, "👎")
        scene.discord.react(answer["id"], scene.anna, "👎", added=False)
        await scene.ask("Thank you.")
        found = await scene.fetch("select emoji, valence from reactions")
        assert [(row["emoji"], row["valence"] > 0) for row in found] == [("❤️", True)]

        scene.discord.edit(told, "My name is Penelope and I hide the key in the windmill.")
        await until(scene, "windmill", 1)
        scene.discord.delete(answer["id"])
        await until(scene, "lighthouse", 0)
        assert await scene.fetch("select emoji from reactions") == []
        # Who leaves a server is remembered.
        leaves = {"guild_id": scene.guild, "user": scene.discord.world.users[scene.anna]}
        scene.discord.world.dispatch(scene.session(scene.bot), "GUILD_MEMBER_REMOVE", leaves)
        assert await recalls(scene, scene.dm, "windmill")
        assert not await recalls(scene, scene.room, "windmill")
        scene.discord.delete(told)
        await until(scene, "windmill", 0)
        assert not await recalls(scene, scene.dm, "windmill")
        assert SECRET not in process.log()


async def test_commands_show_and_change_what_is_kept(database: str) -> None:
    async with stage(database) as scene, scene.service() as process, scene.client(process) as client:
        await scene.ask("I planted tomatoes on the balcony.")
        told = scene.say("My brother repairs old radios.")
        await scene.answers(2)
        theirs = scene.say("The reef party is on Friday at the pier.", scene.room, scene.ben)
        await scene.ask(scene.call + "What is my brother doing?", scene.room)
        await scene.ask("What does my brother repair?")
        explained = scene.discord.world.posted(scene.dm)[-1]["id"]
        # What was posted is noted a moment after it can be seen, and before what comes next in its channel.
        await scene.ask("!ping")

        assert "tomatoes on the balcony" in await scene.use("memory show")
        assert "repairs old radios" in (await scene.use("memory search", text="radios brother")).splitlines()[0]
        why = await scene.use("Why did you say that?", target=explained)
        assert "repairs old radios" in why
        assert "tomatoes" not in await scene.use("memory show", who=scene.ben)

        assert await scene.use("Remember this", scene.room, target=theirs) == "I will remember it."
        assert "Ben wrote: The reef party is on Friday at the pier." in await scene.use("facts")
        assert await scene.use("Remember this", target=told) == "I will remember it."
        assert await scene.fetch("select content from messages where pinned") == [("My brother repairs old radios.",)]
        assert await scene.use("Forget this", target=told) == "Forgotten."
        assert "radios" not in await scene.use("memory search", text="brother radios")
        assert await scene.use("memory forget", memory="5") == "I find no such memory. Pick one from the list."

        assert "turns" in await scene.use("mood")
        assert "stub-model" in await scene.use("status")
        exported = scene.interact("export", scene.dm, scene.anna, "", {})
        await scene.discord.until(lambda: exported.original is not None)
        assert exported.original
        assert exported.original["attachments"][0]["size"] > 500

        assert "no more answers" in await scene.use("ban", who=scene.ben, person=scene.anna, reason="noise")
        status, bans = await client.get("/api/bans")
        assert (status, [ban["platform_user_id"] for ban in bans["bans"]]) == (200, [scene.anna])
        before = len(scene.prompts())
        scene.say("Anybody?")
        await scene.ask(scene.call + "Hello", scene.room, scene.ben)
        assert len(scene.prompts()) == before + 1
        await scene.use("unban", who=scene.ben, person=scene.anna)

        assert "strangers" in await scene.use("forget-me", confirm=True)
        for table in ("users", "identities", "messages", "facts", "discord_answers"):
            owner = "author_id::text" if table == "discord_answers" else "platform_user_id"
            joined = table if table in ("discord_answers", "identities") else f"{table} join identities using (user_id)"
            assert await scene.fetch(f"select 1 from {joined} where {owner} = $1", scene.anna) == [], table
        assert await scene.use("memory show") == "Nothing yet."
        assert await scene.ask("Hello again.") == "answer to Hello again."
