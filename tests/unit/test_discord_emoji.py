"""Which emoji a character reacts with, and what people's emoji say."""

from __future__ import annotations

from typing import Any

import pytest

from whisperengine.characters.definition import Definition, parse
from whisperengine.discord.emoji import reaction, valence


def character(*patterns: Any, **emoji: Any) -> Definition:
    return parse({"cdl": "3.0", "name": "mira", "voice": {"emoji": {**emoji, "patterns": list(patterns)}}})


OCTOPUS = {"text": "🐙", "context": "a plan has become complicated"}


def share(definition: Definition, feeling: str, exchange: str = "hm") -> float:
    """How often the character reacts, over many messages."""
    return sum(reaction(definition, feeling, exchange, str(key)) is not None for key in range(1000)) / 1000


@pytest.mark.parametrize("pattern", [OCTOPUS, "🐙 when a plan gets complicated"])
def test_an_occasion_that_is_spoken_of_always_gets_its_emoji(pattern: Any) -> None:
    assert share(character(pattern, frequency="minimal"), "neutral", "My plan got COMPLICATED.") == 1


def test_one_word_in_passing_is_no_occasion() -> None:
    assert share(character(OCTOPUS), "joy", "I plan to sleep.") == 0


@pytest.mark.parametrize(
    ("pattern", "feeling"),
    [
        ("😂", "joy"),
        ({"text": "🕯️", "context": "someone grieves"}, "sadness"),
        ({"text": "✨", "category": "joy"}, "joy"),
    ],
)
def test_an_emoji_that_suits_the_feeling_is_used_as_often_as_the_character_does(pattern: Any, feeling: str) -> None:
    often, seldom = (share(character(pattern, frequency=how), feeling) for how in ("high", "minimal"))
    assert 0.6 < often < 0.8
    assert 0 < seldom < 0.1
    assert share(character(pattern, frequency="high"), "disgust") == 0


def test_the_same_message_always_gets_the_same() -> None:
    definition = character("😂", frequency="moderate")
    assert [reaction(definition, "joy", "", str(key)) for key in range(50)] == [
        reaction(definition, "joy", "", str(key)) for key in range(50)
    ]


@pytest.mark.parametrize("habit", [{"frequency": "none"}, {"frequency": "high", "combination": "text_only"}])
def test_a_character_without_emoji_never_reacts(habit: dict[str, str]) -> None:
    assert share(character(OCTOPUS, "😂", **habit), "joy", "a complicated plan") == 0


def test_a_pattern_that_begins_with_words_is_no_reaction() -> None:
    assert share(character("smileys, sparingly", frequency="high"), "joy") == 0


@pytest.mark.parametrize(
    ("text", "emoji"),
    [("❤️‍🔥 love", "❤️‍🔥"), ("👍🏽 agreed", "👍🏽"), ("🇵🇹 love", "🇵🇹")],
)
def test_a_composed_emoji_stays_whole(text: str, emoji: str) -> None:
    exchange = "love and agreed"
    assert reaction(character(text), "neutral", exchange, "1") == emoji


@pytest.mark.parametrize(
    ("emoji", "sign"), [("❤️", 1), ("👍🏽", 1), ("😂", 1), ("👎", -1), ("😡", -1), ("🪑", 0), ("wave", 0)]
)
def test_what_an_emoji_says_of_an_answer(emoji: str, sign: int) -> None:
    found = valence(emoji)
    assert -1 <= found <= 1
    assert (found > 0) - (found < 0) == sign
