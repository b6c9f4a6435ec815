"""Which emoji a character puts to a message, as its definition says, and what a person's emoji says of an answer."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

from whisperengine.characters.definition import Definition
from whisperengine.emotion.labels import MAPPING
from whisperengine.emotion.trajectory import VALENCE
from whisperengine.emotion.vocabulary import EMOJI

# How often an emoji that suits the feeling is used, by `voice.emoji.frequency`.
CHANCES = {"none": 0.0, "minimal": 0.05, "low": 0.15, "moderate": 0.35, "high": 0.7, "selective_symbolic": 0.1}
UNSAID = 0.2

_ONE = re.compile(r"[\U0001F1E6-\U0001F1FF]{2}|[^\w\s!-~](?:\ufe0f|[\U0001F3FB-\U0001F3FF]|\u200d[^\w\s!-~])*")
_VARIANT = re.compile(r"[\ufe0f\u200d\U0001F3FB-\U0001F3FF]")
_WORD = re.compile(r"[^\W\d_]{4,}")
_IDLE = frozenset(
    {"when", "with", "something", "someone", "somebody", "they", "have", "been", "that", "this", "become"}
)
# Beginnings of the words with which authors name the occasion of a feeling.
_WORDS = {
    "anger": ("anger", "angry", "annoy", "irritat", "furious", "frustrat"),
    "anticipation": ("anticipat", "eager", "curio", "expect", "plan"),
    "disgust": ("disgust", "repel"),
    "fear": ("fear", "afraid", "worr", "anxi", "nervous", "concern"),
    "joy": (
        "joy",
        "happ",
        "glad",
        "delight",
        "excit",
        "amus",
        "humo",
        "laugh",
        "celebrat",
        "cheer",
        "proud",
        "success",
    ),
    "love": ("love", "loving", "affection", "care", "caring", "tender", "warm"),
    "optimism": ("hope", "optimis", "encourag"),
    "pessimism": ("pessimis", "despair", "hopeless", "doubt"),
    "sadness": ("sad", "sorrow", "grie", "loss", "comfort", "sympath", "empath", "disappoint"),
    "surprise": ("surpris", "amaz", "astonish", "wonder"),
    "trust": ("trust", "grat", "thank", "support", "agree", "approv", "admir"),
}


def reaction(definition: Definition, feeling: str, exchange: str, key: str) -> str | None:
    """The emoji that the character puts to a message, or None.

    `feeling` is what its answer expresses, `exchange` the message and the answer. An occasion of `voice.emoji.patterns`
    that the exchange speaks of always gets its emoji; one that only suits the feeling as often as
    `voice.emoji.frequency` says. `key` names the message: the same one always gets the same.
    """
    frequency = definition.text("voice.emoji.frequency")
    if frequency == "none" or definition.text("voice.emoji.combination") == "text_only":
        return None
    patterns = list(_patterns(definition))
    spoken = {word[:5] for word in _WORD.findall(exchange.lower())}
    for emoji, occasion in patterns:
        words = {word[:5] for word in _WORD.findall(occasion) if word not in _IDLE}
        if words and len(words & spoken) >= min(2, len(words)):
            return emoji
    if _dice(key) >= CHANCES.get(frequency, UNSAID):
        return None
    for emoji, occasion in patterns:
        if feeling == _feeling_of(emoji) or occasion.startswith(_WORDS.get(feeling, ())) or _names(occasion, feeling):
            return emoji
    return None


def valence(emoji: str) -> float:
    """What an emoji says of the answer under it, from -1 (bad) to 1 (good); 0 where it says neither."""
    weights = MAPPING.get(EMOJI.get(_VARIANT.sub("", emoji), ""), {})
    return round(sum(weight * VALENCE[label] for label, weight in weights.items()), 2)


def _patterns(definition: Definition) -> Iterator[tuple[str, str]]:
    """(emoji, occasion in lower case); "🐙 when a plan gets complicated" is both in one."""
    for entry in definition.entries("voice.emoji.patterns"):
        text = str(entry.get("text") or "")
        if found := _ONE.match(text.strip()):
            yield found.group(), _occasion(entry, text.strip()[found.end() :])


def _occasion(entry: Mapping[str, object], rest: str) -> str:
    return " ".join(str(entry.get(name) or "") for name in ("context", "category", "name")).lower() + " " + rest.lower()


def _names(occasion: str, feeling: str) -> bool:
    return any(word.startswith(_WORDS.get(feeling, ())) for word in _WORD.findall(occasion))


def _feeling_of(emoji: str) -> str:
    """The feeling that an emoji shows by itself, "" for one that shows none."""
    return next(iter(MAPPING.get(EMOJI.get(_VARIANT.sub("", emoji), ""), ())), "")


def _dice(key: str) -> float:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6]) / 2**48
