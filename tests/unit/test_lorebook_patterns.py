from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whisperengine.characters.pattern_syntax import PatternError
from whisperengine.characters.patterns import MAX_NODES, Budget, Pattern, is_slashed

PLENTY = 10**9

pieces = st.recursive(
    st.sampled_from(
        [
            "a",
            "b",
            "B",
            "_",
            ".",
            "[ab]",
            "[^a]",
            "[a-c_]",
            r"[\d\-x]",
            r"\w",
            r"\W",
            r"\s",
            r"\d",
            r"\b",
            r"\B",
            "^",
            "$",
        ]
    ),
    lambda inner: (
        st.builds("{}{}".format, inner, inner)
        | st.builds("(?:{}|{})".format, inner, inner)
        | st.builds("({}){}".format, inner, st.sampled_from(["*", "+", "?", "*?", "+?", "{2}", "{0,2}", "{1,}"]))
    ),
    max_leaves=8,
)


@settings(max_examples=60)
@given(pieces, st.text("abAB1_ \n", min_size=1, max_size=10), st.booleans())
def test_it_finds_what_a_backtracking_matcher_finds(source, text, case_sensitive):
    # `$` means the very end here, as in JavaScript; Python writes that \Z.
    expected = re.search(source.replace("$", r"\Z"), text, 0 if case_sensitive else re.IGNORECASE)
    assert Pattern(source, case_sensitive=case_sensitive).search(text, Budget(PLENTY)) is bool(expected)


@pytest.mark.parametrize(
    "source",
    [
        "(a+)+b",
        "(a*)*b",
        "(a|aa)+b",
        "(a|a?)+b",
        "([a-zA-Z]+)*b",
        "(.*a){25}b",
        "^(([a-z])+.)+[A-Z]([a-z])+b",
        "(x+x+)+y|(a+a+)+b",
        ".*.*.*.*.*b",
        "(?:a?){40}a{40}b",
        "((a{0,30}){0,30}b)",
        "(a|b|ab)*c",
        r"(\w+\s?)+b$",
        r"^(\d+|\w+)*!$",
    ],
)
def test_patterns_that_stop_other_matchers_cost_work_in_proportion_to_the_text(source):
    used = []
    for length in (1_000, 10_000):
        try:
            pattern = Pattern(source)
        except PatternError:
            return  # refused for its size: that bounds it too
        budget = Budget(PLENTY)
        assert not pattern.search("a" * length, budget)
        used.append(PLENTY - budget.left)
    assert used[1] < 20 * used[0]
    assert used[1] < 1_000_000


def test_a_spent_budget_ends_the_search():
    # Remembers which of the last 40 letters were an a: far more sets of states than are kept.
    pattern = Pattern("a[ab]{40}c")
    text = "".join(random.Random(1).choices("ab", k=20_000))
    budget = Budget(50_000)
    assert not pattern.search(text, budget)
    assert budget.spent
    assert budget.left > -5_000
    assert not Pattern("a").search("a", budget)


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        ("dragon", "DRAGON", True),
        ("/dragon/", "DRAGON", False),
        ("/dragon/i", "DRAGON", True),
        ("/^b/", "a\nb", False),
        ("/^b/m", "a\nb", True),
        ("/a$/m", "a\nb", True),
        ("/a.b/", "a\nb", False),
        ("/a.b/s", "a\nb", True),
        (r"/https?:\/\/x/gi", "HTTP://X", True),
        (r"\bcat\b", "concatenate", False),
        (r"\bcat\b", "the cat.", True),
        ("(?<beast>cat|dog)s?", "two dogs", True),
        (r"caf\u00e9|\x41\u{1F419}", "Café", True),
        (r"\u{1F419}", "an 🐙", True),
        ("[]]", "a]", True),
        ("[^]]", "]", False),
        (r"[\]\\^-]", "-", True),
        ("a{2}", "aa", True),
        ("", "", True),
        ("a||b", "zzz", True),
        ("straße", "STRASSE", False),
        ("é", "É", True),
        ("[à-ý]", "É", True),
        ("狼|龍", "一匹の狼", True),
    ],
)
def test_what_it_finds(source, text, found):
    assert Pattern(source).search(text, Budget(PLENTY)) is found


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (r"(a)\1", "back references"),
        ("a(?=b)", "look-around"),
        ("(?<!a)b", "look-around"),
        ("(?>a)", "this kind of group"),
        ("(?i)a", "this kind of group"),
        ("a++", "possessive"),
        ("(a", "not closed"),
        ("a)", "was not opened"),
        ("[a", "ends in the middle"),
        ("[z-a]", "wrong way round"),
        ("*a", "nothing to repeat"),
        ("^*", "cannot be repeated"),
        ("a{2", "not followed by a number"),
        ("a{x}", "not followed by a number"),
        ("a{3,2}", "out of range"),
        ("a{9999}", "out of range"),
        ("\\", "ends in the middle"),
        (r"\p{L}", r"\\p is not supported"),
        (r"\x4", "not followed by a number"),
        (r"\u{110000}", "not followed by a number"),
        ("(?<x", "has no end"),
        ("/a/q", "flag q"),
        ("(" * 100, "nested too deep"),
        ("a" * 3_000, "longer than"),
        ("(a{100}){100}", "too large"),
        ("(?:" * 40 + "){1000}" * 40, "too large"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused_with_the_reason(source, why):
    with pytest.raises(PatternError, match=why):
        Pattern(source)


@given(st.text(max_size=60) | st.text("()[]{}?*+|\\^$-,ab1<>=!:/", max_size=30))
def test_any_text_is_a_pattern_or_refused(source):
    try:
        pattern = Pattern(source)
    except PatternError:
        return
    assert pattern.size <= MAX_NODES
    assert pattern.search("ab1 /(" * 5, Budget(PLENTY)) in (True, False)


@pytest.mark.parametrize(
    ("key", "expected"),
    [("/a/", True), ("/a/i", True), ("a/b/", False), ("/a", False), ("//", False), ("/a/I", False), ("/", False)],
)
def test_a_key_between_slashes_is_a_pattern(key, expected):
    assert is_slashed(key) is expected
