"""Decorators of lorebook entries: lines such as `@@depth 4` at the head of an entry's text (version 3 card
specification, "Decorators").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAX_FALLBACKS = 20
POSITIONS = ("after_desc", "before_desc", "personality", "scenario")


@dataclass(frozen=True)
class Decorated:
    """An entry's text without its decorators, and what they say: name -> value (True where a decorator has none)."""

    content: str
    says: dict[str, Any]


def _number(text: str) -> int | None:
    try:
        return int(text) if len(text) < 12 else None
    except ValueError:
        return None


def _words(text: str) -> list[str] | None:
    return [word.strip() for word in text.split(",") if word.strip()] or None


def _flag(_text: str) -> bool:
    return True


def _one_of(*allowed: str) -> Callable[[str], str | None]:
    return lambda text: text if text in allowed else None


# Not here, and so ignored as the specification allows: those for contexts that are no chat (instruct_...,
# reverse_...), and is_user_icon.
_KNOWN: dict[str, Callable[[str], Any]] = {
    "activate": _flag,
    "dont_activate": _flag,
    "activate_only_after": _number,
    "activate_only_every": _number,
    "keep_activate_after_match": _flag,
    "dont_activate_after_match": _flag,
    "depth": _number,
    "role": _one_of("assistant", "system", "user"),
    "scan_depth": _number,
    "is_greeting": _number,
    "position": _one_of(*POSITIONS),
    "ignore_on_max_context": _flag,
    "additional_keys": _words,
    "exclude_keys": _words,
    "disable_ui_prompt": _one_of("post_history_instructions", "system_prompt"),
}


def read(content: str) -> Decorated:
    """Separate the decorators from the text. Unknown ones and wrong values count for nothing; `@@@` lines stand in for
    the one before them.
    """
    if not content.lstrip("\n").startswith("@@"):
        return Decorated(content, {})
    says: dict[str, Any] = {}
    lines = content.split("\n")
    place = 0
    settled = True
    fallbacks = 0
    while place < len(lines) and (lines[place].startswith("@@") or not lines[place].strip()):
        line = lines[place].rstrip()
        place += 1
        if not line:
            continue
        fallback = line.startswith("@@@")
        fallbacks = fallbacks + 1 if fallback else 0
        if fallback and (settled or fallbacks > MAX_FALLBACKS):
            continue
        name, _, value = line.lstrip("@").partition(" ")
        read_value = _KNOWN.get(name)
        result = read_value(value.strip()) if read_value else None
        settled = result is not None
        if settled:
            says.setdefault(name, result)
    return Decorated("\n".join(lines[place:]).rstrip("\n"), says)
