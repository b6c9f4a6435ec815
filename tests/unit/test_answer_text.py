"""What of a model's output is shown, however the model's server cuts it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from whisperengine.llm.answer_text import AnswerText


def shown(output: str, *cuts: int, limit: int = 10_000) -> str:
    text = AnswerText(limit)
    edges = [0, *sorted(cut % (len(output) + 1) for cut in cuts), len(output)]
    pieces = [text.feed(output[start:end]) for start, end in pairwise(edges)] + [text.close()]
    assert "".join(pieces) == text.text
    return text.text


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        ("Hello.", "Hello."),
        (" \n Hello. \n", "Hello."),
        ("<think>Who is it?</think>\n\nHello.", "Hello."),
        ("\n<think></think><think>Again.</think>Hello.", "Hello."),
        ("<think>I never stop", ""),
        ("<thi", "<thi"),
        ("<3 you", "<3 you"),
        ("Say <think>this</think>.", "Say <think>this</think>."),
        ("a\0b", "ab"),
        ("\ud83d\ude00 \ud83d, \ude00", "😀 \ufffd, \ufffd"),
        ("", ""),
    ],
)
def test_only_the_answer_is_shown(output: str, answer: str):
    assert shown(output) == answer
    assert shown(output, *range(len(output))) == answer


def test_reasoning_that_never_ends_is_recognised():
    text = AnswerText(100)
    text.feed("<think>")
    assert text.thinking


def test_an_answer_is_cut_at_its_limit():
    assert shown("0123456789", 4, limit=8) == "01234567"


def test_white_space_without_end_fills_an_answer_too():
    text = AnswerText(100)
    text.feed("a" + " " * 100)
    assert text.full


@settings(max_examples=50)
@given(st.text("<think>/ \n\0aé😀", max_size=60), st.lists(st.integers(0, 60)))
@example("<think>a</think> <think>b</think> c d ", [3, 9, 20])
def test_where_the_output_is_cut_changes_nothing(output: str, cuts: list[int]):
    assert shown(output, *cuts) == shown(output)
