"""A prompt of a character that needs no database: for tests of what reaches the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from whisperengine.characters.definition import Definition, parse
from whisperengine.chat.prompt import Composed, compose
from whisperengine.chat.state import State
from whisperengine.emotion.classifier import EmotionReading
from whisperengine.emotion.trajectory import Felt, follow
from whisperengine.memory.facts import Fact
from whisperengine.memory.groundwork import Summary, Turn
from whisperengine.memory.people import Person
from whisperengine.memory.recall import Memory, Recollection
from whisperengine.memory.relationship import Relationship

NOW = datetime(2026, 6, 15, 18, 30, tzinfo=UTC)
CALM = EmotionReading("neutral", 0.1, 0.9, (), {"neutral": 0.9}, {}, "head")
SAM = Person(1, "Sam", "UTC")


def feeling(name: str, intensity: float = 0.9) -> EmotionReading:
    return EmotionReading(name, intensity, 0.95, (), {name: 0.95}, {}, "head")


def character(**fields: Any) -> Definition:
    """Mira Vale, a lighthouse keeper, with further sections of CDL."""
    identity = {"full_name": "Mira Vale", "description": "A lighthouse keeper.", **fields.pop("identity", {})}
    return parse({"cdl": "3.0", "name": "mira", "identity": identity, **fields})


def memory(number: int, text: str, days: int = 30, *, by_person: bool = True) -> Memory:
    return Memory(number, by_person, text, NOW - timedelta(days=days), "api:x", False, 2.0, {})


def fact(text: str) -> Fact:
    told = NOW - timedelta(days=3)
    return Fact(1, "place", "lives_in", text, text, 0.9, False, False, "pattern", told, None, None, [])


def talk(*texts: str) -> list[Turn]:
    """What was said so far, the person first."""
    return [Turn(number, number % 2 == 0, text, NOW, None) for number, text in enumerate(texts)]


def composed(
    definition: Definition | None = None,
    message: str = "Hello",
    *,
    budget: int = 4000,
    read: EmotionReading = CALM,
    scene: str = "",
    person: Person = SAM,
    felt: Sequence[Felt] = (),
    memories: Sequence[Memory] = (),
    facts: Sequence[Fact] = (),
    summaries: Sequence[Summary] = (),
    recent: Sequence[Turn] = (),
    relationship: Relationship | None = None,
    turns: int = 0,
    state: State | None = None,
    now: datetime = NOW,
    similarity: Mapping[str, float] | None = None,
) -> Composed:
    """`turns` have been answered before; `state` is what the last of them left."""
    recollection = Recollection(
        list(memories),
        list(recent),
        relationship or Relationship(interactions=turns, last_at=NOW if turns else None),
        10,
        facts=list(facts),
        summaries=list(summaries),
        state=state.as_json() if state else {},
    )
    return compose(
        definition or character(),
        person=person,
        recollection=recollection,
        feeling=read,
        trajectory=follow(felt),
        message=message,
        scene=scene,
        now=now,
        budget=budget,
        similarity=similarity,
    )


def everything(prompt: Composed) -> str:
    return "\n".join(message["content"] for message in prompt.messages)


def system(prompt: Composed) -> str:
    return prompt.messages[0]["content"]


def stable(prompt: Composed) -> str:
    """What is the same from turn to turn."""
    head, mark, _ = system(prompt).partition("</character>")
    return head + mark
