"""The bot against the strict server: who is answered, how, where, and in which order."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from tests.support.discord_bots import Reef, bots
from tests.support.discord_heart import StubHeart
from tests.support.discord_server import DiscordServer
from tests.support.discord_world import DM_REACTIONS, GUILD_REACTIONS
from whisperengine.discord import delivery
from whisperengine.discord.address import Rules
from whisperengine.errors import DatabaseUnavailable, LLMUnreachable, TooLargeError


async def quiet(discord: DiscordServer, reef: Reef) -> None:
    """Have everything said before dealt with: an answer in a channel of its own comes after it."""
    count = len(reef.posted(reef.dm))
    reef.say("quiet?", where=reef.dm)
    await reef.posts(count + 1, reef.dm)


async def test_direct_messages_mentions_and_replies_are_answered(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    async with bots(database, discord, heart):
        reef.say("hello", where=reef.dm)
        await reef.posts(1)
        reef.say(reef.call + "and here?")
        await reef.posts(2)
        answer = discord.world.posted()[-1]["id"]
        reef.say("with ping", reply_to=answer)
        await reef.posts(3)
        reef.say("without ping", reply_to=answer, ping=False)
        posted = await reef.posts(4)
        reef.say("not for you")
        await quiet(discord, reef)
    assert posted == ["answer to hello", "answer to and here?", "answer to with ping", "answer to without ping"]
    assert "not for you" not in heart.texts()
    assert [message.get("type") for message in discord.world.posted()][:2] == [0, 19]


async def test_what_the_heart_is_told(database: str, discord: DiscordServer, reef: Reef, heart: StubHeart) -> None:
    discord.world.say(reef.channel, reef.ben, "said before the bot came")
    async with bots(database, discord, heart):
        reef.say("I saw a <:turtle:77> with <@" + reef.ben + ">", who=reef.ben)
        asked = reef.say(f"{reef.call}do you hear <@{reef.ben}>?")
        await reef.posts(1)
        told = reef.say("a secret", where=reef.dm)
        await reef.posts(2)
    shared, private = heart.heard
    assert (shared.platform, shared.platform_user_id, shared.display_name) == ("discord", reef.anna, "Anna")
    assert (shared.character, shared.channel, shared.shared) == ("elena", f"discord:{reef.channel}", True)
    assert (shared.text, shared.idempotency_key) == ("do you hear @Ben?", asked)
    assert shared.scene == "Ben: said before the bot came\nBen: I saw a :turtle: with @Ben"
    assert (private.shared, private.channel, private.scene) == (False, f"discord:{reef.dm}", "")
    assert private.idempotency_key == told


async def test_name_mode_hears_its_name_and_all_mode_everything(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    async with bots(database, discord, heart, mode="name"):
        reef.say("helena is not elenas")
        reef.say("Hey Elena!")
        assert await reef.posts(1) == ["answer to Hey Elena!"]
    async with bots(database, discord, heart, mode="all"):
        reef.say("anyone?")
        assert (await reef.posts(2))[1] == "answer to anyone?"


async def test_other_bots_webhooks_and_itself_are_not_answered(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    other = discord.world.add_user("OtherBot", bot=True)
    async with bots(database, discord, heart, mode="all"):
        reef.say("beep", who=other)
        reef.say("hook", webhook_id="5")
        reef.say("private", flags=64)
        reef.say("joined", type=7)
        reef.say("hello")
        await reef.posts(1)
        await quiet(discord, reef)
    assert heart.texts() == ["hello", "quiet?"]


async def test_two_bots_stop_talking_until_a_person_speaks(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    other = discord.world.add_user("OtherBot", bot=True)
    async with bots(database, discord, heart, mode="all", bot_turns=2):
        for number in range(5):
            reef.say(f"beep {number}", who=other)
        await reef.posts(2)
        reef.say("people here too")
        await reef.posts(3)
        reef.say("beep again", who=other)
        await reef.posts(4)
    assert heart.texts() == ["beep 0", "beep 1", "people here too", "beep again"]


async def test_lists_decide_where_it_speaks(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    rules = Rules(channels=frozenset({reef.channel}), denied_users=frozenset({reef.ben}))
    async with bots(database, discord, heart, mode="all", rules=rules):
        reef.say("wrong room", where=reef.other)
        reef.say("wrong person", who=reef.ben)
        reef.say("right")
        await reef.posts(1)
        await quiet(discord, reef)
    assert heart.texts() == ["right", "quiet?"]


async def test_a_thread_that_it_joined_needs_no_mention(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    thread = discord.world.add_channel(reef.guild, "deep talk", kind=11, parent=reef.channel)
    async with bots(database, discord, heart):
        reef.say("nobody asked", where=thread)
        reef.say(reef.call + "come in", where=thread)
        await reef.posts(1)
        await discord.until(lambda: reef.posted(thread))
        reef.say("go on", where=thread)
        await reef.posts(2)
    assert heart.texts() == ["come in", "go on"]


async def test_slow_mode_and_banned_people_get_no_answer(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    heart.banned[reef.ben] = "rude"
    async with bots(database, discord, heart, mode="all", slow_seconds=600):
        reef.say("first")
        await reef.posts(1)
        reef.say("too soon")
        reef.say("let me in", who=reef.ben)
        await quiet(discord, reef)
    assert heart.texts() == ["first", "quiet?"]


async def test_one_channel_is_answered_in_order_and_another_does_not_wait(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    heart.delay = 0.05
    async with bots(database, discord, heart, mode="all"):
        for number in range(6):
            reef.say(str(number))
        reef.say("elsewhere", where=reef.other)
        await discord.until(lambda: reef.posted(reef.other))
        assert len(reef.posted(reef.channel)) < 6
        assert await reef.posts(6, reef.channel) == [f"answer to {number}" for number in range(6)]


async def test_events_that_come_twice_are_answered_once(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    async with bots(database, discord, heart):
        asked = reef.say("hello", where=reef.dm)
        discord.world.dispatch_message("MESSAGE_CREATE", discord.world.messages[asked])
        await reef.posts(1)
    # A later process knows it too.
    async with bots(database, discord, heart):
        discord.world.dispatch_message("MESSAGE_CREATE", discord.world.messages[asked])
        await quiet(discord, reef)
    assert heart.texts() == ["hello", "quiet?"]


async def test_long_answers_are_cut_and_code_stays_code(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    code = "\n".join(f"line_{number} = {number}" for number in range(300))
    heart.says["long"] = f"Look:\n```python\n{code}\n```\nThat is all."
    async with bots(database, discord, heart):
        reef.say("long", where=reef.dm)
        await discord.until(lambda: any("That is all." in text for text in reef.posted()))
    posted = reef.posted()
    assert len(posted) > 2
    assert all(len(text) <= 2000 and text.count("```") == 2 for text in posted)
    assert all(f"line_{number} = {number}" in "\n".join(posted) for number in range(300))


async def test_a_slow_answer_shows_typing_and_grows_by_edits(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("TYPING_AFTER", 0.05), ("STREAM_AFTER", 0.1), ("EDIT_EVERY", 0.05)):
        monkeypatch.setattr(delivery, name, seconds)
    discord.rest.limits["PATCH message"].size = 1000
    heart.says["story"] = "Once upon a time there was a turtle. " * 120
    heart.delay, heart.pieces = 1.0, 50
    async with bots(database, discord, heart):
        reef.say(reef.call + "story")
        await reef.posts(1)
        assert reef.posted()[0].endswith("…")
        await discord.until(lambda: "".join(reef.posted()).count("turtle") == 120)
        await discord.until(lambda: not reef.posted()[-1].endswith("…"))
    assert [channel for _, channel in discord.world.typing] == [reef.channel]
    assert len(reef.posted()) == 3
    assert discord.world.posted()[0]["edits"] >= 2


async def test_an_answer_whose_posting_was_lost_is_there_once(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    async with bots(database, discord, heart):
        for fault in ("502-after", "drop-after", "503"):
            discord.rest.fail("POST", "/messages$", fault)
            reef.say(fault, where=reef.dm)
            await discord.until(lambda text=f"answer to {fault}": text in reef.posted())
        await quiet(discord, reef)
    assert sorted(reef.posted()) == sorted(f"answer to {text}" for text in ("502-after", "drop-after", "503", "quiet?"))


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (LLMUnreachable("The model at http://secret is away."), "(I cannot answer right now"),
        (TooLargeError("The message is too long. Send it in parts."), "(The message is too long. Send it in parts.)"),
    ],
)
async def test_a_failure_is_told_without_its_secrets(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart, failure: Any, said: str
) -> None:
    heart.failure = failure
    async with bots(database, discord, heart):
        reef.say("hello", where=reef.dm)
        (text,) = await reef.posts(1)
    assert text.startswith(said)
    assert "secret" not in text


async def test_a_database_that_comes_back_leaves_nobody_unanswered(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whisperengine.discord.conversation.PAUSES", (0.05,) * 20)
    heart.failure = DatabaseUnavailable("The database is away. Start it.")
    async with bots(database, discord, heart):
        reef.say("hello", where=reef.dm)
        await discord.until(lambda: len(heart.heard) >= 2)
        heart.failure = None
        assert await reef.posts(1) == ["answer to hello"]


async def test_a_missing_permission_is_explained_and_not_asked_for_again(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    async with bots(database, discord, heart, mode="all") as service:
        discord.rest.fail("POST", f"{reef.channel}/messages", "403:50013", 10)
        reef.say("one")
        await discord.until(lambda: reef.channel in service.state()[0]["problems"])
        reef.say("two")
        await quiet(discord, reef)
        assert "Send Messages" in service.state()[0]["problems"][reef.channel]
    refused = [path for _, method, path, status in discord.rest.requests if status == 403 and method == "POST"]
    assert len(refused) == 1


async def test_without_the_right_to_reply_it_just_speaks(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    discord.rest.fail("POST", "/messages$", "403:160002")
    async with bots(database, discord, heart):
        reef.say(reef.call + "hello")
        assert await reef.posts(1) == ["answer to hello"]
    assert discord.world.posted()[0]["type"] == 0


async def test_pictures_and_texts_are_fetched_and_the_rest_is_described(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    files = f"http://127.0.0.1:{discord.port}/files/"
    discord.files["cat.png"], discord.files["notes.txt"] = b"\x89PNG", "naïve notes".encode()
    attached = [
        {"filename": "cat.png", "content_type": "image/png", "size": 4, "url": files + "cat.png"},
        {"filename": "notes.txt", "content_type": "text/plain; charset=utf-8", "size": 12, "url": files + "notes.txt"},
        {"filename": "huge.txt", "content_type": "text/plain", "size": 60_000, "url": files + "huge.txt"},
        {"filename": "evil.txt", "content_type": "text/plain", "size": 5, "url": "http://169.254.169.254/secret"},
    ]
    extras = {
        "sticker_items": [{"name": "Wave"}],
        "poll": {"question": {"text": "Tea?"}, "answers": [{"poll_media": {"text": "Yes"}}]},
        "message_snapshots": [{"message": {"content": "old news"}}],
    }
    async with bots(database, discord, heart):
        reef.say("look", where=reef.dm, attachments=attached, **extras)
        await reef.posts(1)
    (told,) = heart.heard
    assert [picture.content for picture in heart.pictures[0]] == [b"\x89PNG"]
    assert "naïve notes" in told.scene
    for part in ("look", "[picture: cat.png]", "[sticker: Wave]", "[poll: Tea? Choices: Yes]", "[forwarded: old news]"):
        assert part in told.text
    assert discord.fetched == ["cat.png", "notes.txt"]


async def test_a_message_is_answered_as_it_reads_when_its_turn_comes(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    heart.delay = 0.1
    async with bots(database, discord, heart, mode="all"):
        reef.say("one")
        second, third = reef.say("twoo"), reef.say("three")
        await discord.until(lambda: heart.heard)
        discord.edit(second, "two")
        discord.delete(third)
        await reef.posts(2)
        await quiet(discord, reef)
    assert heart.texts() == ["one", "two", "quiet?"]
    assert [call for call in heart.calls if call[0] == "edited"] == []


async def test_edits_deletions_and_reactions_reach_memory(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    async with bots(database, discord, heart):
        asked = reef.say("helo", where=reef.dm)
        await reef.posts(1)
        answer = discord.world.posted()[0]["id"]
        discord.edit(asked, "hello")
        discord.react(answer, reef.anna, "👍")
        discord.react(answer, reef.anna, "👍", added=False)
        discord.react(answer, reef.ben, "👎")
        discord.delete(answer)
        discord.delete(asked)
        await discord.until(lambda: len(heart.calls) == 5)
        discord.delete(reef.say("never answered"))
        await quiet(discord, reef)
    assert heart.calls == [
        ("edited", asked, "hello"),
        ("feedback", asked, "👍", True),
        ("feedback", asked, "👍", False),
        ("answer deleted", asked),
        ("deleted", asked),
    ]


async def test_a_feeling_is_shown_as_a_reaction(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    heart.emoji = "❤️"
    async with bots(database, discord, heart):
        asked = reef.say("I love the sea", where=reef.dm)
        await discord.until(lambda: discord.world.reactions)
    assert discord.world.reactions == [(asked, reef.bot.id, "❤️")]
    assert DM_REACTIONS != GUILD_REACTIONS


async def test_emoji_of_the_server_are_used_and_nobody_is_pinged(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    discord.world.guilds[reef.guild]["emojis"] = [{"id": "77", "name": "turtle", "animated": False}]
    heart.says["hi"] = "@everyone :turtle: <@123>"
    async with bots(database, discord, heart):
        reef.say(reef.call + "hi")
        assert await reef.posts(1) == ["@everyone <:turtle:77> <@123>"]


async def test_presence_is_the_characters(database: str, discord: DiscordServer, reef: Reef, heart: StubHeart) -> None:
    async with bots(database, discord, heart):
        pass
    (presence,) = discord.gateway.presences
    assert presence["activities"] == [{"name": "Custom Status", "type": 4, "state": "watching the reef"}]


async def test_prefix_commands_still_answer(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    async with bots(database, discord, heart):
        for command in ("!help", "!ping", "!bot_status", "!llm_status"):
            reef.say(command, where=reef.dm)
        posted = await reef.posts(4)
        reef.say("!ping")
        reef.say("!ping elena")
        await reef.posts(5)
        reef.say("!ping whisperengine")
        await reef.posts(6)
        await quiet(discord, reef)
    assert "`/help`" in posted[0]
    assert posted[1].startswith("Pong!")
    assert "ready" in posted[2]
    assert posted[3] == "model: stub"
    assert heart.texts() == ["quiet?"]


async def test_several_characters_speak_through_their_own_bots(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    from whisperengine.discord.context import Options
    from whisperengine.discord.service import Account

    marcus = discord.world.add_bot("token-2", "MarcusBot")
    accounts = [
        Account(token="token", options=Options(character="elena")),
        Account(token="token-2", options=Options(character="marcus")),
    ]
    async with bots(database, discord, heart, accounts):
        reef.say(reef.call + "you?")
        await reef.posts(1)
        reef.say(f"<@{marcus.id}> and you?")
        await reef.posts(2)
    assert [incoming.character for incoming in heart.heard] == ["elena", "marcus"]
    assert [message["author"]["id"] for message in discord.world.posted()] == [reef.bot.id, marcus.id]


async def test_one_wrong_token_leaves_the_other_bot_running(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    from whisperengine.discord.context import Options
    from whisperengine.discord.service import Account

    discord.world.add_bot("old", "OldBot").revoked = True
    accounts = [
        Account(token="old", options=Options(character="marcus")),
        Account(token="token", options=Options(character="elena")),
    ]
    async with bots(database, discord, heart, accounts, ready=False) as service:
        await discord.until(lambda: [state["status"] for state in service.state()] == ["stopped", "ready"])
        assert "DISCORD_BOT_TOKEN" in service.state()[0]["problem"]
        reef.say(reef.call + "here?")
        await reef.posts(1)
    assert sum(status == 401 for *_, status in discord.rest.requests) == 1


ODD_EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("MESSAGE_CREATE", {}),
    ("MESSAGE_CREATE", {"id": "1", "author": {"id": "2"}, "channel_id": None, "content": 7}),
    ("MESSAGE_CREATE", {"id": "x", "author": {"id": "y"}, "channel_id": "z", "content": "hi", "mentions": 5}),
    ("MESSAGE_CREATE", {"id": "1", "author": {"id": "2"}, "channel_id": "3", "flags": "many", "member": []}),
    ("MESSAGE_CREATE", {"id": "1", "author": {"id": "2"}, "channel_id": "3", "attachments": [7, {}], "poll": [1]}),
    (
        "MESSAGE_CREATE",
        {
            "id": "1",
            "author": {"id": "2"},
            "channel_id": "3",
            "message_snapshots": [{"message": {"message_snapshots": [[]]}}],
        },
    ),
    ("MESSAGE_UPDATE", {"edited_timestamp": "x"}),
    ("MESSAGE_UPDATE", {"id": "not a number", "edited_timestamp": "x", "author": {"id": "2"}, "channel_id": "3"}),
    ("MESSAGE_DELETE", {}),
    ("MESSAGE_DELETE", {"id": "not a number", "channel_id": "3"}),
    ("MESSAGE_DELETE_BULK", {"ids": 5, "channel_id": "3"}),
    ("MESSAGE_REACTION_ADD", {"user_id": None}),
    ("MESSAGE_REACTION_ADD", {"user_id": "2", "channel_id": "3", "message_id": "4", "emoji": []}),
    ("INTERACTION_CREATE", {}),
    ("INTERACTION_CREATE", {"id": "5", "token": "t", "type": 2, "data": {"options": {}}}),
    ("GUILD_CREATE", {"id": "7", "channels": [{}], "roles": 5}),
    ("GUILD_ROLE_UPDATE", {"guild_id": "7"}),
    ("THREAD_LIST_SYNC", {"guild_id": "7", "threads": [None]}),
    ("CHANNEL_DELETE", {}),
    ("READY", {"user": None}),
]


async def test_odd_events_of_twenty_kinds_leave_the_bot_at_work(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    async with bots(database, discord, heart):
        for name, data in ODD_EVENTS:
            discord.world.dispatch(discord.session_of(reef.bot), name, data)
        reef.say(reef.call + "still there?")
        assert await reef.posts(1) == ["answer to still there?"]
        # Nothing holds the session back: a later process would not be sent all this again.
        last = discord.session_of(reef.bot).seq
        connection = await asyncpg.connect(database)
        async with asyncio.timeout(10):
            while await connection.fetchval("select seq from discord_shards") != last:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await connection.close()
    assert len(ODD_EVENTS) == 20
    assert len(discord.gateway.connects) == 1


async def test_a_flood_is_bounded_and_what_is_left_out_is_counted(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    heart.delay = 0.2
    async with bots(database, discord, heart, mode="all") as service:
        for number in range(150):
            reef.say(str(number))
        await discord.until(lambda: service.state()[0]["dropped"])
        assert service.state()[0]["waiting"] <= 101
        await asyncio.sleep(0)
