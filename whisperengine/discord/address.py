"""Whether a message is for the character: the only place that decides it. Looks at payloads alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

DEFAULT, REPLY = 0, 19
EPHEMERAL = 1 << 6
DM, GROUP_DM = 1, 3
DISCORD_EPOCH_MS = 1_420_070_400_000


class Why(Enum):
    DIRECT = "direct message"
    MENTION = "mention"
    REPLY = "reply"
    NAME = "name"
    THREAD = "thread"
    ALL = "every message"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Where and for whom the character speaks. An empty list allows all; what is denied is denied whatever else
    allows it. Ids are strings.
    """

    guilds: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    denied_guilds: frozenset[str] = frozenset()
    denied_channels: frozenset[str] = frozenset()
    denied_users: frozenset[str] = frozenset()
    denied_roles: frozenset[str] = frozenset()

    def permit(self, *, guild: str, channels: Collection[str], user: str, roles: Collection[str]) -> bool:
        """`channels` are the channel and what it belongs to (a thread's parent, a category); lists of places do not
        concern direct messages.
        """
        if user in self.denied_users or self.denied_roles.intersection(roles):
            return False
        if self.users and user not in self.users:
            return False
        if not guild:
            return True
        if guild in self.denied_guilds or self.denied_channels.intersection(channels):
            return False
        return (
            (not self.guilds or guild in self.guilds)
            and (not self.channels or bool(self.channels.intersection(channels)))
            and (not self.roles or bool(self.roles.intersection(roles)))
        )


ANYWHERE = Rules()


class Self(NamedTuple):
    """Who the bot is. `names` are what people call it; `roles` its own in the server of the message."""

    id: str
    names: tuple[str, ...] = ()
    roles: frozenset[str] = frozenset()
    threads: Collection[str] = frozenset()


def ignored(message: Mapping[str, Any], me: str, *, bots: bool = False) -> str | None:
    """Why a message is none that is answered, remembered or shown to the model; None when it may be."""
    author = message.get("author")
    if not isinstance(author, dict) or not isinstance(author.get("id"), str) or not isinstance(message.get("id"), str):
        return "malformed"
    if author["id"] == me:
        return "own"
    if message.get("webhook_id"):
        return "webhook"
    if author.get("system"):
        return "system"
    if author.get("bot") and not bots:
        return "bot"
    flags = message.get("flags")
    if isinstance(flags, int) and flags & EPHEMERAL:
        return "ephemeral"
    if message.get("type", DEFAULT) not in (DEFAULT, REPLY):
        return "no talk"
    return None


def is_direct(message: Mapping[str, Any]) -> bool:
    """Ephemeral messages have no server either; they are ignored before."""
    return not message.get("guild_id") and message.get("channel_type", DM) in (DM, GROUP_DM)


def addressed(message: Mapping[str, Any], me: Self, mode: str) -> Why | None:
    """Why the character should answer, or None. `mode` is mention, name or all; direct messages, mentions and replies
    count in each.

    A reply counts with its ping switched off too. A mention of everyone or of a role that others share is no address.
    """
    if is_direct(message):
        return Why.DIRECT
    content = message.get("content")
    text = content if isinstance(content, str) else ""
    mentions = message.get("mentions")
    if mentions and any(isinstance(user, dict) and user.get("id") == me.id for user in mentions):
        return Why.REPLY if message.get("type") == REPLY and f"{me.id}>" not in text else Why.MENTION
    if me.roles and me.roles.intersection(str(role) for role in message.get("mention_roles") or ()):
        return Why.MENTION
    replied = message.get("referenced_message")
    if isinstance(replied, dict):
        author = replied.get("author")
        if message.get("type") == REPLY and isinstance(author, dict) and author.get("id") == me.id:
            return Why.REPLY
    if mode != "mention" and any(_name_pattern(name).search(text) for name in me.names if name):
        return Why.NAME
    if message.get("channel_id") in me.threads:
        return Why.THREAD
    return Why.ALL if mode == "all" else None


@lru_cache(maxsize=256)
def _name_pattern(name: str) -> re.Pattern[str]:
    # A name is a word of its own: "Ada" is not called in "Canada".
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)


def born(snowflake: str) -> float:
    """Unix time in seconds at which Discord made an id; 0 for what is no id."""
    return ((int(snowflake) >> 22) + DISCORD_EPOCH_MS) / 1000 if snowflake.isdecimal() else 0.0


class SlowMode:
    """Answers to one person in one channel at least `seconds` apart."""

    def __init__(self, limit: int = 10_000) -> None:
        self._last: dict[tuple[str, str], float] = {}
        self._limit = limit

    def allows(self, channel: str, user: str, seconds: float, now: float) -> bool:
        if seconds <= 0:
            return True
        key = (channel, user)
        last = self._last.pop(key, None)
        if last is not None and now - last < seconds:
            self._last[key] = last
            return False
        self._last[key] = now
        if len(self._last) > self._limit:
            del self._last[next(iter(self._last))]
        return True
