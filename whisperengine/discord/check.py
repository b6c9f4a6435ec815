"""What `whisperengine discord invite` and `discord check` say: token, intents, and permissions in each server."""

from __future__ import annotations

from dataclasses import dataclass

from whisperengine.discord.problems import WITHOUT_CONTENT, DiscordError, invite_link, missing_permissions
from whisperengine.discord.rest import Rest, may_read
from whisperengine.discord.transport import client_session


@dataclass(frozen=True, slots=True)
class Finding:
    good: bool
    text: str


async def invite(api_base: str, token: str) -> str:
    """The link that adds the bot to a server. Raises DiscordError."""
    async with client_session() as http:
        application = await Rest(http, api_base, token).application()
        return invite_link(str(application["id"]))


async def check(api_base: str, token: str) -> list[Finding]:
    """Everything that can be found out without connecting to the gateway. Never raises for what Discord says."""
    async with client_session() as http:
        rest = Rest(http, api_base, token)
        try:
            identity = await rest.me()
            application = await rest.application()
            findings = [Finding(True, f"The token is that of {identity.get('username')} ({identity.get('id')}).")]
            if may_read(application):
                findings.append(Finding(True, "The bot may read messages."))
            else:
                findings.append(Finding(False, WITHOUT_CONTENT))
            info = await rest.gateway()
            left = info.limit.remaining
            findings.append(Finding(left > 10, f"{left} of {info.limit.total} new sessions are left today."))
            guilds = await rest.guilds()
            if not guilds:
                link = invite_link(str(application["id"]))
                findings.append(Finding(False, f"The bot is in no server. Add it by {link}"))
            for guild in guilds:
                findings.append(_guild(str(guild.get("name")), int(guild.get("permissions") or 0)))
        except DiscordError as error:
            return [Finding(False, str(error))]
        return findings


def _guild(name: str, permissions: int) -> Finding:
    missing = missing_permissions(permissions)
    if missing:
        return Finding(
            False, f"{name}: missing {', '.join(missing)}. Give them to the bot's role in Server Settings, Roles."
        )
    return Finding(True, f"{name}: every permission is there.")
