"""What the bots ask of Discord's REST API, and a message never twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from whisperengine.discord.buckets import Route
from whisperengine.discord.pace import StartLimit
from whisperengine.discord.problems import DiscordError, DiscordRefused
from whisperengine.discord.transport import Transport

NOBODY: dict[str, Any] = {"parse": [], "replied_user": False}
UNKNOWN_MESSAGE = 10008
ALREADY_ACKNOWLEDGED = 40060
# Application flags: the privileged intent of a large bot, and the switch of a small one.
MESSAGE_CONTENT_FLAGS = 1 << 18 | 1 << 19


@dataclass(frozen=True, slots=True)
class GatewayInfo:
    url: str
    shards: int
    limit: StartLimit


def may_read(application: Mapping[str, Any]) -> bool:
    """Whether MESSAGE CONTENT INTENT is switched on."""
    return bool(int(application.get("flags") or 0) & MESSAGE_CONTENT_FLAGS)


class Rest(Transport):
    """The endpoints. Every method raises as `request` does. Channel, message and user ids are strings of digits."""

    async def gateway(self) -> GatewayInfo:
        """Where to connect, how many shards, and how many sessions may still be started."""
        said = await self.request(Route("GET", "/gateway/bot", "/gateway/bot", ""))
        try:
            limit = said["session_start_limit"]
            return GatewayInfo(
                str(said["url"]),
                max(1, int(said["shards"])),
                StartLimit(
                    int(limit["total"]),
                    int(limit["remaining"]),
                    float(limit["reset_after"]) / 1000,
                    max(1, int(limit["max_concurrency"])),
                ),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DiscordError(
                "/gateway/bot answered something unknown. Check DISCORD_API_BASE: it must be Discord's own address."
            ) from error

    async def me(self) -> dict[str, Any]:
        return await self.request(Route("GET", "/users/@me", "/users/@me", ""))

    async def application(self) -> dict[str, Any]:
        return await self.request(Route("GET", "/applications/@me", "/applications/@me", ""))

    async def send(
        self,
        channel: str,
        text: str,
        *,
        nonce: str,
        reply_to: str | None = None,
        files: tuple[tuple[str, bytes], ...] = (),
    ) -> dict[str, Any]:
        """Post a message (at most 2,000 code points) exactly once: repeats with one `nonce` (at most 25 characters)
        give the first message.
        """
        body: dict[str, Any] = {"content": text, "nonce": nonce, "enforce_nonce": True, "allowed_mentions": NOBODY}
        if reply_to:
            body["message_reference"] = {"message_id": reply_to, "channel_id": channel, "fail_if_not_exists": False}
        if files:
            body["attachments"] = [{"id": index, "filename": name} for index, (name, _) in enumerate(files)]
        return await self.request(in_channel("POST", channel, "/messages"), body, files=files)

    async def edit(self, channel: str, message: str, text: str) -> dict[str, Any]:
        return await self.request(
            in_channel("PATCH", channel, "/messages/{message}", message), {"content": text, "allowed_mentions": NOBODY}
        )

    async def delete(self, channel: str, message: str) -> None:
        """Deleting what is gone already is no error: a repeated request cannot know."""
        try:
            await self.request(in_channel("DELETE", channel, "/messages/{message}", message))
        except DiscordRefused as refused:
            if refused.reason != UNKNOWN_MESSAGE:
                raise

    async def history(self, channel: str, limit: int, before: str | None = None) -> list[dict[str, Any]]:
        """The last messages, newest first; at most 100."""
        tail = f"/messages?limit={limit}" + (f"&before={before}" if before else "")
        route = Route("GET", "/channels/{channel}/messages", f"/channels/{channel}{tail}", channel)
        return await self.request(route)

    async def typing(self, channel: str) -> None:
        """Shown for 10 s or until a message. Never repeated: a lost one does no harm."""
        await self.request(in_channel("POST", channel, "/typing"), attempts=1, max_wait=5)

    async def react(self, channel: str, message: str, emoji: str) -> None:
        """`emoji` is a character or `name:id`."""
        path = f"/channels/{channel}/messages/{message}/reactions/{quote(emoji, safe='')}/@me"
        await self.request(Route("PUT", "/channels/{channel}/messages/{message}/reactions/{emoji}/@me", path, channel))

    async def commands(self, application: str, guild: str | None = None) -> list[dict[str, Any]]:
        return await self.request(_commands("GET", application, guild))

    async def set_commands(
        self, application: str, definitions: list[dict[str, Any]], guild: str | None = None
    ) -> list[dict[str, Any]]:
        """Replace every command; without `guild` everywhere."""
        return await self.request(_commands("PUT", application, guild), definitions)

    async def respond(self, interaction: str, token: str, kind: int, data: Mapping[str, Any] | None = None) -> bool:
        """Answer an interaction within its 3 s. False: an earlier attempt had reached Discord after all."""
        path = f"/interactions/{interaction}/{token}/callback"
        route = Route(
            "POST",
            "/interactions/{id}/{token}/callback",
            path,
            f"interaction {interaction}",
            repeatable=True,
            open=True,
        )
        body: dict[str, Any] = {"type": kind}
        if data is not None:
            body["data"] = {"allowed_mentions": NOBODY, **data} if kind in (4, 7) else dict(data)
        try:
            await self.request(route, body, attempts=3, max_wait=2)
        except DiscordRefused as refused:
            if refused.reason != ALREADY_ACKNOWLEDGED:
                raise
            return False
        return True

    async def edit_response(
        self, application: str, token: str, text: str, files: tuple[tuple[str, bytes], ...] = ()
    ) -> dict[str, Any]:
        """Fill the answer that was deferred. Possible for 15 min; then Discord refuses with 50027."""
        body: dict[str, Any] = {"content": text, "allowed_mentions": NOBODY}
        if files:
            body["attachments"] = [{"id": index, "filename": name} for index, (name, _) in enumerate(files)]
        path = f"/webhooks/{application}/{token}/messages/@original"
        route = Route("PATCH", "/webhooks/{id}/{token}/messages/@original", path, f"webhook {token}", open=True)
        return await self.request(route, body, files=files)

    async def follow_up(self, application: str, token: str, text: str, *, ephemeral: bool) -> dict[str, Any]:
        """One more message after the answer. Not repeated when its fate is unknown: webhooks know no nonce."""
        body = {"content": text, "allowed_mentions": NOBODY, "flags": 64 if ephemeral else 0}
        path = f"/webhooks/{application}/{token}"
        route = Route("POST", "/webhooks/{id}/{token}", path, f"webhook {token}", repeatable=False, open=True)
        return await self.request(route, body)

    async def guilds(self) -> list[dict[str, Any]]:
        """The servers of the bot with its permissions there; at most 200."""
        return await self.request(Route("GET", "/users/@me/guilds", "/users/@me/guilds", ""))


def in_channel(method: str, channel: str, tail: str, message: str = "") -> Route:
    """A route whose limit hangs on a channel. Old messages are deleted under a limit of their own, which Discord
    finds by the hash.
    """
    return Route(
        method, "/channels/{channel}" + tail, f"/channels/{channel}" + tail.replace("{message}", message), channel
    )


def _commands(method: str, application: str, guild: str | None) -> Route:
    if guild is None:
        return Route(method, "/applications/{id}/commands", f"/applications/{application}/commands", "")
    path = f"/applications/{application}/guilds/{guild}/commands"
    return Route(method, "/applications/{id}/guilds/{guild}/commands", path, guild)
