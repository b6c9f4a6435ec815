import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperengine.chat.incoming import clean_id, clean_text
from whisperengine.errors import RequestError, TooLargeError


@given(st.text(st.characters(), max_size=200))
def test_clean_text_can_always_be_stored_and_is_stable(text):
    try:
        cleaned = clean_text(text)
    except RequestError:
        return
    assert "\0" not in cleaned
    cleaned.encode("utf-8")
    assert clean_text(cleaned) == cleaned


def test_emoji_line_breaks_and_tabs_stay():
    assert clean_text("  a\r\n\tb 👩‍🚀 é ") == "a\n\tb 👩‍🚀 é"


def test_direction_overrides_that_would_disguise_text_go():
    assert clean_text("abc\u202edef\u2066") == "abcdef"


def test_a_text_that_is_too_long_or_empty_is_refused_with_the_limit():
    with pytest.raises(TooLargeError, match="8,000"):
        clean_text("x" * 8001)
    with pytest.raises(RequestError, match="empty"):
        clean_text(" \n\0 ")


@pytest.mark.parametrize("value", ["", "  ", "x" * 201, "a\nb", "a\0b", "a\u202eb"])
def test_an_id_that_could_not_be_shown_is_refused(value):
    with pytest.raises(RequestError):
        clean_id(value, "user_id")


def test_an_id_may_be_anything_that_can_be_read():
    assert clean_id(" discord:123-ü@例 ", "user_id") == "discord:123-ü@例"
