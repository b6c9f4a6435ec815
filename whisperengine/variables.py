"""How an environment variable is read, shown and explained: the words in which the table of `config.py` is written."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Variable:
    """One row of the table: how a variable is read, shown and explained."""

    name: str
    group: str
    help: str
    parse: Callable[[str], Any]
    allowed: str
    secret: bool = False
    default_text: str | None = None


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
) -> Any:
    variable = Variable(name, group, help, parse, allowed, secret, default_text)
    if callable(default):
        return field(default_factory=default, metadata={"variable": variable})
    return field(default=default, metadata={"variable": variable})


def flag(name: str, default: bool, group: str, help: str) -> Any:
    return env(name, default, group, help, _boolean, "1 or 0 (also true, yes, on; false, no, off)")


def whole(name: str, default: int, low: int, high: int, group: str, help: str) -> Any:
    return env(name, default, group, help, _integer(low, high), f"a whole number from {low} to {high}")


def real(name: str, default: float, low: float, high: float, group: str, help: str) -> Any:
    return env(name, default, group, help, _number(low, high), f"a number from {low:g} to {high:g}")


def one_of(name: str, default: str, options: tuple[str, ...], group: str, help: str) -> Any:
    return env(name, default, group, help, _choice(*options), "one of " + ", ".join(options))
