"""What is known of servers, from events alone: names of roles and channels, the bot's own roles, its threads, emoji."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from whisperengine.discord.mentions import Names, names_in

THREADS = (10, 11, 12)


@dataclass(slots=True)
class Guild:
    id: str
    name: str
    roles: dict[str, str] = field(default_factory=dict)
    channels: dict[str, str] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    emoji: dict[str, str] = field(default_factory=dict)
    threads: set[str] = field(default_factory=set)
    my_roles: frozenset[str] = frozenset()


class Guilds:
    """Fed with every event by `note`. `threads` are those that the bot takes part in."""

    def __init__(self) -> None:
        self.me = ""
        self.threads: set[str] = set()
        self._guilds: dict[str, Guild] = {}

    def __len__(self) -> int:
        return len(self._guilds)

    def of_shard(self, shard: int, count: int) -> int:
        """How many of them a shard serves."""
        return sum((int(guild) >> 22) % count == shard for guild in self._guilds)

    def get(self, guild_id: str) -> Guild | None:
        return self._guilds.get(guild_id)

    def note(self, kind: str, data: dict[str, Any]) -> None:
        """Learn from an event; raises KeyError or TypeError for a malformed one, and then knows at most less."""
        if kind == "GUILD_CREATE":
            self._learn(data)
        elif kind == "GUILD_DELETE":
            if not data.get("unavailable"):
                self._guilds.pop(str(data["id"]), None)
        elif kind in ("THREAD_CREATE", "THREAD_UPDATE", "CHANNEL_CREATE", "CHANNEL_UPDATE"):
            if guild := self._guilds.get(str(data.get("guild_id"))):
                self._channel(guild, data)
        elif kind in ("CHANNEL_DELETE", "THREAD_DELETE"):
            self._gone(str(data.get("guild_id")), str(data["id"]))
        elif kind == "THREAD_LIST_SYNC":
            if guild := self._guilds.get(str(data.get("guild_id"))):
                self._threads(guild, data.get("threads") or (), data.get("members") or ())
        elif kind == "THREAD_MEMBERS_UPDATE":
            if self.me in (data.get("removed_member_ids") or ()):
                self.threads.discard(str(data["id"]))
        elif guild := self._guilds.get(str(data.get("guild_id", data.get("id")))):
            self._changed(guild, kind, data)

    def joined(self, guild_id: str, channel_id: str) -> None:
        """The bot spoke there, which makes it a member if that is a thread."""
        guild = self._guilds.get(guild_id)
        if guild and channel_id in guild.threads:
            self.threads.add(channel_id)

    def lineage(self, guild_id: str, channel_id: str) -> list[str]:
        """The channel, and what it belongs to: a thread's channel, a channel's category."""
        guild = self._guilds.get(guild_id)
        found = [channel_id]
        while guild and len(found) < 4 and (parent := guild.parents.get(found[-1])):
            found.append(parent)
        return found

    def names(self, message: dict[str, Any], my_name: str) -> Names:
        guild = self._guilds.get(str(message.get("guild_id")))
        users = {**names_in(message), self.me: my_name}
        return Names(users, guild.roles, guild.channels, guild.emoji) if guild else Names(users)

    def _learn(self, data: dict[str, Any]) -> None:
        if data.get("unavailable"):
            return
        guild = self._guilds[str(data["id"])] = Guild(str(data["id"]), str(data.get("name", "")))
        for channel in data.get("channels") or ():
            self._channel(guild, channel)
        self._threads(guild, data.get("threads") or (), ())
        self._changed(guild, "GUILD_EMOJIS_UPDATE", data)
        mine: set[str] = set()
        for role in data.get("roles") or ():
            guild.roles[str(role["id"])] = str(role.get("name", ""))
            if str((role.get("tags") or {}).get("bot_id")) == self.me:
                mine.add(str(role["id"]))
        for member in data.get("members") or ():
            if (member.get("user") or {}).get("id") == self.me:
                mine.update(str(role) for role in member.get("roles") or ())
        guild.my_roles = frozenset(mine)

    def _channel(self, guild: Guild, channel: dict[str, Any]) -> None:
        channel_id = str(channel["id"])
        guild.channels[channel_id] = str(channel.get("name") or "")
        if parent := channel.get("parent_id"):
            guild.parents[channel_id] = str(parent)
        if channel.get("type") in THREADS:
            guild.threads.add(channel_id)
            if channel.get("member"):
                self.threads.add(channel_id)

    def _threads(self, guild: Guild, threads: Iterable[dict[str, Any]], members: Iterable[dict[str, Any]]) -> None:
        for thread in threads:
            self._channel(guild, thread)
        self.threads.update(str(member["id"]) for member in members)

    def _gone(self, guild_id: str, channel_id: str) -> None:
        self.threads.discard(channel_id)
        if guild := self._guilds.get(guild_id):
            guild.channels.pop(channel_id, None)
            guild.parents.pop(channel_id, None)
            guild.threads.discard(channel_id)

    def _changed(self, guild: Guild, kind: str, data: dict[str, Any]) -> None:
        if kind in ("GUILD_ROLE_CREATE", "GUILD_ROLE_UPDATE"):
            guild.roles[str(data["role"]["id"])] = str(data["role"].get("name", ""))
        elif kind == "GUILD_ROLE_DELETE":
            guild.roles.pop(str(data["role_id"]), None)
            guild.my_roles -= {str(data["role_id"])}
        elif kind == "GUILD_EMOJIS_UPDATE":
            guild.emoji = {
                str(emoji["name"]): f"<{'a' if emoji.get('animated') else ''}:{emoji['name']}:{emoji['id']}>"
                for emoji in data.get("emojis") or ()
                if emoji.get("available", True)
            }
        elif kind == "GUILD_MEMBER_UPDATE":
            if (data.get("user") or {}).get("id") == self.me:
                guild.my_roles = frozenset(str(role) for role in data.get("roles") or ())
        elif kind == "GUILD_UPDATE":
            guild.name = str(data.get("name", guild.name))
            for role in data.get("roles") or ():
                guild.roles[str(role["id"])] = str(role.get("name", ""))
