from __future__ import annotations

from whisperengine.characters.definition import Definition, parse
from whisperengine.characters.diff import difference


def mira(**sections: object) -> Definition:
    return parse({"cdl": "3.0", "name": "mira", **sections})


def told(old: Definition, new: Definition) -> list[str]:
    return [str(change) for change in difference(old, new)]


def test_a_person_can_read_what_changed():
    old = mira(voice={"tone": "dry", "pace": "slow"}, goals=["fly", "swim"], identity={"age": 3})
    new = mira(voice={"tone": "warm", "accent": "none"}, goals=["swim", {"text": "rest"}], identity={"age": 3})
    assert told(old, new) == [
        '~ voice.tone: "dry" -> "warm"',
        '- voice.pace: "slow"',
        '+ voice.accent: "none"',
        '- goals[0]: "fly"',
        '+ goals[1]: {"text": "rest"}',
    ]


def test_an_inserted_entry_does_not_make_its_neighbours_look_changed():
    assert told(mira(goals=["a", "b", "c"]), mira(goals=["x", "a", "b", "c"])) == ['+ goals[0]: "x"']


def test_a_change_inside_an_entry_names_its_field():
    old = mira(lorebook={"entries": [{"keys": ["a"], "content": "x"}, {"keys": ["b"], "content": "y"}]})
    new = mira(lorebook={"entries": [{"keys": ["a"], "content": "x"}, {"keys": ["b"], "content": "z"}]})
    assert told(old, new) == ['~ lorebook.entries[1].content: "y" -> "z"']


def test_long_values_are_cut():
    (line,) = told(mira(), mira(identity={"description": "x" * 9_000}))
    assert len(line) < 300
    assert line.endswith("…")


def test_true_is_not_one():
    assert len(told(mira(extensions={"a": True}), mira(extensions={"a": 1}))) == 1


def test_very_long_lists_are_compared_in_bounded_time():
    old = mira(lorebook={"entries": [{"content": "same"}] * 2_000})
    new = mira(lorebook={"entries": [{"content": "other"}] * 2_000})
    assert len(told(old, new)) == 2_000
