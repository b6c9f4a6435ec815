from __future__ import annotations

import random
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperengine.characters.macros import Values, expand, scanned

NOON = datetime(2026, 3, 4, 12, 5)


def values(**changes: object) -> Values:
    return Values(**{"char": "Mira", "user": "Sam", "now": NOON, "chance": random.Random(1), **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{char}} and {{user}}", "Mira and Sam"),
        ("{{CHAR}} {{ User }} {{bot}}", "Mira Sam Mira"),
        ("<USER> <bot> <char> <b>", "Sam Mira Mira <b>"),
        ("{{time}} {{date}} {{weekday}}", "12:05 4 March 2026 Wednesday"),
        ("{{isodate}} {{isotime}}", "2026-03-04 12:05"),
        ("a{{newline}}b{{noop}}c", "a\nbc"),
        ("a{{// not shown}}b{{comment: nor this}}c{{hidden_key:x}}", "abc"),
        ("{{reverse:abc}}", "cba"),
        ("{{random:only}}", "only"),
        ("{{random:a\\,b}}", "a,b"),
        ("{{random::{{char}}}}", "Mira"),
        ("{{unknown}} {{unknown:x}} {{", "{{unknown}} {{unknown:x}} {{"),
        ("{{random:{{user}}", "{{random:{{user}}"),
        ("{{roll:0}} {{roll:x}} {{roll:101d6}}", "{{roll:0}} {{roll:x}} {{roll:101d6}}"),
        ("no macros", "no macros"),
        ("}} {{char}} }}", "}} Mira }}"),
    ],
)
def test_what_macros_stand_for(text, expected):
    assert expand(text, values()) == expected


def test_names_are_never_read_as_macros():
    tricky = values(user="{{char}},{{random:x,y}}<bot>")
    assert expand("{{user}}", tricky) == "{{char}},{{random:x,y}}<bot>"
    assert expand("{{random:{{user}},{{user}}}}", tricky) == "{{char}},{{random:x,y}}<bot>"


def test_random_takes_each_of_its_parts_in_turn():
    for text in ("{{random:a,b,c}}", "{{random::a::b::c}}", "{{random: a , b , c }}"):
        found = {expand(text, values(chance=random.Random(seed))) for seed in range(40)}
        assert found == {"a", "b", "c"}


def test_pick_stays_with_its_choice():
    text = "{{pick:a,b,c,d,e,f}}"
    assert len({expand(text, values(chance=random.Random(seed), seed="s")) for seed in range(20)}) == 1
    assert len({expand(text, values(seed=str(seed))) for seed in range(40)}) > 3


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("{{roll:6}}", 1, 6),
        ("{{roll:d6}}", 1, 6),
        ("{{roll:D20}}", 1, 20),
        ("{{roll 6}}", 1, 6),
        ("{{roll::2d6+3}}", 5, 15),
        ("{{roll:1d4-1}}", 0, 3),
    ],
)
def test_rolls(text, low, high):
    rolled = [int(expand(text, values(chance=random.Random(seed)))) for seed in range(300)]
    assert (min(rolled), max(rolled)) == (low, high)


def test_more_names_can_be_given():
    assert expand("{{original}}!", values(more={"original": "Be kind"})) == "Be kind!"


def test_hidden_keys_are_laid_open_for_scanning():
    assert scanned("a {{hidden_key:wolf}} {{// moon}} {{comment: sun}} {{char}}") == "a wolf   {{char}}"


@pytest.mark.parametrize(
    "text",
    [
        "{{" * 50_000,
        "}}" * 50_000,
        "{{random:" * 20_000 + "}}" * 20_000,
        "{{hidden_key" + ":" * 100_000,
        "<" * 100_000,
        "{{random:" + "," * 100_000 + "}}",
    ],
)
def test_hostile_texts_end(text):
    assert isinstance(expand(text, values()) + scanned(text), str)


@given(st.text("{}:,ab/ <>userrandom", max_size=60))
def test_any_text_can_be_expanded(text):
    assert isinstance(expand(text, values()), str)
