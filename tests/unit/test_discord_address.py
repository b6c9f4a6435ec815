from __future__ import annotations

import time
from typing import Any

import pytest

from whisperengine.discord.address import Rules, Self, SlowMode, Why, addressed, born, ignored, is_direct

ME = Self(id="1", names=("Elena", "Dr. Rodriguez"), roles=frozenset({"55"}), threads={"90"})


def message(**fields: Any) -> dict[str, Any]:
    base = {
        "id": "1000",
        "channel_id": "10",
        "guild_id": "20",
        "author": {"id": "2", "username": "anna"},
        "content": "hello",
        "mentions": [],
        "mention_roles": [],
        "type": 0,
        "flags": 0,
    }
    return {**base, **fields}


@pytest.mark.parametrize(
    ("fields", "mode", "why"),
    [
        ({"guild_id": None}, "mention", Why.DIRECT),
        ({"guild_id": None, "channel_type": 1}, "mention", Why.DIRECT),
        ({"guild_id": None, "channel_type": 11}, "mention", None),
        ({}, "mention", None),
        ({"mentions": [{"id": "1"}], "content": "<@1> hi"}, "mention", Why.MENTION),
        ({"mentions": [{"id": "3"}]}, "mention", None),
        ({"mention_roles": ["55"]}, "mention", Why.MENTION),
        ({"mention_roles": ["56"]}, "mention", None),
        ({"type": 19, "referenced_message": {"author": {"id": "1"}}}, "mention", Why.REPLY),
        (
            {"type": 19, "referenced_message": {"author": {"id": "1"}}, "mentions": [{"id": "1"}]},
            "mention",
            Why.REPLY,
        ),
        ({"type": 19, "referenced_message": {"author": {"id": "3"}}}, "mention", None),
        ({"type": 19, "referenced_message": None}, "mention", None),
        ({"content": "hey elena!"}, "mention", None),
        ({"content": "hey elena!"}, "name", Why.NAME),
        ({"content": "ask Dr. Rodriguez"}, "name", Why.NAME),
        ({"content": "helenas boat"}, "name", None),
        ({"content": "helenas boat"}, "all", Why.ALL),
        ({"channel_id": "90"}, "mention", Why.THREAD),
        ({"mentions": ["odd", None]}, "mention", None),
        ({"content": None}, "name", None),
        ({"mention_everyone": True, "content": "@everyone"}, "mention", None),
    ],
)
def test_who_is_spoken_to(fields: dict[str, Any], mode: str, why: Why | None) -> None:
    assert addressed(message(**fields), ME, mode) is why


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, None),
        ({"type": 19}, None),
        ({"author": {"id": "1"}}, "own"),
        ({"author": {"id": "3", "bot": True}}, "bot"),
        ({"author": {"id": "3", "system": True}}, "system"),
        ({"webhook_id": "7"}, "webhook"),
        ({"flags": 64}, "ephemeral"),
        ({"type": 7}, "no talk"),
        ({"type": 20}, "no talk"),
        ({"author": None}, "malformed"),
        ({"author": {}}, "malformed"),
        ({"id": 5}, "malformed"),
    ],
)
def test_what_is_never_answered(fields: dict[str, Any], reason: str | None) -> None:
    assert ignored(message(**fields), "1") == reason


def test_other_bots_are_heard_only_when_that_is_allowed() -> None:
    other = message(author={"id": "3", "bot": True})
    assert ignored(other, "1", bots=True) is None
    assert ignored(message(author={"id": "1", "bot": True}), "1", bots=True) == "own"


def test_a_direct_message_has_no_server() -> None:
    assert is_direct(message(guild_id=None))
    assert not is_direct(message())


def test_what_is_denied_is_denied_whatever_allows_it() -> None:
    rules = Rules(users=frozenset({"2"}), denied_users=frozenset({"2"}))
    assert not rules.permit(guild="20", channels=["10"], user="2", roles=[])


@pytest.mark.parametrize(
    ("rules", "permitted"),
    [
        (Rules(), True),
        (Rules(guilds=frozenset({"20"})), True),
        (Rules(guilds=frozenset({"21"})), False),
        (Rules(channels=frozenset({"10"})), True),
        (Rules(channels=frozenset({"11"})), True),
        (Rules(channels=frozenset({"12"})), False),
        (Rules(denied_channels=frozenset({"11"})), False),
        (Rules(denied_guilds=frozenset({"20"})), False),
        (Rules(users=frozenset({"3"})), False),
        (Rules(roles=frozenset({"8"})), True),
        (Rules(roles=frozenset({"9"})), False),
        (Rules(denied_roles=frozenset({"8"})), False),
    ],
)
def test_lists_say_where_and_to_whom_it_speaks(rules: Rules, permitted: bool) -> None:
    assert rules.permit(guild="20", channels=["10", "11"], user="2", roles=["8"]) is permitted


def test_lists_of_places_do_not_concern_direct_messages() -> None:
    assert Rules(guilds=frozenset({"20"})).permit(guild="", channels=["5"], user="2", roles=[])
    assert not Rules(denied_users=frozenset({"2"})).permit(guild="", channels=["5"], user="2", roles=[])


def test_slow_mode_spares_other_people_and_other_channels() -> None:
    slow = SlowMode()
    assert slow.allows("10", "2", 30, now=0)
    assert not slow.allows("10", "2", 30, now=29)
    assert slow.allows("10", "3", 30, now=1)
    assert slow.allows("11", "2", 30, now=1)
    assert slow.allows("10", "2", 30, now=30)
    assert slow.allows("10", "2", 0, now=30)


def test_an_id_tells_when_it_was_made() -> None:
    now = time.time()
    assert born(str(int(now * 1000 - 1_420_070_400_000) << 22)) == pytest.approx(now, abs=0.002)
    assert born("no id") == 0
