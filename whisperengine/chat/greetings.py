"""First messages of a talk, as one person reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from whisperengine.characters.definition import Definition
from whisperengine.characters.macros import expand
from whisperengine.chat.fences import one_line
from whisperengine.chat.script import NAMELESS, passing
from whisperengine.memory.groundwork import Turn


def greetings(definition: Definition, user: str, here: datetime) -> tuple[str, ...]:
    """The greeting and its alternates with their macros replaced; `here` is the time on the person's clock."""
    return written(definition, definition.greetings, user, here)


def written(definition: Definition, texts: Iterable[str], user: str, here: datetime) -> tuple[str, ...]:
    """Texts of the author's with their macros replaced."""
    values = passing(one_line(definition.called), one_line(user) or NAMELESS, here, definition.name, 0)
    return tuple(expand(text, values) for text in texts)


def began_with(definition: Definition, talk: Sequence[Turn], user: str, here: datetime) -> int:
    """Which greeting a talk began with; 0, the first one, where none is known."""
    if not talk or talk[0].by_person:
        return 0
    said = talk[0].content.strip()
    return next((place for place, text in enumerate(greetings(definition, user, here)) if text.strip() == said), 0)
