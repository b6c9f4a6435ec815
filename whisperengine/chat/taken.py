"""A turn as it was taken: what came of one message, and how long each part took."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from whisperengine.characters.store import Character
from whisperengine.chat.prompt import Composed
from whisperengine.emotion.classifier import EmotionReading
from whisperengine.emotion.trajectory import Felt, Trajectory, follow
from whisperengine.memory.groundwork import FEELINGS
from whisperengine.memory.people import Person
from whisperengine.memory.recall import Recollection
from whisperengine.memory.relationship import Relationship
from whisperengine.memory.usage import Usage


@dataclass(slots=True, kw_only=True)
class Turn:
    """What came of one message. `repeated` says that it was answered before and nothing was done again; with
    `tool_calls` the model asked for tools, and the message waits for its answer.
    """

    answer: str
    message_id: int
    answer_id: int
    character: Character
    person: Person
    feeling: EmotionReading
    answer_feeling: EmotionReading | None
    relationship: Relationship
    recollection: Recollection
    llm: str
    stored: bool
    trajectory: Trajectory
    composed: Composed | None = None
    repeated: bool = False
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None
    finish_reason: str = "stop"
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    milliseconds: dict[str, float] = field(default_factory=dict)

    @property
    def usage(self) -> Usage:
        return Usage(self.prompt_tokens, self.completion_tokens, self.cost)


class Clock:
    """Milliseconds between marks."""

    def __init__(self) -> None:
        self.marks: dict[str, float] = {}
        self._start = self._last = time.perf_counter()

    def mark(self, name: str) -> None:
        now = time.perf_counter()
        self.marks[name] = round((now - self._last) * 1000, 2)
        self._last = now

    def total(self) -> dict[str, float]:
        return {**self.marks, "total": round((time.perf_counter() - self._start) * 1000, 2)}


def trajectory(recollection: Recollection, of_person: bool, *latest: Felt) -> Trajectory:
    """Where one side's feelings were going over its last messages."""
    earlier = [
        Felt(each.said_at, each.feeling, each.intensity)
        for each in recollection.feelings
        if each.by_person == of_person
    ]
    return follow([*earlier[-FEELINGS:], *latest])
