"""What of a talk that a caller sends whole is new."""

from __future__ import annotations

from whisperengine.chat.thread import channel_of, continued, merged
from whisperengine.memory.threads import Line

HI, HELLO, HOW, FINE = (True, "Hi"), (False, "Hello"), (True, "How are you?"), (False, "Fine")


def lines(*said: tuple[bool, str], channel: str = "c", first: int = 1, interrupted: bool = False) -> list[Line]:
    return [
        Line(first + n, channel, by_person, text, f"k{first + n}" if by_person else None, interrupted)
        for n, (by_person, text) in enumerate(said)
    ]


def go_on(talk, stored, named: bool = False):
    return continued(talk, "c", stored, named=named)


def ids(found) -> list[int]:
    return [line.message_id for line in found.rest]


def test_a_talk_that_nobody_knows_begins_in_its_own_channel():
    assert go_on([HI], {}).channel == "c"


def test_the_next_message_of_a_known_talk_is_new():
    found = go_on([HI, HELLO, HOW], {"c": lines(HI, HELLO)})
    assert (found.channel, found.rest, found.changed) == ("c", (), ())


def test_the_same_message_again_takes_its_answer_back():
    assert ids(go_on([HI, HELLO, HOW], {"c": lines(HI, HELLO, HOW, FINE)})) == [3, 4]
    assert ids(go_on([HI], {"c": lines(HI, HELLO)})) == [1, 2]
    assert ids(go_on([HI], {"c": lines(HI)})) == [1]


def test_other_words_in_the_place_of_a_message_take_back_what_followed_it():
    assert ids(go_on([HI, HELLO, (True, "Who are you?")], {"c": lines(HI, HELLO, HOW, FINE)})) == [3, 4]


def test_a_greeting_that_was_never_stored_and_a_cut_off_beginning_do_not_hide_a_talk():
    greeting = (False, "Welcome, traveller")
    assert go_on([greeting, HI, HELLO, HOW], {"c": lines(HI, HELLO)}).rest == ()
    stored = lines(HI, HELLO, HOW, FINE)
    found = continued([HOW, FINE, (True, "Good")], channel_of([HOW]), {"c": stored}, named=False)
    assert (found.channel, found.rest) == ("c", ())


def test_a_talk_that_begins_with_the_same_words_is_another_talk_and_takes_nothing_back():
    stored = {"c": lines(HI, HELLO, HOW, FINE)}
    for talk in ([HI], [HI, (False, "Oh, you again"), (True, "Me again")]):
        found = go_on(talk, stored)
        assert found.channel.startswith("c-")
        assert (found.rest, found.changed) == ((), ())


def test_one_edited_message_of_the_past_is_found_where_the_rest_agrees():
    found = go_on([HI, HELLO, HOW, (False, "Splendid"), (True, "Good")], {"c": lines(HI, HELLO, HOW, FINE)})
    assert [(line.message_id, text) for line, text in found.changed] == [(4, "Splendid")]
    assert found.rest == ()


def test_an_interrupted_answer_is_known_by_what_of_it_was_heard():
    stored = [*lines(HI), *lines((False, "Once upon a time"), first=2, interrupted=True)]
    for heard in ("Once upon", "Once upon a time there"):
        assert go_on([HI, (False, heard), HOW], {"c": stored}).rest == ()


def test_the_thread_that_agrees_most_is_the_one():
    stored = {"c": lines(HI, (False, "Hello")), "c-2": lines(HI, HELLO, HOW, FINE, first=10)}
    assert go_on([HI, HELLO, HOW, FINE, (True, "Good")], stored).channel == "c-2"


def test_in_a_named_talk_a_message_without_its_past_is_simply_the_next():
    found = go_on([(True, "Next")], {"c": lines(HI, HELLO)}, named=True)
    assert (found.channel, found.rest) == ("c", ())


def test_neighbours_of_one_speaker_are_one_message():
    assert merged([HI, HOW, HELLO]) == [(True, "Hi\n\nHow are you?"), HELLO]


def test_the_channel_hangs_on_the_first_words_of_the_person_alone():
    assert channel_of([(False, "Welcome"), HI]) == channel_of([(True, " Hi "), HELLO, HOW])
    assert channel_of([HI], "kitchen") == "openai:id:kitchen"
