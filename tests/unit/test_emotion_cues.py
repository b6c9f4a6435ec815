"""What is read from the text itself, with made-up network scores."""

from __future__ import annotations

import numpy as np
import pytest

from whisperengine.emotion import cues
from whisperengine.emotion.classifier import interpret
from whisperengine.emotion.labels import FINE, FINE_INDEX


def scores(**values: float) -> np.ndarray:
    row = np.full(len(FINE), 0.01)
    for label, value in values.items():
        row[FINE_INDEX[label]] = value
    return row


@pytest.mark.parametrize(
    ("text", "families"),
    [
        ("I'm not sad.", {"sadness"}),
        ("I am no longer afraid of the dark", {"fear"}),
        ("I don't really hate it", {"anger"}),
        ("I haven't felt joy in months.", {"joy"}),
        ("I'm not only sad but angry", set()),
        ("I can't stop crying", set()),
        ("I've never been so happy", set()),
        ("I am sad", set()),
        ("not my table", set()),
        ("it is fine if you don't like it", set()),
        ("not funny, just sad", set()),
    ],
)
def test_a_denied_feeling_is_found_and_an_emphatic_one_is_not_denied(text: str, families: set[str]) -> None:
    assert cues.denied(text) == families


@pytest.mark.parametrize(
    ("text", "families"),
    [
        ("My sister is furious.", {"anger"}),
        ("Tom is scared of dogs.", {"fear"}),
        ("She told me she feels sad sometimes.", {"sadness"}),
        ("He hates coriander.", {"anger"}),
        ("My brother is always cheerful, but I'm really angry with him.", {"joy"}),
        ("My mom is sick and I'm scared.", set()),
        ("I'm scared.", set()),
        ("It is so sad", set()),
        ("This is scary", set()),
        ("This actually made me so happy", set()),
        ("She is the love of my life", set()),
        ("My best friend is grieving and it breaks my heart", set()),
    ],
)
def test_other_peoples_feelings_are_told_from_the_writers(text: str, families: set[str]) -> None:
    assert cues.of_others(text) == families


def test_a_denied_sadness_reads_as_neutral_and_a_denied_joy_as_sadness() -> None:
    assert interpret(scores(sadness=0.8, neutral=0.2), "I'm not sad.").primary == "neutral"
    assert interpret(scores(joy=0.6, neutral=0.3), "I'm not happy at all.").primary == "sadness"
    assert interpret(scores(fear=0.8, neutral=0.2), "I don’t feel scared").primary == "neutral"


def test_a_sisters_fury_is_not_the_writers() -> None:
    furious = scores(anger=0.8, annoyance=0.3, neutral=0.2)
    assert interpret(furious, "My sister is furious.").primary == "neutral"
    assert interpret(furious, "I am furious.").primary == "anger"


@pytest.mark.parametrize(
    ("text", "primary"),
    [
        ("just got home 😂", "joy"),
        ("good night ❤️", "love"),
        ("he left 😭", "sadness"),
        ("cancelled again 😡", "anger"),
        ("that noise 😱", "fear"),
        ("the fridge 🤮", "disgust"),
        ("the parcel arrives at noon 📦", "neutral"),
    ],
)
def test_an_emoji_that_the_vocabulary_lacks_is_read(text: str, primary: str) -> None:
    assert interpret(scores(neutral=0.8), text).primary == primary


@pytest.mark.parametrize(
    ("text", "primary"),
    [
        ("*cries*", "sadness"),
        ("_hugs you tightly_", "love"),
        ("*slams the door and storms off*", "anger"),
        ("*trembles*", "fear"),
        ("*sits down and opens the book*", "neutral"),
        ("snake_cries_case", "neutral"),
        ("2 * cries * 3", "neutral"),
    ],
)
def test_a_played_action_is_read_and_mere_punctuation_is_not(text: str, primary: str) -> None:
    assert interpret(scores(neutral=0.8), text).primary == primary


def test_shouting_tips_an_undecided_score_away_from_neutral() -> None:
    undecided = scores(neutral=0.6, anger=0.35)
    assert interpret(undecided, "leave me alone").primary == "neutral"
    assert interpret(undecided, "LEAVE ME ALONE").primary == "anger"
    assert interpret(undecided, "leave me aloooone").primary == "anger"
    assert interpret(scores(neutral=0.9), "THE MEETING IS AT 5 PM").primary == "neutral"


def test_the_outlook_labels_come_from_what_is_said_of_the_future() -> None:
    assert interpret(scores(sadness=0.5, neutral=0.3), "It never works out.").primary == "pessimism"
    assert interpret(scores(excitement=0.6, neutral=0.3), "I can't wait for Friday!").primary == "anticipation"
    assert interpret(scores(caring=0.4, neutral=0.5), "I trust you.").primary == "trust"
    assert interpret(scores(annoyance=0.4, neutral=0.3), "You can't count on him.").primary != "trust"


def test_the_networks_scores_are_not_changed_in_place() -> None:
    row = scores(sadness=0.8)
    before = row.copy()
    interpret(row, "I'm not sad 😂 *cries*")
    assert np.array_equal(row, before)
