"""Server-sent events as real servers send them, cut into pieces of any size."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whisperengine.llm.sse import Event, EventParser, EventTooLarge


def parse(stream: bytes, *cuts: int) -> list[Event]:
    parser = EventParser()
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    events = [event for start, end in pairwise(edges) for event in parser.feed(stream[start:end])]
    return events + parser.close()


def data(stream: bytes) -> list[str]:
    return [event.data for event in parse(stream)]


def test_each_blank_line_ends_an_event():
    assert data(b"data: one\n\ndata: two\n\n") == ["one", "two"]


def test_an_event_is_given_as_soon_as_its_blank_line_is_there():
    parser = EventParser()
    assert parser.feed(b"data: one\n") == []
    assert parser.feed(b"\n") == [Event("message", "one")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_of_the_standard_is_understood(end: bytes):
    assert data(end.join([b"data: one", b"", b"data: two", b"", b""])) == ["one", "two"]


def test_a_missing_blank_line_at_the_end_loses_nothing():
    assert data(b"data: one\n\ndata: [DONE]") == ["one", "[DONE]"]


def test_keep_alive_comments_and_unknown_fields_are_no_events():
    assert data(b": OPENROUTER PROCESSING\n\nid: 7\nretry: 10\nnonsense\n\ndata: one\n\n") == ["one"]


def test_several_data_lines_are_one_event():
    assert data(b"data: one\ndata: two\n\n") == ["one\ntwo"]


def test_only_one_space_after_the_colon_is_removed():
    assert data(b"data:one\n\ndata:  two\n\n") == ["one", " two"]


def test_an_event_has_its_name_and_the_next_one_does_not_inherit_it():
    assert parse(b"event: error\ndata: one\n\ndata: two\n\n") == [Event("error", "one"), Event("message", "two")]


def test_a_byte_order_mark_before_the_first_line_is_ignored():
    assert data(b"\xef\xbb\xbfdata: one\n\n") == ["one"]


def test_bytes_that_are_no_utf8_become_replacement_characters():
    assert data(b"data: caf\xe9\n\n") == ["caf\ufffd"]


def test_a_character_cut_between_two_pieces_stays_whole():
    parser = EventParser()
    stream = "data: é\n\n".encode()
    assert parser.feed(stream[:7]) == []
    assert parser.feed(stream[7:]) == [Event("message", "é")]


def test_a_line_that_does_not_end_is_refused_at_the_limit():
    parser = EventParser(limit=100)
    for _ in range(10):
        parser.feed(b"0123456789")
    with pytest.raises(EventTooLarge):
        parser.feed(b"0")


def test_an_event_of_many_small_lines_is_refused_at_the_limit():
    parser = EventParser(limit=100)
    with pytest.raises(EventTooLarge):
        parser.feed(b"data: 0123456789\n" * 11)


def test_a_long_stream_of_small_events_stays_below_the_limit():
    parser = EventParser(limit=100)
    assert sum(len(parser.feed(b": ping\ndata: 0123456789\n\n")) for _ in range(1000)) == 1000


LINE = st.sampled_from([b"data: a", b"data:", b"data: \xc3\xa9", b": ping", b"event: x", b"", b"id: 1", b"garbage"])


@settings(max_examples=50)
@given(st.lists(st.tuples(LINE, st.sampled_from([b"\n", b"\r\n"]))), st.lists(st.integers(0, 400)))
def test_where_the_stream_is_cut_changes_nothing(lines: list[tuple[bytes, bytes]], cuts: list[int]):
    stream = b"".join(line + end for line, end in lines)
    assert parse(stream, *cuts) == parse(stream)


@settings(max_examples=50)
@given(st.binary(max_size=300), st.lists(st.integers(0, 300)))
def test_any_bytes_are_survived_however_they_are_cut(stream: bytes, cuts: list[int]):
    assert parse(stream, *cuts) == parse(stream)
