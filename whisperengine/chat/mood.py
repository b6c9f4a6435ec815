"""The mood of a character towards one person: moved by what is said, passing with time.

A mood is kept as distances from rest, feeling by feeling; half of each passes in the character's `recovery_minutes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from whisperengine.characters.definition import Definition
from whisperengine.emotion.classifier import EmotionReading

RECOVERY_MINUTES = 60.0
FAINT = 0.02
"""Distances below this are gone."""
LATEST = 1e11
"""Seconds since 1970, about the year 5100."""
SHOWN = 0.12
STRONG = 0.35

# What the feeling of one message does to the one who hears it, at full intensity.
MOVED: Mapping[str, Mapping[str, float]] = {
    "joy": {"joy": 0.3, "optimism": 0.1},
    "love": {"love": 0.3, "joy": 0.15, "trust": 0.1},
    "optimism": {"optimism": 0.25, "joy": 0.1},
    "trust": {"trust": 0.25, "love": 0.05},
    "anticipation": {"anticipation": 0.25},
    "surprise": {"surprise": 0.25},
    "sadness": {"sadness": 0.25, "love": 0.05},
    "fear": {"fear": 0.2, "sadness": 0.05},
    "pessimism": {"pessimism": 0.1, "sadness": 0.15},
    "anger": {"sadness": 0.15, "fear": 0.1},
    "disgust": {"sadness": 0.15, "disgust": 0.1},
}
# Anger answers anger in those who are not agreeable.
ANGERED = {"anger": 0.3, "disgust": 0.1}
DARK = frozenset({"anger", "disgust", "fear", "pessimism", "sadness"})

# Kinds of triggers that authors write, beside the names of feelings themselves.
KINDS: Mapping[str, str] = {
    "enthusiasm": "joy",
    "excitement": "anticipation",
    "happiness": "joy",
    "support": "love",
    "comfort": "love",
    "concern": "fear",
    "worry": "fear",
    "anxiety": "fear",
    "frustration": "anger",
    "grief": "sadness",
    "hope": "optimism",
    "curiosity": "anticipation",
    "positive": "joy",
    "negative": "sadness",
}

WORDS: Mapping[str, tuple[str, str]] = {
    "anger": ("a little annoyed", "angry"),
    "anticipation": ("expectant", "full of anticipation"),
    "disgust": ("put off", "repelled"),
    "fear": ("uneasy", "worried"),
    "joy": ("in good spirits", "very happy"),
    "love": ("warm towards them", "full of affection for them"),
    "optimism": ("hopeful", "full of hope"),
    "pessimism": ("doubtful", "gloomy"),
    "sadness": ("a little sad", "sad"),
    "surprise": ("taken by surprise", "astonished"),
    "trust": ("at ease with them", "full of trust in them"),
}


@dataclass(frozen=True, slots=True)
class Mood:
    """`off` are distances from rest (-1..1) by feeling, as of `at`."""

    off: Mapping[str, float] = field(default_factory=dict)
    at: datetime | None = None

    def later(self, now: datetime, definition: Definition) -> Mood:
        """The mood after the time that has passed."""
        if self.at is None or not self.off:
            return Mood({}, now)
        half = float(definition.at("emotions.recovery_minutes", RECOVERY_MINUTES))
        kept = 0.5 ** (max((now - self.at).total_seconds(), 0.0) / 60 / half)
        return Mood({name: value * kept for name, value in self.off.items() if abs(value * kept) >= FAINT}, now)

    def moved(self, by: Mapping[str, float], definition: Definition) -> Mood:
        """The mood after something that stirs feelings by so much; the stronger a feeling is, the less more it gets."""
        off = dict(self.off)
        for name, amount in by.items():
            room = 1 - min(max(_rest(definition, name) + off.get(name, 0.0), 0.0), 1.0)
            off[name] = round(off.get(name, 0.0) + amount * room, 4)
        return Mood(off, self.at)

    @property
    def direction(self) -> str:
        """The mood as one sentence to the character; "" at rest."""
        strongest = sorted(((value, name) for name, value in self.off.items() if value >= SHOWN), reverse=True)[:2]
        if not strongest:
            return ""
        words = [WORDS[name][value >= STRONG] for value, name in strongest if name in WORDS]
        return f"Just now you feel {' and '.join(words)}. Let it colour how you speak; do not announce it."

    def as_json(self) -> dict[str, Any]:
        return {"off": dict(self.off), "at": self.at.timestamp() if self.at else None} if self.off else {}


def from_json(value: Any) -> Mood:
    """A stored mood; what has another form counts as rest."""
    if not isinstance(value, Mapping):
        return Mood()
    off, at = value.get("off"), value.get("at")
    if not isinstance(off, Mapping) or not isinstance(at, int | float) or not 0 <= at <= LATEST:
        return Mood()
    found = {name: amount for name, amount in off.items() if name in WORDS and isinstance(amount, int | float)}
    return Mood(
        {name: min(max(float(amount), -1.0), 1.0) for name, amount in found.items()}, datetime.fromtimestamp(at, UTC)
    )


def by_feeling(feeling: EmotionReading, definition: Definition) -> dict[str, float]:
    """How a message with that feeling stirs this character: sensitive ones more, disagreeable ones to anger."""
    moved = MOVED.get(feeling.primary, {})
    if feeling.primary == "anger" and trait(definition, "agreeableness") < 0.4:
        moved = ANGERED
    strength = feeling.intensity * feeling.confidence
    sensitive = 0.7 + 0.6 * trait(definition, "neuroticism")
    return {name: amount * strength * (sensitive if name in DARK else 1.0) for name, amount in moved.items()}


def by_trigger(trigger: Mapping[str, Any]) -> dict[str, float]:
    """How one of the author's emotional triggers stirs it: `kind` names the feeling, `intensity` (0..10) how much."""
    kind = str(trigger.get("kind") or "").strip().lower()
    name = kind if kind in WORDS else KINDS.get(kind)
    intensity = trigger.get("intensity")
    strength = float(intensity) / 10 if isinstance(intensity, int | float) else 0.5
    return {name: 0.5 * strength} if name else {}


def trait(definition: Definition, name: str) -> float:
    """One of the five great traits in 0..1; 0.5 where the author said nothing."""
    value = definition.at(f"personality.big_five.{name}")
    if isinstance(value, Mapping):
        value = value.get("value")
    return float(value) if isinstance(value, int | float) else 0.5


def _rest(definition: Definition, name: str) -> float:
    value = definition.at(f"emotions.baseline.{name}")
    return float(value) if isinstance(value, int | float) else 0.2
