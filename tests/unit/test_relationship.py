import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperengine.emotion.labels import OUTSIDE
from whisperengine.memory.relationship import PULL, Relationship, step

unit = st.floats(0, 1)


@given(unit, unit, unit, st.sampled_from(OUTSIDE), unit, st.integers(0, 8000))
def test_no_turn_leads_out_of_zero_to_one(trust, affection, attunement, feeling, intensity, chars):
    now = Relationship(trust, affection, attunement)
    change = step(now, feeling, intensity, chars)
    for value, moved in ((trust, change.trust), (affection, change.affection), (attunement, change.attunement)):
        assert -1e-9 <= value + moved <= 1 + 1e-9


def test_every_outside_label_has_its_pull():
    assert set(PULL) == set(OUTSIDE)


def test_kindness_brings_people_closer_and_hostility_apart():
    assert step(Relationship(), "love", 0.8, 50).affection > 0
    assert step(Relationship(), "anger", 0.8, 50).trust < 0


def test_a_stronger_feeling_moves_more_and_the_same_kindness_counts_less_the_closer_two_are():
    assert step(Relationship(), "joy", 1.0, 50).affection > step(Relationship(), "joy", 0.1, 50).affection
    assert step(Relationship(affection=0.9), "joy", 0.5, 50).affection < step(Relationship(), "joy", 0.5, 50).affection


@pytest.mark.parametrize(
    ("mean", "name"),
    [
        (0.9, "deep_bond"),
        (0.6, "strong_connection"),
        (0.5, "growing_relationship"),
        (0.2, "acquaintance"),
        (0.0, "new_connection"),
    ],
)
def test_the_depth_has_the_originals_names(mean, name):
    assert Relationship(mean, mean, mean).depth == name
