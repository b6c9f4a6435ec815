from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whisperengine.characters.text_files import InvalidFile, read_json, read_yaml, storable, write_json, write_yaml
from whisperengine.errors import TooLargeError

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    | st.sampled_from(
        [
            "no",
            "yes",
            "on",
            "~",
            "null",
            "True",
            "1_000",
            "0x10",
            "0o7",
            "1e5",
            "1:30",
            "2024-01-01",
            "=",
            "<<",
            "- a",
            "a: b",
            "#",
            ".5",
            "+.inf",
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=30)
@given(plain)
def test_what_is_written_is_read_as_the_same(value):
    assert read_yaml(write_yaml(value)) == value
    assert read_json(write_json(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: no", {"a": "no"}),
        ("a: 0.80", {"a": 0.8}),
        ("a: '0.80'", {"a": "0.80"}),
        ("a: 2024-01-01", {"a": "2024-01-01"}),
        ("1: x", {"1": "x"}),
        ("a:", {"a": None}),
        ("a: >\n  b\n  c\n", {"a": "b c\n"}),
        ("- 1\n- [true, null]", [1, [True, None]]),
        ("", None),
        ("---\na: 1\n...", {"a": 1}),
        ("a: 999999999999999999999999999999", {"a": 999999999999999999999999999999}),
    ],
)
def test_yaml_means_what_it_looks_like(text, value):
    assert read_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &x 1\nb: *x", "anchors or aliases in line 1"),
        ("a: *x", "anchors or aliases"),
        ("a: !!python/name:os.system x", "tag"),
        ("a: 1\na: 2", "twice in line 2"),
        ("a: 1\n---\nb: 2", "several documents"),
        ("? [a]\n: b", "a key that is no text"),
        ("a: [", "not valid YAML in line"),
        ("\x01", "not valid YAML"),
        ("[" * 100_000, "nested more than"),
        ("- " * 100_000, "nested more than"),
        ("{a: " * 100_000, "nested more than"),
    ],
)
def test_yaml_that_is_tricky_is_refused_with_the_line(text, told):
    with pytest.raises(InvalidFile, match=told):
        read_yaml(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not valid JSON"),
        ("NaN", "NaN is not"),
        ("-Infinity", "Infinity"),
        ("9" * 5_000, "not valid JSON"),
        ("[" * 100_000, "nested too deep"),
    ],
)
def test_json_that_is_broken_is_refused_with_the_reason(text, told):
    with pytest.raises(InvalidFile, match=told):
        read_json(text)


def test_texts_with_too_many_parts_are_refused_before_they_take_memory():
    with pytest.raises(TooLargeError):
        read_json("[" + "{}," * 1_000_000 + "{}]")
    with pytest.raises(TooLargeError):
        read_yaml("x" * 5_000_000)


def test_what_the_database_cannot_hold_is_replaced():
    assert storable({"a\0": ["\ud800", 1, None]}) == ({"a\ufffd": ["\ufffd", 1, None]}, True)
    assert storable({"a": ["🐙"]}) == ({"a": ["🐙"]}, False)
    deep: list = []
    for _ in range(100):
        deep = [deep]
    with pytest.raises(InvalidFile, match="nested"):
        storable(deep)
