"""What can go wrong with Discord, as errors, and the sentences that name the switch to turn.

DiscordError
├── DiscordStopped       Discord will not have us until somebody changes something: never retried
├── DiscordRefused       one request was refused (4xx); repeating it as it is would be refused again
├── DiscordUnreachable   no answer, or 5xx, after every attempt
└── DiscordPaused        requests are held back: a long rate limit, the brake, or Cloudflare
"""

from __future__ import annotations

from whisperengine.errors import WhisperEngineError

PORTAL = "https://discord.com/developers/applications"

# Permission bits that the bot asks for, with the names that Discord's settings show.
PERMISSIONS = {
    "View Channels": 1 << 10,
    "Send Messages": 1 << 11,
    "Send Messages in Threads": 1 << 38,
    "Embed Links": 1 << 14,
    "Attach Files": 1 << 15,
    "Read Message History": 1 << 16,
    "Add Reactions": 1 << 6,
    "Use External Emojis": 1 << 18,
}


class DiscordError(WhisperEngineError):
    code = "discord_error"
    status = 502


class DiscordStopped(DiscordError):
    code = "discord_stopped"


class DiscordRefused(DiscordError):
    """`http_status` and `reason` (Discord's numeric JSON error code, 0 when there was none) tell why."""

    code = "discord_refused"

    def __init__(self, message: str, *, http_status: int, reason: int) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.reason = reason


class DiscordUnreachable(DiscordError):
    code = "discord_unreachable"
    status = 503


class DiscordPaused(DiscordError):
    code = "discord_paused"
    status = 503


WRONG_TOKEN = (
    f"Discord refused the bot token. Open {PORTAL}, choose the application, Bot, Reset Token, "
    "put the new token into DISCORD_BOT_TOKEN and restart."
)

_CLOSED_FOR_GOOD = {
    4004: WRONG_TOKEN,
    4010: "Discord refused the shard number. Restart all replicas together, so that shards are counted anew.",
    4011: "The bot is in too many servers for one shard. Restart all replicas together: shards are then counted anew.",
    4012: "Discord no longer speaks version 10 of its gateway. Update WhisperEngine.",
    4013: "Discord does not know an intent that was asked for. Update WhisperEngine.",
    4014: (
        f"The bot may not use an intent that it asks for. Open {PORTAL}, choose the application, Bot, "
        "Privileged Gateway Intents, switch on MESSAGE CONTENT INTENT and restart."
    ),
}

WITHOUT_CONTENT = (
    "Discord does not let this bot read messages, so it answers only direct messages, mentions, replies that ping it "
    f"and slash commands. To change that open {PORTAL}, choose the application, Bot, Privileged Gateway Intents, "
    "switch on MESSAGE CONTENT INTENT. The bot notices within a minute."
)

_REFUSALS = {
    10003: "The channel no longer exists, or the bot cannot see it: give its role View Channel there.",
    10008: "The message no longer exists.",
    20016: "Slow mode holds the bot back in this channel: give its role Bypass Slowmode there or wait.",
    20028: "The channel receives too many messages. Wait a moment.",
    30046: "This message was edited too often. It is left as it is.",
    40005: "The file or message is too large for Discord. Send a smaller one.",
    50001: "The bot cannot see this channel. In the channel's settings, Permissions, give its role View Channel.",
    50007: "This person accepts no direct messages from the bot. They can allow them in the server's privacy settings.",
    50013: (
        "The bot lacks a permission in this channel. In the channel's settings, Permissions, "
        "give its role View Channel, Send Messages, Send Messages in Threads, Read Message History and Add Reactions."
    ),
    160002: "The bot may not reply here. In the channel's settings, Permissions, give its role Read Message History.",
}


def closed_for_good(code: int) -> str:
    """What to tell people when the gateway closed with `code` and may not be tried again."""
    return _CLOSED_FOR_GOOD.get(code, f"Discord closed the connection for good (code {code}). Update WhisperEngine.")


def refusal(http_status: int, reason: int, message: str) -> str:
    """A sentence for a refused request; `message` is Discord's own text, which never holds secrets."""
    known = _REFUSALS.get(reason)
    return known or f"Discord refused the request: {message or 'no reason given'} (HTTP {http_status}, code {reason})."


def missing_permissions(granted: int) -> list[str]:
    """Names of the permissions that the bot should have and that the bit set `granted` lacks. Administrator (bit 3)
    grants all.
    """
    if granted & 1 << 3:
        return []
    return [name for name, bit in PERMISSIONS.items() if not granted & bit]


def invite_link(application_id: str) -> str:
    """The link that adds the bot and its slash commands to a server, with exactly the permissions that it uses."""
    bits = sum(PERMISSIONS.values())
    query = f"client_id={application_id}&scope=bot+applications.commands&permissions={bits}"
    return f"https://discord.com/oauth2/authorize?{query}"
