"""The moment as the character sees it: the time, who is there, how the two stand, what was stirred by the message.

All of it are plain directions; no number reaches the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from whisperengine.chat.cues import CalledUp
from whisperengine.chat.fences import one_line
from whisperengine.chat.persona import entry
from whisperengine.emotion.classifier import EmotionReading
from whisperengine.emotion.trajectory import Trajectory
from whisperengine.memory.people import Person
from whisperengine.memory.relationship import Relationship

FEELING_DIRECTIONS = {
    "anger": "They sound angry. Stay calm, take it seriously, do not argue back.",
    "anticipation": "They are looking forward to something. Share the expectation.",
    "disgust": "Something repels them. Acknowledge it without lecturing.",
    "fear": "They sound afraid or worried. Slow down, be steady and reassuring.",
    "joy": "They are glad. Be glad with them.",
    "love": "They are affectionate. Receive it warmly.",
    "optimism": "They are hopeful. Support the hope honestly.",
    "pessimism": "They expect the worst. Take the worry seriously before offering another view.",
    "sadness": "They sound sad. Acknowledge it first; comfort before advice.",
    "surprise": "They are surprised. Meet the surprise.",
    "trust": "They trust you with this. Honour it.",
}


def situation(
    here: datetime, person: Person, relationship: Relationship, feeling: EmotionReading, trajectory: Trajectory | None
) -> str:
    """Time, person, relationship and the person's feeling."""
    lines = ["NOW", f"It is {here:%A, %d %B %Y, %H:%M}."]
    lines.append(
        f"You are talking with {one_line(person.display_name)}."
        if person.display_name
        else "You do not know their name yet."
    )
    lines.append(_standing(relationship, here))
    direction = FEELING_DIRECTIONS.get(feeling.primary)
    if direction and feeling.confidence >= 0.5 and feeling.intensity >= 0.25:
        lines.append(direction)
    if trajectory and trajectory.direction:
        lines.append(trajectory.direction)
    return "\n".join(lines)


_TRIGGERS = frozenset({"triggers", "keywords"})


def called_up(found: CalledUp) -> str:
    """What the message called up in the character, as directions for this answer; macros are not replaced yet."""
    return "\n".join(_called_up(found))


def _called_up(found: CalledUp) -> Iterator[str]:
    if found.mode is not None:
        yield "Way of answering now, for as long as this is asked for: " + _line(found.mode, "conduct.modes")
    for trigger in found.feelings:
        yield "What was said stirs you: " + _line(trigger, "emotions.triggers")
    for trigger in found.reactions:
        yield "You react to what was said: " + _line(trigger, "conduct.triggers")
    for scenario in found.scenarios:
        yield "This is the situation, answer so: " + _line(scenario, "conduct.scenarios")
    for memory in found.memories:
        yield "It brings to mind a memory of your own: " + _line(memory, "memories")
    for question in found.questions:
        yield "You may ask, when it fits: " + _line(question, "curiosity.questions")


def _line(item: Mapping[str, Any], path: str) -> str:
    return entry(item, path, without=_TRIGGERS)


def _standing(relationship: Relationship, here: datetime) -> str:
    if not relationship.interactions:
        return "This is your first conversation."
    last = f" You last spoke {ago(relationship.last_at, here)}." if relationship.last_at else ""
    words = {
        "deep_bond": "You know each other well and trust each other deeply.",
        "strong_connection": "You are close.",
        "growing_relationship": "You are getting to know each other.",
        "acquaintance": "You know each other a little; keep a polite distance.",
        "new_connection": "There is tension between you; be careful and fair.",
    }
    return words[relationship.depth] + last


def ago(then: datetime, now: datetime) -> str:
    """How long ago, as people say it."""
    days = (now.date() - then.astimezone(now.tzinfo).date()).days
    if days <= 0:
        minutes = int((now - then).total_seconds() // 60)
        return "just now" if minutes < 5 else f"{minutes} minutes ago" if minutes < 60 else "earlier today"
    if days == 1:
        return "yesterday"
    if days < 14:
        return f"{days} days ago"
    if days < 60:
        return f"{days // 7} weeks ago"
    if days < 730:
        return f"{days // 30} months ago"
    return f"{days // 365} years ago"


def local(moment: datetime, zone: str) -> datetime:
    """`moment` on a person's clock; unchanged where the zone is not known."""
    try:
        return moment.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        return moment
