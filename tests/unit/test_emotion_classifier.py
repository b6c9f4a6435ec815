from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from whisperengine.emotion.classifier import EmotionReading, from_json, from_outside, interpret, to_json
from whisperengine.emotion.intensity import COEFFICIENTS, FEATURES
from whisperengine.emotion.labels import FINE, FINE_INDEX, MAPPING, MATRIX, OUTSIDE, to_outside

SCORES = st_numpy.arrays(np.float32, len(FINE), elements=st.floats(0, 1, width=32))


def one(label: str, value: float = 0.9) -> np.ndarray:
    row = np.full(len(FINE), 0.01)
    row[FINE_INDEX[label]] = value
    return row


def test_each_fine_label_is_shared_out_whole_among_outside_labels() -> None:
    assert set(MAPPING) == set(FINE)
    assert {outside for row in MAPPING.values() for outside in row} == set(OUTSIDE)
    assert np.allclose(MATRIX.sum(axis=1), 1)


@pytest.mark.parametrize(
    ("fine", "outside"),
    [("annoyance", "anger"), ("nervousness", "fear"), ("grief", "sadness"), ("caring", "love"), ("neutral", "neutral")],
)
def test_a_clear_fine_label_is_read_as_its_outside_label(fine: str, outside: str) -> None:
    reading = interpret(one(fine), "some words")
    assert reading.primary == outside
    assert reading.fine[fine] == pytest.approx(0.9)
    assert reading.source == "head"


@given(SCORES, st.text(max_size=200))
def test_a_reading_is_always_within_its_bounds_and_survives_storage(scores: np.ndarray, text: str) -> None:
    reading = interpret(scores, text)
    assert reading.primary in OUTSIDE
    assert 0 <= reading.intensity <= 1
    assert 0 <= reading.confidence <= 1
    assert all(0 <= value <= 1 for value in (*reading.outside.values(), *reading.fine.values()))
    assert len(reading.mixed) <= 3
    assert "neutral" not in dict(reading.mixed)
    assert reading.primary not in dict(reading.mixed)
    assert [value for _, value in reading.mixed] == sorted((value for _, value in reading.mixed), reverse=True)
    assert from_json(json.loads(json.dumps(to_json(reading)))) == reading


def test_two_feelings_at_once_are_both_told() -> None:
    scores = one("joy", 0.6)
    scores[FINE_INDEX["fear"]] = 0.5
    reading = interpret(scores, "some words")
    assert reading.primary == "joy"
    assert dict(reading.mixed)["fear"] == pytest.approx(0.5, abs=0.02)


def test_a_clearer_winner_is_a_surer_one() -> None:
    sure = interpret(one("anger", 0.95), "some words")
    unsure = interpret(one("anger", 0.3) + one("sadness", 0.25), "some words")
    assert sure.confidence > unsure.confidence


def test_strength_grows_with_emphasis_and_shrinks_with_hedging() -> None:
    anger = one("anger")
    plain = interpret(anger, "I am angry").intensity
    assert interpret(anger, "I am so extremely angry!!!").intensity > plain
    assert interpret(anger, "I am a bit angry, I guess").intensity < plain
    assert interpret(one("neutral"), "The train leaves at seven.").intensity < 0.25


def test_the_intensity_function_has_one_coefficient_per_feature() -> None:
    assert len(COEFFICIENTS) == len(FEATURES)


def test_a_model_that_speaks_outside_labels_only_gives_the_same_kind_of_reading() -> None:
    reading = from_outside({"anger": 0.9, "disgust": 0.6, "unknown": 1.0}, "some words", "roberta")
    assert isinstance(reading, EmotionReading)
    assert reading.primary == "anger"
    assert dict(reading.mixed) == {"disgust": 0.6}
    assert reading.outside["neutral"] == pytest.approx(0.1)
    assert reading.fine == {}
    assert from_json(to_json(reading)) == reading


def test_nothing_felt_by_such_a_model_is_neutral() -> None:
    assert from_outside({"anger": 0.1, "joy": 0.2}, "some words", "roberta").primary == "neutral"


def test_outside_scores_are_computed_for_many_rows_at_once() -> None:
    rows = np.stack([one("anger"), one("joy")])
    assert to_outside(rows).shape == (2, len(OUTSIDE))
    assert [OUTSIDE[i] for i in to_outside(rows).argmax(axis=1)] == ["anger", "joy"]
