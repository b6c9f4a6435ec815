"""Discord's markup and words: what the model reads, and what its answer becomes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

_MARKUP = re.compile(
    r"<(?:@!?(?P<user>\d{1,20})|@&(?P<role>\d{1,20})|#(?P<channel>\d{1,20})|a?:(?P<emoji>\w{2,32}):\d{1,20}"
    r"|t:(?P<time>-?\d{1,12})(?::[tTdDfFR])?|/(?P<command>[^:<>]{1,100}):\d{1,20})>"
)
_SHORTCODE = re.compile(r"(?<![<\w:]):(\w{2,32}):(?![\w:])")
_CODE = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]*`)", re.DOTALL)


@dataclass(slots=True)
class Names:
    """Display names by id, as the server of a message has them. `emoji` maps a name to what Discord shows, such as
    `<:wave:123>`.
    """

    users: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)
    emoji: Mapping[str, str] = field(default_factory=dict)


def readable(text: str, names: Names, *, me: str = "") -> str:
    """`text` with names in the place of ids. A mention of `me` at the start only says who is spoken to, and goes."""
    if me:
        text = re.sub(rf"\A(?:\s*<@!?{re.escape(me)}>[\s,:]*)+", "", text)

    def replaced(found: re.Match[str]) -> str:
        kind = found.lastgroup
        value = found.group(kind) if kind else ""
        if kind == "user":
            return "@" + names.users.get(value, "someone")
        if kind == "role":
            return "@" + names.roles.get(value, "a role")
        if kind == "channel":
            return "#" + names.channels.get(value, "a channel")
        if kind == "time":
            try:
                return datetime.fromtimestamp(int(value), UTC).strftime("%Y-%m-%d %H:%M UTC")
            except (ValueError, OverflowError, OSError):
                return "some time"
        return f":{value}:" if kind == "emoji" else f"/{value}"

    return _MARKUP.sub(replaced, text).strip()


def postable(text: str, names: Names) -> str:
    """An answer as Discord shows it: `:name:` becomes the server's emoji, outside code. Mentions stay words.

    Halves of surrogate pairs, which a model may write and Discord refuses, are replaced.
    """
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if not names.emoji or ":" not in text:
        return text

    def shown(found: re.Match[str]) -> str:
        return names.emoji.get(found.group(1), found.group())

    pieces = _CODE.split(text)
    pieces[::2] = [_SHORTCODE.sub(shown, piece) for piece in pieces[::2]]
    return "".join(pieces)


def display_name(author: Mapping[str, Any], member: Mapping[str, Any] | None = None) -> str:
    """The name that people see: the server's, else the person's own, else the account's."""
    for source, key in ((member or {}, "nick"), (author, "global_name"), (author, "username")):
        name = source.get(key)
        if isinstance(name, str) and name.strip():
            return " ".join(name.split())[:80]
    return "someone"


def names_in(message: Mapping[str, Any]) -> dict[str, str]:
    """Display names of the people whom a message mentions, by id."""
    found = {}
    for user in message.get("mentions") or ():
        if isinstance(user, dict) and "id" in user:
            found[str(user["id"])] = display_name(user, user.get("member"))
    return found
