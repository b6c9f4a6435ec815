from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from whisperengine.emotion.labels import OUTSIDE
from whisperengine.emotion.trajectory import VALENCE, Felt, follow

START = datetime(2026, 5, 1, 12, tzinfo=UTC)


def talk(*feelings: str, gap: timedelta = timedelta(minutes=2), intensity: float = 0.7) -> list[Felt]:
    return [Felt(START + number * gap, feeling, intensity) for number, feeling in enumerate(feelings)]


def test_growing_fear_is_a_clear_fall_with_one_plain_direction():
    found = follow(talk("joy", "neutral", "neutral", "fear", "fear", "fear"))
    assert found.pattern == "falling"
    assert found.direction == "They have become more anxious over the last 6 messages; slow down, acknowledge first."


def test_a_lifting_mood_rises():
    assert follow(talk("sadness", "sadness", "neutral", "joy", "joy", "love")).pattern == "rising"


def test_a_steady_mood_gives_no_direction():
    for feeling in ("joy", "sadness", "neutral"):
        found = follow(talk(*[feeling] * 8))
        assert (found.pattern, found.direction) == ("stable", None)


def test_swings_are_volatile():
    assert follow(talk("joy", "anger", "joy", "anger", "joy", "anger")).pattern == "volatile"


def test_a_few_messages_are_not_enough_to_act_on():
    assert follow(talk("joy", "fear", "fear")).direction is None


def test_what_was_felt_last_month_hardly_counts():
    old = talk("joy", "joy", "joy", "joy", gap=timedelta(minutes=1))
    now = [Felt(each.said_at + timedelta(days=30), "sadness", 0.7) for each in old]
    assert follow([*old, *now]).level < -0.5


def test_the_change_since_the_last_sitting_is_told():
    before = talk("sadness", "sadness", "sadness")
    after = [Felt(START + timedelta(days=1, minutes=number), "joy", 0.7) for number in range(2)]
    found = follow([*before, *after])
    assert found.since_last is not None
    assert found.since_last > 0.8
    assert follow(before).since_last is None


def test_how_long_a_mood_has_lasted_is_counted():
    assert follow(talk("joy", "fear", "anger", "sadness")).lasting == 3


@given(st.lists(st.tuples(st.sampled_from(OUTSIDE), st.floats(0, 1), st.integers(0, 10**7)), max_size=30))
def test_every_figure_stays_in_its_range(rows):
    moments = sorted(seconds for *_, seconds in rows)
    felt = [
        Felt(START + timedelta(seconds=at), feeling, intensity)
        for (feeling, intensity, _), at in zip(rows, moments, strict=True)
    ]
    found = follow(felt)
    assert -1 <= found.level <= 1
    assert -2 <= found.trend <= 2
    assert 0 <= found.volatility <= 1
    assert 0 <= found.confidence <= 1
    assert 0 <= found.lasting <= len(rows)


def test_every_outside_label_has_a_valence():
    assert set(VALENCE) == set(OUTSIDE)
