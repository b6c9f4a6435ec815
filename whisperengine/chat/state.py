"""What a character keeps from turn to turn about one person; it stands in the store beside the relationship."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from whisperengine.chat import mood
from whisperengine.chat.mood import Mood


@dataclass(frozen=True, slots=True)
class State:
    """`lore` is the memory of the lorebook's entries. `recalled` is the turn in which the character was last told to
    bring something up by itself, `about` the message that it was about.
    """

    mood: Mood = field(default_factory=Mood)
    lore: Mapping[str, Any] = field(default_factory=dict)
    recalled: int = 0
    about: int = 0

    def as_json(self) -> dict[str, Any]:
        parts = {"mood": self.mood.as_json(), "lore": dict(self.lore), "recalled": self.recalled, "about": self.about}
        return {name: value for name, value in parts.items() if value}


def from_json(value: Mapping[str, Any]) -> State:
    """A stored state; parts of another form count as absent."""
    lore = value.get("lore")
    return State(
        mood.from_json(value.get("mood")),
        lore if isinstance(lore, Mapping) else {},
        *(number if isinstance(number := value.get(name), int) else 0 for name in ("recalled", "about")),
    )
