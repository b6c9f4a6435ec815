"""`{{char}}`, `{{user}}`, `{{random:a,b}}` and the like: the braces of character cards.

After chapter "Curly Braced Syntaxes" of the version 3 card specification, with the forms that SillyTavern adds (`::`
between the parts, `<USER>`, `<BOT>`). What comes out of a macro is never read as a macro again, so a person called
`{{char}}` changes nothing.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

MAX_NESTING = 8
MAX_DICE = 100
MAX_SIDES = 1_000_000

_TAGS = re.compile(r"<(user|char|bot)>", re.IGNORECASE)
_DICE = re.compile(r"(\d{1,3})?d?(\d{1,7})([+-]\d{1,7})?", re.IGNORECASE)
_BRACES = re.compile(r"\{\{|\}\}")
_PARTS = re.compile(r"\{\{|\}\}|(?<!\\),")
_HIDDEN = re.compile(r"\{\{\s*hidden_key\s*::?([^{}]*)\}\}", re.IGNORECASE)
_COMMENT = re.compile(r"\{\{\s*(?://|comment\s*:)[^{}]*\}\}", re.IGNORECASE)


@dataclass(frozen=True)
class Values:
    """What macros stand for in one prompt.

    `chance` decides `random` and `roll`; `seed` (such as the ids of person and character) decides `pick`, which stays
    the same from prompt to prompt. `more` adds further names, in lower case (`original`, `scenario`).
    """

    char: str
    user: str
    now: datetime
    chance: random.Random
    seed: str = ""
    more: Mapping[str, str] = field(default_factory=dict)


def expand(text: str, values: Values) -> str:
    """`text` with every macro that is known replaced; an unknown one stays as it is."""
    return _expand(text, values, 0) if "{{" in text or "<" in text else text


def scanned(text: str) -> str:
    """A lorebook entry's text as it is searched for keys: hidden keys laid open, comments gone."""
    return _COMMENT.sub("", _HIDDEN.sub(r"\1", text)) if "{{" in text else text


def _expand(text: str, values: Values, depth: int) -> str:
    parts: list[str] = []
    place = 0
    while (start := text.find("{{", place)) >= 0:
        end = _end(text, start)
        if end < 0:
            break
        parts.append(_tags(text[place:start], values))
        inner = text[start + 2 : end]
        result = _macro(inner, values, depth) if depth < MAX_NESTING else None
        parts.append(text[start : end + 2] if result is None else result)
        place = end + 2
    parts.append(_tags(text[place:], values))
    return "".join(parts)


def _end(text: str, start: int) -> int:
    """Where the braces opened at `start` close, or -1."""
    level = 0
    for brace in _BRACES.finditer(text, start):
        level += 1 if brace[0] == "{{" else -1
        if level == 0:
            return brace.start()
    return -1


def _tags(text: str, values: Values) -> str:
    return (
        _TAGS.sub(lambda tag: values.user if tag[1].lower() == "user" else values.char, text) if "<" in text else text
    )


def _macro(inner: str, values: Values, depth: int) -> str | None:
    """What `{{inner}}` stands for, or None when it is not known."""
    if inner.lstrip().startswith("//"):
        return ""
    name, colon, rest = inner.partition(":")
    name = name.strip().lower()
    if not colon:
        name, space, rest = inner.strip().partition(" ")
        name = name.lower()
        if not space:
            return _plain(name, values)
    match name:
        case "random":
            options = _options(rest)
            return _expand(values.chance.choice(options), values, depth + 1)
        case "pick":
            options = _options(rest)
            digest = hashlib.sha256(f"{values.seed}\0{rest}".encode("utf-8", "surrogatepass")).digest()
            return _expand(options[int.from_bytes(digest[:8]) % len(options)], values, depth + 1)
        case "roll":
            return _roll(rest.lstrip(":"), values)
        case "reverse":
            return _expand(rest.lstrip(":"), values, depth + 1)[::-1]
        case "comment" | "hidden_key":
            return ""
    return None


def _plain(name: str, values: Values) -> str | None:
    if name in values.more:
        return values.more[name]
    now = values.now
    match name:
        case "char" | "bot":
            return values.char
        case "user":
            return values.user
        case "newline":
            return "\n"
        case "noop":
            return ""
        case "time" | "isotime":
            return f"{now:%H:%M}"
        case "date":
            return f"{now.day} {now:%B %Y}"
        case "weekday":
            return f"{now:%A}"
        case "isodate":
            return f"{now:%Y-%m-%d}"
    return None


def _options(rest: str) -> list[str]:
    if rest.startswith(":") or "::" in rest:
        return [part.strip() for part in rest.removeprefix(":").split("::")]
    return [part.replace("\\,", ",").strip() for part in _outer_commas(rest)]


def _outer_commas(rest: str) -> list[str]:
    """Parts between the commas that stand outside inner braces."""
    parts: list[str] = []
    level = begin = 0
    for mark in _PARTS.finditer(rest):
        if mark[0] == "," and level == 0:
            parts.append(rest[begin : mark.start()])
            begin = mark.end()
        elif mark[0] != ",":
            level += 1 if mark[0] == "{{" else -1
    return [*parts, rest[begin:]]


def _roll(rest: str, values: Values) -> str | None:
    dice = _DICE.fullmatch(rest.strip())
    if not dice:
        return None
    many = "d" in rest.lower() and dice[1]
    count = int(dice[1]) if many else 1
    sides = int(dice[2]) if many or not dice[1] else int(dice[1] + dice[2])
    if not (0 < count <= MAX_DICE and 0 < sides <= MAX_SIDES):
        return None
    return str(sum(values.chance.randint(1, sides) for _ in range(count)) + int(dice[3] or 0))
