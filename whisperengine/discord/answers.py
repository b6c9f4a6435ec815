"""What each command does. A command is answered with a text and perhaps files."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from whisperengine.discord.commands import DEFINITIONS, FORGET, MESSAGE, REMEMBER, SLASH, WHY
from whisperengine.discord.context import Context
from whisperengine.discord.conversation import Conversation
from whisperengine.discord.heart import Asker
from whisperengine.discord.mentions import display_name
from whisperengine.discord.places import Kind, Place
from whisperengine.discord.problems import missing_permissions
from whisperengine.discord.talk import describe
from whisperengine.errors import NotFoundError, PermissionDenied, RequestError

ADMINISTRATOR, MANAGE_SERVER = 1 << 3, 1 << 5
SHOWN = 15


@dataclass(frozen=True, slots=True)
class Reply:
    text: str
    files: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One use of a command, read from its interaction. `name` has the subcommand behind a space; `focus` is the
    option being typed.
    """

    id: str
    token: str
    name: str
    user: str
    display_name: str
    guild: str
    channel: str
    permissions: int
    app_permissions: int
    options: dict[str, Any] = field(default_factory=dict)
    focus: str = ""
    target: str = ""
    resolved: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, data: dict[str, Any]) -> Command:
        """Raises KeyError for a malformed interaction."""
        member = data.get("member") or {}
        person = member.get("user") or data["user"]
        given = data.get("data") or {}
        name, options = str(given.get("name", "")), given.get("options") or []
        if options and options[0].get("type") == 1:
            name, options = f"{name} {options[0]['name']}", options[0].get("options") or []
        return cls(
            id=str(data["id"]),
            token=str(data["token"]),
            name=name,
            user=str(person["id"]),
            display_name=display_name(person, member),
            guild=str(data.get("guild_id") or ""),
            channel=str(data.get("channel_id") or ""),
            permissions=int(member.get("permissions") or 0),
            app_permissions=int(data.get("app_permissions") or 0),
            options={str(option["name"]): option.get("value") for option in options},
            focus=next((str(option["name"]) for option in options if option.get("focused")), ""),
            target=str(given.get("target_id") or ""),
            resolved=given.get("resolved") or {},
        )


class Answers:
    def __init__(self, context: Context, conversation: Conversation) -> None:
        self._context = context
        self._conversation = conversation
        self._handlers: dict[str, Callable[[Command], Awaitable[Reply]]] = {
            "help": self._help,
            "character list": self._characters,
            "character choose": self._choose,
            "memory show": self._memories,
            "memory search": self._memories,
            "memory forget": self._forget,
            "facts": self._facts,
            "mood": self._mood,
            "regenerate": self._regenerate,
            "export": self._export,
            "forget-me": self._erase,
            "link": self._link,
            "status": self._status,
            "config show": self._config_show,
            "config channels": self._config_channels,
            "config mode": self._config,
            "config character": self._config,
            "config slow": self._config,
            "diagnose": self._diagnose,
            "ban": self._ban,
            "unban": self._unban,
            "bans": self._bans,
            REMEMBER: self._remember,
            FORGET: self._forget_message,
            WHY: self._why,
        }

    async def answer(self, command: Command) -> Reply:
        """Raises RequestError with what to tell the person, and other WhisperEngineErrors."""
        handler = self._handlers.get(command.name)
        if handler is None:
            raise NotFoundError("I do not know this command any more. Try /help.")
        # Whoever is banned may still see and erase what is kept of them.
        if command.name not in ("export", "forget-me") and await self._context.heart.is_banned(command.user):
            raise PermissionDenied("You cannot use this here.")
        return await handler(command)

    async def choices(self, command: Command) -> list[tuple[str, str]]:
        """(shown, value) for the option that is being typed."""
        typed = str(command.options.get(command.focus) or "").lower()
        if command.focus == "memory":
            found = await self._context.heart.memories(self._asker(command), typed, 25)
            return [(f"{memory.when}: {memory.text}", memory.id) for memory in found]
        return [
            (portrait.name, portrait.slug)
            for portrait in self._context.portraits.values()
            if typed in portrait.name.lower() or typed in portrait.slug
        ]

    def _asker(self, command: Command, request_key: str = "") -> Asker:
        place = self._context.place_of(command.user, command.guild, command.channel)
        return Asker(
            user=command.user,
            name=command.display_name,
            character=place.character,
            channel=f"discord:{command.channel}",
            shared=bool(command.guild),
            request_key=request_key,
        )

    async def _help(self, command: Command) -> Reply:
        name = self._context.portrait(self._asker(command).character).name
        lines = [f"I am **{name}**. Write to me directly, mention me, or reply to what I said."]
        lines += [f"`/{item['name']}` {item['description']}" for item in DEFINITIONS if item["type"] == SLASH]
        names = ", ".join(item["name"] for item in DEFINITIONS if item["type"] == MESSAGE)
        lines.append(f"On a message, under Apps: {names}")
        return Reply("\n".join(lines))

    async def _characters(self, command: Command) -> Reply:
        present = self._asker(command).character
        lines = [
            f"{'➤ ' if one.slug == present else ''}**{one.name}** (`{one.slug}`) {one.summary}".strip()
            for one in await self._context.heart.characters()
        ]
        return Reply("\n".join(lines) or "There are no characters yet.")

    async def _choose(self, command: Command) -> Reply:
        character = await self._known(command)
        if command.options.get("for") == "this channel":
            self._need_manager(command)
            await self._set("channel", command.channel, character=character)
            return Reply(f"{self._context.portrait(character).name} answers in this channel now.")
        await self._set("person", command.user, character=character)
        return Reply(f"{self._context.portrait(character).name} answers you now.")

    async def _memories(self, command: Command) -> Reply:
        query = str(command.options.get("text") or "")
        found = await self._context.heart.memories(self._asker(command), query, SHOWN)
        return Reply("\n".join(f"{memory.when}: {memory.text}" for memory in found) or "Nothing yet.")

    async def _forget(self, command: Command) -> Reply:
        gone = await self._context.heart.forget(self._asker(command), str(command.options.get("memory") or ""))
        return Reply("Forgotten." if gone else "I find no such memory. Pick one from the list.")

    async def _facts(self, command: Command) -> Reply:
        facts = await self._context.heart.facts(self._asker(command))
        return Reply("\n".join(f"- {fact}" for fact in facts) or "I know nothing about you yet.")

    async def _mood(self, command: Command) -> Reply:
        return Reply(await self._context.heart.mood(self._asker(command)))

    async def _regenerate(self, command: Command) -> Reply:
        answered = await self._context.ledger.latest(command.user, command.channel)
        if answered is None:
            raise NotFoundError("I have not answered you in this channel yet.")
        asker = replace(self._asker(command, answered.message), character=answered.character)
        await self._conversation.regenerate(answered, asker)
        return Reply("Done.")

    async def _export(self, command: Command) -> Reply:
        content = await self._context.heart.export(self._asker(command))
        return Reply("This is everything I keep about you.", (("whisperengine.json", content),))

    async def _erase(self, command: Command) -> Reply:
        if command.options.get("confirm") is not True:
            raise RequestError("Nothing was erased. Use /forget-me with `confirm` set to True.")
        count = await self._context.heart.erase(self._asker(command))
        self._conversation.forget(command.user)
        await self._context.ledger.forget(command.user)
        await self._context.places.forget_person(command.user)
        return Reply(f"Everything about you is erased ({count} messages). We are strangers now.")

    async def _link(self, command: Command) -> Reply:
        return Reply(
            await self._context.heart.link(self._asker(command), str(command.options.get("code") or "").strip())
        )

    async def _status(self, command: Command) -> Reply:
        lines = [f"{name}: {value}" for name, value in (await self._context.heart.status()).items()]
        for shard in self._context.shards.values():
            state = shard.state
            latency = f", {state.latency * 1000:.0f} ms" if state.latency is not None else ""
            lines.append(
                f"Discord shard {state.shard} of {state.count}: {state.status}{latency}. {state.problem}".strip()
            )
        lines.append(f"Servers: {len(self._context.guilds)}; waiting: {self._context.queues.length}")
        return Reply("\n".join(lines))

    async def _config_show(self, command: Command) -> Reply:
        place = self._context.place_of("", command.guild, command.channel)
        name = self._context.portrait(place.character).name
        return Reply(f"Mode: {place.mode}\nCharacter: {name}\nSlow mode: {place.slow_seconds} s")

    async def _config_channels(self, command: Command) -> Reply:
        guild = self._context.guilds.get(command.guild)
        lines = []
        for channel in guild.channels if guild else ():
            place = self._context.places.get("channel", channel)
            said = [place.mode, place.character and self._context.portrait(place.character).name]
            said.append(None if place.slow_seconds is None else f"slow mode {place.slow_seconds} s")
            if any(said):
                lines.append(f"<#{channel}>: {', '.join(filter(None, said))}")
        return Reply("\n".join(lines) or "Every channel is as the server is.")

    async def _config(self, command: Command) -> Reply:
        self._need_manager(command)
        kind: Kind = "guild" if command.options.get("where") == "server" else "channel"
        place = command.guild if kind == "guild" else command.channel
        if command.name == "config mode":
            mode = str(command.options["mode"])
            await self._set(kind, place, mode=None if mode == "default" else mode)
        elif command.name == "config slow":
            await self._set(kind, place, slow_seconds=min(3600, max(0, int(command.options["seconds"]))))
        else:
            await self._set(kind, place, character=await self._known(command))
        return await self._config_show(command)

    async def _diagnose(self, command: Command) -> Reply:
        self._need_manager(command)
        missing = missing_permissions(command.app_permissions)
        lines = [
            f"Missing here: {', '.join(missing)}. Give them to my role in the channel's settings."
            if missing
            else "I have every permission that I need here."
        ]
        lines += [shard.state.problem for shard in self._context.shards.values() if shard.state.problem]
        lines += [
            f"<#{where}>: {text}" if where.isdecimal() else f"{where}: {text}"
            for where, text in self._context.problems.items()
        ]
        return Reply("\n".join(lines))

    async def _ban(self, command: Command) -> Reply:
        self._need_admin(command)
        person = str(command.options["person"])
        if self._context.is_admin(person):
            raise RequestError("An administrator cannot be banned. Take the id out of ADMIN_USER_IDS first.")
        await self._context.heart.ban(person, str(command.options.get("reason") or ""), command.user)
        return Reply(f"<@{person}> gets no more answers.")

    async def _unban(self, command: Command) -> Reply:
        self._need_admin(command)
        person = str(command.options["person"])
        gone = await self._context.heart.unban(person)
        return Reply(f"<@{person}> gets answers again." if gone else "This person was not banned.")

    async def _bans(self, command: Command) -> Reply:
        self._need_admin(command)
        lines = [f"<@{ban.user}> since {ban.since} {ban.reason}".strip() for ban in await self._context.heart.bans()]
        return Reply("\n".join(lines) or "Nobody is banned.")

    async def _remember(self, command: Command) -> Reply:
        message = (command.resolved.get("messages") or {}).get(command.target)
        if not isinstance(message, dict):
            raise NotFoundError("I cannot see this message.")
        text = describe(message, self._context.guilds.names(message, self._context.name))
        if not text:
            raise RequestError("There is nothing in this message that I could remember.")
        author = message.get("author") or {}
        if str(author.get("id")) != command.user:
            text = f"{display_name(author, message.get('member'))} wrote: {text}"
        await self._context.heart.remember(self._asker(command, command.target), text)
        return Reply("I will remember it.")

    async def _forget_message(self, command: Command) -> Reply:
        answered = await self._context.ledger.find(command.target) or await self._context.ledger.find_answer(
            command.target
        )
        if answered is None or answered.author != command.user:
            raise NotFoundError("This is no message between us two.")
        asker = replace(self._asker(command, answered.message), character=answered.character)
        return Reply("Forgotten." if await self._context.heart.forget(asker, "") else "I had forgotten it already.")

    async def _why(self, command: Command) -> Reply:
        answered = await self._context.ledger.find_answer(command.target)
        if answered is None or answered.author != command.user:
            raise NotFoundError("I can only explain what I answered you.")
        asker = replace(self._asker(command, answered.message), character=answered.character)
        return Reply(await self._context.heart.why(asker))

    async def _known(self, command: Command) -> str:
        name = str(command.options.get("name") or "")
        portrait = await self._context.heart.portrait(name)
        if portrait is None:
            raise NotFoundError(f"There is no character {json.dumps(name[:50])}. /character list shows who there is.")
        return portrait.slug

    async def _set(self, kind: Kind, place: str, **changes: Any) -> None:
        before: Place = self._context.places.get(kind, place)
        await self._context.places.set(kind, place, replace(before, **changes))

    def _need_manager(self, command: Command) -> None:
        if not command.permissions & (ADMINISTRATOR | MANAGE_SERVER) and not self._context.is_admin(command.user):
            raise PermissionDenied("Only people who may manage this server can do that.")

    def _need_admin(self, command: Command) -> None:
        # A ban holds on every server and in direct messages, so managing one server is not enough.
        if not self._context.is_admin(command.user):
            raise PermissionDenied("Only administrators of this bot can do that: put your id into ADMIN_USER_IDS.")
