"""What a Discord is made of, for tests: people, servers, channels, messages, sessions, and a list of every breach of
the protocol.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

EPOCH_MS = 1_420_070_400_000

GUILDS, GUILD_MESSAGES, GUILD_REACTIONS, DMS, DM_REACTIONS, MESSAGE_CONTENT = (
    1 << bit for bit in (0, 9, 10, 12, 13, 15)
)
MENTION = "<@{}>"
# What Discord says of every server and every role, and some clients insist on.
GUILD = {
    **dict.fromkeys(("afk_channel_id", "application_id", "banner", "description", "discovery_splash", "icon")),
    **dict.fromkeys(("public_updates_channel_id", "rules_channel_id", "splash", "system_channel_id")),
    **dict.fromkeys(("vanity_url_code", "max_presences")),
    **dict.fromkeys(("default_message_notifications", "explicit_content_filter", "mfa_level", "nsfw_level"), 0),
    **dict.fromkeys(("premium_subscription_count", "premium_tier", "system_channel_flags", "verification_level"), 0),
    "afk_timeout": 300,
    "max_members": 500_000,
    "max_video_channel_users": 25,
    "preferred_locale": "en-US",
    "premium_progress_bar_enabled": False,
}
ROLE = {"color": 0, "hoist": False, "position": 0, "managed": False, "mentionable": False, "flags": 0}


@dataclass
class Times:
    """Seconds. The defaults are Discord's."""

    heartbeat_interval: float = 41.25
    heartbeat_tolerance: float = 5.0
    identify_gap: float = 5.0
    send_window: float = 60.0
    send_limit: int = 120
    session_life: float = 120.0
    interaction_life: float = 3.0
    start_total: int = 1000
    start_remaining: int = 1000
    start_reset: float = 86_400.0
    max_concurrency: int = 1


@dataclass
class Bot:
    """One application with its bot user. `content`: the privileged intent is switched on in the portal; `flags` is what
    the API says of it where that differs.
    """

    token: str
    id: str
    name: str
    content: bool = True
    flags: int | None = None
    revoked: bool = False
    identified_at: dict[int, float] = field(default_factory=dict)
    identifies: int = 0
    commands: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def user(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "username": self.name,
            "discriminator": "0",
            "global_name": None,
            "avatar": None,
            "bot": True,
        }


@dataclass
class Session:
    id: str
    bot: Bot
    shard: tuple[int, int]
    intents: int
    seq: int = 0
    events: list[tuple[int, str, Any]] = field(default_factory=list)
    deliver: Callable[[int, str, Any], None] | None = None
    left_at: float = 0.0
    alive: bool = True


@dataclass(frozen=True)
class Breach:
    at: float
    what: str
    detail: str = ""


class World:
    """The state that REST and gateway share."""

    def __init__(self, times: Times) -> None:
        self.times = times
        self.bots: dict[str, Bot] = {}
        self.sessions: dict[str, Session] = {}
        self.users: dict[str, dict[str, Any]] = {}
        self.guilds: dict[str, dict[str, Any]] = {}
        self.channels: dict[str, dict[str, Any]] = {}
        self.messages: dict[str, dict[str, Any]] = {}
        self.nonces: dict[tuple[str, str, str], str] = {}
        self.typing: list[tuple[float, str]] = []
        self.reactions: list[tuple[str, str, str]] = []
        self.breaches: list[Breach] = []
        self.deleted: list[str] = []
        # View, send, send in threads, embed, attach, history, react, external emoji.
        self.guild_permissions = 274_878_286_912
        self._last_id = 0

    def breach(self, what: str, detail: str = "") -> None:
        self.breaches.append(Breach(time.monotonic(), what, detail))

    def new_id(self) -> str:
        stamp = (int(time.time() * 1000) - EPOCH_MS) << 22
        self._last_id = max(stamp, self._last_id + 1)
        return str(self._last_id)

    def add_bot(self, token: str, name: str, *, content: bool = True) -> Bot:
        bot = self.bots[token] = Bot(token, self.new_id(), name, content)
        self.users[bot.id] = bot.user
        for guild in self.guilds.values():
            self._join(guild, bot)
        return bot

    def add_user(self, name: str, *, bot: bool = False) -> str:
        user_id = self.new_id()
        self.users[user_id] = {
            "id": user_id,
            "username": name.lower(),
            "discriminator": "0",
            "global_name": name,
            "avatar": None,
            "bot": bot,
        }
        return user_id

    def add_guild(self, name: str, channels: int = 1) -> tuple[str, list[str]]:
        guild_id = self.new_id()
        guild = self.guilds[guild_id] = {
            **GUILD,
            "id": guild_id,
            "name": name,
            "owner_id": self.new_id(),
            "unavailable": False,
            "member_count": 2,
            "large": False,
            "roles": [{**ROLE, "id": guild_id, "name": "@everyone", "permissions": "0"}],
            "emojis": [],
            "channels": [],
            "threads": [],
            "members": [],
            "voice_states": [],
            "presences": [],
            "stickers": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "features": [],
            "joined_at": "2024-01-01T00:00:00+00:00",
        }
        for bot in self.bots.values():
            self._join(guild, bot)
        return guild_id, [self.add_channel(guild_id, f"room-{index}") for index in range(channels)]

    @staticmethod
    def _join(guild: dict[str, Any], bot: Bot) -> None:
        guild["members"].append({"user": bot.user, "roles": [], "joined_at": "2024-01-01T00:00:00+00:00", "flags": 0})

    def add_channel(self, guild_id: str, name: str, kind: int = 0, parent: str | None = None) -> str:
        channel_id = self.new_id()
        channel = {
            "id": channel_id,
            "name": name,
            "type": kind,
            "guild_id": guild_id,
            "parent_id": parent,
            "position": 0,
            "permission_overwrites": [],
            "topic": None,
            "nsfw": False,
            "rate_limit_per_user": 0,
        }
        self.channels[channel_id] = channel
        self.guilds[guild_id]["threads" if kind in (10, 11, 12) else "channels"].append(channel)
        return channel_id

    def add_dm(self, bot: Bot, user: str) -> str:
        for channel in self.channels.values():
            if channel["type"] == 1 and channel["bot"] == bot.id and channel["recipients"][0]["id"] == user:
                return channel["id"]
        channel_id = self.new_id()
        self.channels[channel_id] = {"id": channel_id, "type": 1, "recipients": [self.users[user]], "bot": bot.id}
        return channel_id

    def make_message(self, channel_id: str, author: dict[str, Any], content: str, **fields: Any) -> dict[str, Any]:
        channel = self.channels[channel_id]
        message = {
            "id": self.new_id(),
            "channel_id": channel_id,
            "author": author,
            "content": content,
            "timestamp": "2024-01-01T00:00:00.000000+00:00",
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "pinned": False,
            "type": 0,
            "flags": 0,
            "components": [],
            "channel_type": channel["type"],
            **fields,
        }
        if channel.get("guild_id"):
            message["guild_id"] = channel["guild_id"]
            message["member"] = {
                "roles": [],
                "joined_at": "2024-01-01T00:00:00+00:00",
                "flags": 0,
                "deaf": False,
                "mute": False,
            }
        self.messages[message["id"]] = message
        return message

    def say(
        self, channel_id: str, user: str, content: str, *, reply_to: str | None = None, ping: bool = True, **fields: Any
    ) -> str:
        """A person writes; returns the message id."""
        mentioned = [known for known in self.users.values() if MENTION.format(known["id"]) in content]
        if reply_to:
            target = self.messages.get(reply_to)
            fields.update(
                type=19, message_reference={"message_id": reply_to, "channel_id": channel_id}, referenced_message=target
            )
            if target and ping:
                mentioned.append(target["author"])
        message = self.make_message(channel_id, self.users[user], content, mentions=mentioned, **fields)
        self.dispatch_message("MESSAGE_CREATE", message)
        return message["id"]

    def dispatch_message(self, name: str, message: dict[str, Any]) -> None:
        for session in self._listening(message["channel_id"], GUILD_MESSAGES, DMS):
            self.dispatch(session, name, self._as_seen_by(session, message))

    def dispatch_in(self, channel_id: str, name: str, data: dict[str, Any], in_guild: int, in_dm: int) -> None:
        for session in self._listening(channel_id, in_guild, in_dm):
            self.dispatch(session, name, data)

    def dispatch(self, session: Session, name: str, data: Any) -> None:
        session.seq += 1
        session.events.append((session.seq, name, data))
        del session.events[:-5000]
        if session.deliver:
            session.deliver(session.seq, name, data)

    def _listening(self, channel_id: str, in_guild: int, in_dm: int) -> list[Session]:
        channel = self.channels[channel_id]
        guild_id = channel.get("guild_id")
        found = []
        for session in self.sessions.values():
            shard, count = session.shard
            right = (int(guild_id) >> 22) % count if guild_id else 0
            mine = guild_id is not None or channel.get("bot") == session.bot.id
            if session.alive and mine and shard == right and session.intents & (in_guild if guild_id else in_dm):
                found.append(session)
        return found

    def _as_seen_by(self, session: Session, message: dict[str, Any]) -> dict[str, Any]:
        me = session.bot.id
        if (
            session.intents & MESSAGE_CONTENT
            or not message.get("guild_id")
            or message["author"]["id"] == me
            or any(user["id"] == me for user in message["mentions"])
        ):
            return message
        return {**message, "content": "", "embeds": [], "attachments": [], "components": []}

    def posted(self, channel_id: str | None = None) -> list[dict[str, Any]]:
        """What bots of this world posted, in order."""
        mine = {bot.id for bot in self.bots.values()}
        return [
            message
            for message in self.messages.values()
            if message["author"]["id"] in mine and channel_id in (None, message["channel_id"])
        ]
