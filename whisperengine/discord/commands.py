"""The slash and message commands as Discord stores them, and bringing Discord's copy up to date."""

from __future__ import annotations

import logging
from typing import Any

from whisperengine.discord.rest import Rest

log = logging.getLogger(__name__)

SLASH, MESSAGE = 1, 3
SUBCOMMAND, TEXT, INTEGER, BOOLEAN, USER = 1, 3, 4, 5, 6
MANAGE_SERVER = str(1 << 5)
# In servers and in direct messages with the bot.
EVERYWHERE = [0, 1]
SERVER_ONLY = [0]

REMEMBER, FORGET, WHY = "Remember this", "Forget this", "Why did you say that?"


def _option(kind: int, name: str, description: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "name": name, "description": description, **more}


def _slash(name: str, description: str, *options: dict[str, Any], **more: Any) -> dict[str, Any]:
    command = {"type": SLASH, "name": name, "description": description, "contexts": EVERYWHERE, **more}
    return {**command, "options": list(options)} if options else command


def _choices(*values: str) -> list[dict[str, str]]:
    return [{"name": value, "value": value} for value in values]


_WHERE = _option(TEXT, "where", "For the whole server or for this channel", choices=_choices("channel", "server"))
_CHARACTER = _option(TEXT, "name", "The character", required=True, autocomplete=True)
_PERSON = _option(USER, "person", "Whom", required=True)

DEFINITIONS: list[dict[str, Any]] = [
    _slash("help", "What I can do here"),
    _slash(
        "character",
        "The characters, and who speaks with you",
        _option(SUBCOMMAND, "list", "Who there is"),
        _option(
            SUBCOMMAND,
            "choose",
            "Choose who answers",
            options=[_CHARACTER, _option(TEXT, "for", "For whom", choices=_choices("me", "this channel"))],
        ),
    ),
    _slash(
        "memory",
        "What I remember of you",
        _option(SUBCOMMAND, "show", "The latest"),
        _option(
            SUBCOMMAND, "search", "Look for something", options=[_option(TEXT, "text", "What about", required=True)]
        ),
        _option(
            SUBCOMMAND,
            "forget",
            "Forget one thing",
            options=[_option(TEXT, "memory", "Which", required=True, autocomplete=True)],
        ),
    ),
    _slash("facts", "What I know about you"),
    _slash("mood", "How I feel, and where we stand"),
    _slash("regenerate", "Let me answer your last message once more"),
    _slash("export", "Everything I keep about you, as a file"),
    _slash(
        "forget-me",
        "Erase everything about you, for good",
        _option(BOOLEAN, "confirm", "Yes, erase everything", required=True),
    ),
    _slash(
        "link",
        "Be the same person here and elsewhere",
        _option(TEXT, "code", "The code that you got elsewhere; none for a new one, or split"),
    ),
    _slash("status", "Whether everything works"),
    _slash(
        "config",
        "How I behave on this server",
        _option(SUBCOMMAND, "show", "What is in force here"),
        _option(SUBCOMMAND, "channels", "Which channels have settings of their own"),
        _option(
            SUBCOMMAND,
            "mode",
            "When I answer",
            options=[
                _option(
                    TEXT, "mode", "When", required=True, choices=_choices("mention", "name", "all", "off", "default")
                ),
                _WHERE,
            ],
        ),
        _option(SUBCOMMAND, "character", "Who answers", options=[_CHARACTER, _WHERE]),
        _option(
            SUBCOMMAND,
            "slow",
            "Seconds between two answers to one person",
            options=[_option(INTEGER, "seconds", "0 to 3600", required=True, min_value=0, max_value=3600), _WHERE],
        ),
        contexts=SERVER_ONLY,
        default_member_permissions=MANAGE_SERVER,
    ),
    _slash("diagnose", "What is missing for me to work here", default_member_permissions=MANAGE_SERVER),
    _slash("ban", "Never answer a person again", _PERSON, _option(TEXT, "reason", "Why", max_length=300)),
    _slash("unban", "Answer a person again", _PERSON),
    _slash("bans", "Who is banned"),
    *({"type": MESSAGE, "name": name, "contexts": EVERYWHERE} for name in (REMEMBER, FORGET, WHY)),
]

_COMPARED = (
    *("type", "name", "description", "options", "required", "choices", "value", "autocomplete", "contexts"),
    *("min_value", "max_value", "max_length", "default_member_permissions"),
)


async def synchronise(rest: Rest, application: str, guild: str | None = None) -> bool:
    """Replace Discord's copy when it differs; returns whether it did. A few hundred replacements a day are the limit.
    Raises DiscordError.
    """
    if _essence(await rest.commands(application, guild)) == _essence(DEFINITIONS):
        return False
    await rest.set_commands(application, DEFINITIONS, guild)
    log.info("discord.commands: slash commands are up to date now")
    return True


def _essence(value: Any) -> Any:
    """What we define of commands, without what Discord adds, and with missing and empty taken for the same."""
    if isinstance(value, list):
        kept = [_essence(item) for item in value]
        named = all(isinstance(item, dict) and "name" in item and "type" in item for item in kept)
        # Discord keeps the order of options, but not of commands.
        commands = named and any("contexts" in item for item in kept)
        return sorted(kept, key=lambda item: (item["type"], item["name"])) if commands else kept
    if not isinstance(value, dict):
        return value
    kept = {key: _essence(value[key]) for key in _COMPARED if key in value}
    return {key: item for key, item in kept.items() if item not in (None, False, [], "")}
