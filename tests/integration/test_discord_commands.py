"""Slash and message commands against the strict server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.discord_bots import Reef, bots
from tests.support.discord_heart import StubHeart
from tests.support.discord_rest import Interaction
from tests.support.discord_server import DiscordServer
from tests.support.discord_world import EPOCH_MS
from whisperengine.discord.commands import DEFINITIONS, WHY, synchronise
from whisperengine.discord.rest import Rest
from whisperengine.discord.transport import client_session
from whisperengine.errors import LLMTimeout

MANAGER = str(1 << 5)
NOT_YET = "I have not answered you in this channel yet."


def command(name: str, /, **values: Any) -> dict[str, Any]:
    """The data of an interaction: "memory show" is a command with a subcommand."""
    first, _, sub = name.partition(" ")
    options = [{"name": key, "value": value, "type": 3} for key, value in values.items()]
    if sub:
        options = [{"name": sub, "type": 1, "options": options}]
    return {"id": "1", "name": first, "type": 1, "options": options}


async def use(reef: Reef, data: dict[str, Any], *, who: str = "", where: str = "", **fields: Any) -> Interaction:
    """Use a command and wait until it is answered."""
    found = reef.discord.interact(reef.bot, where or reef.channel, who or reef.anna, data, **fields)
    await reef.discord.until(lambda: found.original is not None)
    return found


def text(found: Interaction) -> str:
    assert found.original is not None
    return found.original["content"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (command("help"), "I am **Elena**"),
        (command("character list"), "**Marcus** (`marcus`) thinks"),
        (command("memory show"), "yesterday: likes tea"),
        (command("memory search", text="tea"), "yesterday: likes tea"),
        (command("memory forget", memory="m1"), "Forgotten."),
        (command("memory forget", memory="m9"), "no such memory"),
        (command("facts"), "- likes tea\n- has a cat"),
        (command("mood"), "I feel calm."),
        (command("link"), "enter CODE elsewhere"),
        (command("link", code=" X1 "), "joined by X1"),
        (command("status"), "model: stub\nDiscord shard 0 of 1: ready"),
        (command("config show"), "Mode: mention\nCharacter: Elena\nSlow mode: 0 s"),
        (command("forget-me", confirm=False), "Nothing was erased"),
        (command("regenerate"), "I have not answered you"),
        (command("character choose", name="nobody"), "There is no character"),
        (command("ban", person="5"), "Only administrators"),
        (command("diagnose"), "Only people who may manage"),
        (command("gone"), "do not know this command"),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else "",
)
async def test_a_command_is_acknowledged_and_answered_privately(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart, data: dict[str, Any], said: str
) -> None:
    async with bots(database, discord, heart):
        found = await use(reef, data)
    assert (found.kind, found.data) == (5, {"flags": 64})
    assert said in text(found)


async def test_a_slow_heart_does_not_delay_the_acknowledgement(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    heart.delay = 1.5
    async with bots(database, discord, heart):
        for _ in range(3):
            reef.say(reef.call + "think")
        found = await use(reef, command("mood"))
    assert found.answered_at - found.at < 1


async def test_an_interaction_that_is_replayed_too_late_is_dropped(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    async with bots(database, discord, heart):
        await use(reef, command("help"))
        stale = discord.interact(reef.bot, reef.channel, reef.anna, command("help"))
        old = json.loads(json.dumps(discord.session_of(reef.bot).events[-1][2]))
        old["id"] = str(int(old["id"]) - (60_000 << 22))
        assert (int(old["id"]) >> 22) + EPOCH_MS > 0
        await discord.until(lambda: stale.original is not None)
        discord.world.dispatch(discord.session_of(reef.bot), "INTERACTION_CREATE", old)
        await use(reef, command("help"))
    callbacks = [path for _, _, path, _ in discord.rest.requests if path.endswith("/callback")]
    assert len(callbacks) == 3


async def test_export_comes_as_a_file_and_erasing_forgets_the_traces(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    async with bots(database, discord, heart):
        asked = reef.say("hello", where=reef.dm)
        await reef.posts(1)
        await use(reef, command("character choose", name="marcus"))
        found = await use(reef, command("export"))
        assert found.original is not None
        assert [file["filename"] for file in found.original["attachments"]] == ["whisperengine.json"]
        assert "7 messages" in text(await use(reef, command("forget-me", confirm=True)))
        reef.say("who am I to you?", where=reef.dm)
        await reef.posts(2)
        discord.edit(asked, "hello you")
        await use(reef, command("help"))
    assert heart.calls == [("erase", reef.anna)]
    assert heart.heard[-1].character == "elena"


async def test_who_is_erased_while_an_answer_is_on_its_way_leaves_no_trace(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    async with bots(database, discord, heart):
        heart.delay = 1.0
        asked = reef.say("hello", where=reef.dm)
        await discord.until(lambda: bool(heart.heard))
        await use(reef, command("forget-me", confirm=True))
        await reef.posts(1)
        await use(reef, command("help"))
        discord.edit(asked, "hello you")
        await use(reef, command("help"))
    assert heart.calls == [("erase", reef.anna)]


async def test_people_and_channels_choose_their_character(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    async with bots(database, discord, heart):
        assert "Marcus answers you" in text(await use(reef, command("character choose", name="marcus")))
        refused = await use(reef, command("character choose", name="marcus", **{"for": "this channel"}), who=reef.ben)
        assert "manage this server" in text(refused)
        for who in (reef.anna, reef.ben):
            reef.say(reef.call + "hi", who=who)
        await reef.posts(2)
        await use(
            reef,
            command("character choose", name="marcus", **{"for": "this channel"}),
            who=reef.ben,
            permissions=MANAGER,
        )
        reef.say(reef.call + "hi again", who=reef.ben)
        await reef.posts(3)
    assert [incoming.character for incoming in heart.heard] == ["marcus", "elena", "marcus"]
    # It outlives the process.
    async with bots(database, discord, heart):
        reef.say(reef.call + "still?", who=reef.ben)
        await reef.posts(4)
    assert heart.heard[-1].character == "marcus"


async def test_managers_set_mode_and_slowness_of_channel_and_server(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    async with bots(database, discord, heart):
        for data in (command("config mode", mode="all", where="server"), command("config mode", mode="off")):
            await use(reef, data, permissions=MANAGER)
        assert text(await use(reef, command("config channels"))) == f"<#{reef.channel}>: off"
        reef.say(reef.call + "are you off?")
        reef.say("anyone?", where=reef.other)
        await reef.posts(1)
        shown = await use(reef, command("config mode", mode="default"), permissions=MANAGER)
        assert text(shown).startswith("Mode: all")
        assert text(await use(reef, command("config channels"))) == "Every channel is as the server is."
        shown = await use(reef, command("config slow", seconds=30), permissions=MANAGER)
        assert "Slow mode: 30 s" in text(shown)
    assert heart.texts() == ["anyone?"]


async def test_managers_learn_what_is_missing(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    async with bots(database, discord, heart):
        assert "every permission" in text(await use(reef, command("diagnose"), permissions=MANAGER))
        discord.world.guild_permissions = 1 << 10
        assert "Missing here: Send Messages" in text(await use(reef, command("diagnose"), permissions=MANAGER))


async def test_administrators_ban_and_the_banned_may_only_leave(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    async with bots(database, discord, heart, admins=frozenset({reef.anna})):
        await use(reef, command("ban", person=reef.ben, reason="rude"))
        assert f"<@{reef.ben}> since today rude" in text(await use(reef, command("bans")))
        assert "cannot use this" in text(await use(reef, command("mood"), who=reef.ben))
        assert "erased" in text(await use(reef, command("forget-me", confirm=True), who=reef.ben))
        assert "cannot be banned" in text(await use(reef, command("ban", person=reef.anna)))
        await use(reef, command("unban", person=reef.ben))
        assert "calm" in text(await use(reef, command("mood"), who=reef.ben))


async def test_an_answer_is_given_anew_in_its_place(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    heart.says["long"] = "sentence. " * 500
    async with bots(database, discord, heart):
        asked = reef.say("long", where=reef.dm)
        await reef.posts(3)
        # What was posted is noted a moment after it can be seen.
        said = NOT_YET
        for _ in range(100):
            if said == NOT_YET:
                said = text(await use(reef, command("regenerate"), where=reef.dm))
        assert said == "Done."
        assert reef.posted() == ["another answer"]
    assert heart.calls == [("regenerate", asked)]


async def test_commands_on_messages(database: str, discord: DiscordServer, reef: Reef, heart: StubHeart) -> None:
    async with bots(database, discord, heart):
        asked = reef.say("hello", where=reef.dm)
        await reef.posts(1)
        # What was posted is noted a moment after it can be seen, and before what comes next in its channel.
        reef.say("and?", where=reef.dm)
        await reef.posts(2)
        answer = discord.world.posted()[0]
        said = discord.world.messages[reef.say("the reef is closed", who=reef.ben)]

        def on(name: str, message: dict[str, Any]) -> dict[str, Any]:
            resolved = {"messages": {message["id"]: message}}
            return {"id": "1", "name": name, "type": 3, "target_id": message["id"], "resolved": resolved}

        assert "remember" in text(await use(reef, on("Remember this", said)))
        assert "because of " + asked in text(await use(reef, on(WHY, answer)))
        assert "only explain what I answered you" in text(await use(reef, on(WHY, answer), who=reef.ben))
        assert "no message between us" in text(await use(reef, on("Forget this", said)))
        assert text(await use(reef, on("Forget this", answer))) == "Forgotten."
    assert heart.calls == [("remember", reef.anna, "Ben wrote: the reef is closed"), ("forget", reef.anna, "", asked)]


async def test_typing_is_helped(database: str, discord: DiscordServer, reef: Reef, heart: StubHeart) -> None:
    async with bots(database, discord, heart):

        async def choices(name: str, option: str, typed: str) -> list[str]:
            data = command(name, **{option: typed})
            data["options"][0]["options"][0]["focused"] = True
            found = discord.interact(reef.bot, reef.channel, reef.anna, data, kind=4)
            await discord.until(lambda: found.answered_at)
            assert found.kind == 8
            return [choice["value"] for choice in found.data["choices"]]

        assert await choices("character choose", "name", "MAR") == ["marcus"]
        assert await choices("memory forget", "memory", "te") == ["m1"]


async def test_a_failing_heart_is_not_shown_to_people(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(asker: object) -> str:
        raise LLMTimeout("http://secret did not answer")

    monkeypatch.setattr(heart, "mood", fails)
    async with bots(database, discord, heart):
        assert "Try again" in text(await use(reef, command("mood")))

        async def breaks(asker: object) -> str:
            raise KeyError("secret")

        monkeypatch.setattr(heart, "mood", breaks)
        assert "broken" in text(await use(reef, command("mood")))


async def test_a_long_answer_ends_in_a_file(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def many(asker: object) -> list[str]:
        return ["fact " * 20] * 300

    monkeypatch.setattr(heart, "facts", many)
    async with bots(database, discord, heart):
        found = await use(reef, command("facts"))
        await discord.until(lambda: len(found.follow_ups) == 3)
    assert found.original is not None
    assert [file["filename"] for file in found.original["attachments"]] == ["answer.txt"]
    assert all(follow_up["flags"] == 64 for follow_up in found.follow_ups)


async def test_commands_are_replaced_only_when_they_differ(
    database: str, discord: DiscordServer, reef: Reef, heart: StubHeart
) -> None:
    for _ in range(2):
        async with bots(database, discord, heart):
            await discord.until(lambda: any("/commands" in path for _, _, path, _ in discord.rest.requests))
            await use(reef, command("help"))
    assert [command["name"] for command in reef.bot.commands[""]] == [command["name"] for command in DEFINITIONS]
    assert sum(method == "PUT" for _, method, _, _ in discord.rest.requests) == 1
    reef.bot.commands[""][0]["description"] = "old"
    async with client_session() as http:
        rest = Rest(http, discord.base, "token")
        assert await synchronise(rest, reef.bot.id)
        assert not await synchronise(rest, reef.bot.id)
        assert await synchronise(rest, reef.bot.id, reef.guild)
        assert not await synchronise(rest, reef.bot.id, reef.guild)
