"""How an environment variable is read, shown and explained: the words in which the table of `config/` is written."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Variable:
    """One row of the table: how a variable is read, shown and explained.

    `setting` is the key under which it may also be set while the service runs, empty for what is read at start only.
    `kind` (text, number, boolean, choice, list), `low`, `high` and `choices` say to a form what `parse` takes.
    """

    name: str
    group: str
    help: str
    parse: Callable[[str], Any]
    allowed: str
    secret: bool = False
    default_text: str | None = None
    setting: str = ""
    kind: str = "text"
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()


def _boolean(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in ("1", "true", "yes", "on"):
        return True
    if lowered in ("0", "false", "no", "off"):
        return False
    raise ValueError


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError
        return value

    return parse


def _number(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = float(text)
        if not low <= value <= high:
            raise ValueError
        return value

    return parse


def _choice(*options: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        value = text.strip().lower()
        if value not in options:
            raise ValueError
        return value

    return parse


def words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def discord_ids(text: str) -> tuple[str, ...]:
    found = words(text)
    if not all(word.isascii() and word.isdecimal() and int(word) < 1 << 63 for word in found):
        raise ValueError
    return found


def named_tokens(text: str) -> str:
    """`NAME=TOKEN` pairs, without the white space around names and tokens."""
    pairs = [[part.strip() for part in pair.partition("=")] for pair in words(text)]
    if not all(name and token for name, _, token in pairs):
        raise ValueError
    return ",".join("".join(pair) for pair in pairs)


def networks(text: str) -> tuple[str, ...]:
    return tuple(str(ipaddress.ip_network(word, strict=False)) for word in words(text))


def url(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        value = text.strip().rstrip("/")
        parts = urlsplit(value)
        if value and (parts.scheme not in schemes or not (parts.netloc or parts.query or parts.path)):
            raise ValueError
        return value

    return parse


def path(text: str) -> Path:
    if "\0" in text or not text.strip():
        raise ValueError
    return Path(text.strip()).expanduser()


def at_least(length: int) -> Callable[[str], str]:
    def parse(text: str) -> str:
        value = text.strip()
        if len(value) < length:
            raise ValueError
        return value

    return parse


def env(
    name: str,
    default: Any,
    group: str,
    help: str,
    parse: Callable[[str], Any] = str.strip,
    allowed: str = "text",
    *,
    secret: bool = False,
    default_text: str | None = None,
    setting: str = "",
    **form: Any,
) -> Any:
    """A field of `Config`. `form` holds what a form must know: `kind`, `low`, `high`, `choices` of `Variable`."""
    variable = Variable(name, group, help, parse, allowed, secret, default_text, setting, **form)
    if callable(default):
        return field(default_factory=default, metadata={"variable": variable})
    return field(default=default, metadata={"variable": variable})


def flag(name: str, default: bool, group: str, help: str, *, setting: str = "") -> Any:
    allowed = "1 or 0 (also true, yes, on; false, no, off)"
    return env(name, default, group, help, _boolean, allowed, setting=setting, kind="boolean")


def whole(name: str, default: int, low: int, high: int, group: str, help: str, *, setting: str = "") -> Any:
    allowed, parse = f"a whole number from {low} to {high}", _integer(low, high)
    return env(name, default, group, help, parse, allowed, setting=setting, kind="number", low=low, high=high)


def real(name: str, default: float, low: float, high: float, group: str, help: str, *, setting: str = "") -> Any:
    allowed, parse = f"a number from {low:g} to {high:g}", _number(low, high)
    return env(name, default, group, help, parse, allowed, setting=setting, kind="number", low=low, high=high)


def one_of(name: str, default: str, options: tuple[str, ...], group: str, help: str, *, setting: str = "") -> Any:
    allowed = "one of " + ", ".join(options)
    return env(name, default, group, help, _choice(*options), allowed, setting=setting, kind="choice", choices=options)
