from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whisperengine.memory.when import READ_CHARS, Span, dates, dates_told, relative, spans_in, without_time_words
from whisperengine.memory.when.calendar import easter
from whisperengine.memory.when.words import spoken

ZONE = "Europe/Berlin"
NOW = datetime(2026, 6, 17, 15, 0, tzinfo=ZoneInfo(ZONE))
"""A Wednesday."""
KNOWN = {"first_met": datetime(2025, 9, 3, 20, 0, tzinfo=ZoneInfo(ZONE)), "birthday": (3, 14)}


def local(moment: datetime, zone: str = ZONE) -> str:
    there = moment.astimezone(ZoneInfo(zone))
    return f"{there:%Y-%m-%d}" if (there.hour, there.minute) == (0, 0) else f"{there:%Y-%m-%d %H:%M}"


def shown(spans: list[Span], zone: str = ZONE) -> list[str]:
    return [f"{local(span.start, zone)} / {local(span.end, zone)}" for span in spans]


ASKED = [
    # Days and parts of days.
    ("What did I tell you yesterday about the garden?", "2026-06-16 / 2026-06-17"),
    ("What did I say the day before yesterday?", "2026-06-15 / 2026-06-16"),
    ("What did I eat today?", "2026-06-17 / 2026-06-18"),
    ("What did I say earlier today?", "2026-06-17 / 2026-06-18"),
    ("How was yesterday's match?", "2026-06-16 / 2026-06-17"),
    ("What did I mention this morning?", "2026-06-17 05:00 / 2026-06-17 12:00"),
    ("What did I tell you last night about my sister?", "2026-06-16 18:00 / 2026-06-17 06:00"),
    ("What did I dream the night before last?", "2026-06-15 18:00 / 2026-06-16 06:00"),
    ("What are we doing tonight?", "2026-06-17 18:00 / 2026-06-18 06:00"),
    ("What did I say in the evening?", "2026-06-16 17:00 / 2026-06-17"),
    ("What did I say at 5 pm?", "2026-06-16 16:30 / 2026-06-16 17:30"),
    ("What did I tell you at midnight?", "2026-06-16 23:30 / 2026-06-17 00:30"),
    ("What did I do yesterday at 5 pm?", "2026-06-16 16:30 / 2026-06-16 17:30"),
    ("What did I do yesterday evening?", "2026-06-16 17:00 / 2026-06-17"),
    ("What did I do on Tuesday morning?", "2026-06-16 05:00 / 2026-06-16 12:00"),
    ("What did I do last week Friday night?", "2026-06-12 18:00 / 2026-06-13 06:00"),
    ("What did I say last Monday at noon about lunch?", "2026-06-15 11:30 / 2026-06-15 12:30"),
    ("What did I say at 17:30 on Tuesday last week?", "2026-06-09 17:00 / 2026-06-09 18:00"),
    # Ago.
    ("What did I say 20 minutes ago?", "2026-06-17 14:35 / 2026-06-17 14:45"),
    ("What did I say 3 hours ago?", "2026-06-17 11:30 / 2026-06-17 12:30"),
    ("What did I say half an hour ago?", "2026-06-17 14:25 / 2026-06-17 14:35"),
    ("Two days ago I told you about a film, which one?", "2026-06-15 / 2026-06-16"),
    ("What happened 16 days ago?", "2026-05-30 / 2026-06-04"),
    ("What happened three weeks ago?", "2026-05-24 / 2026-05-31"),
    ("What did I tell you a couple of weeks ago?", "2026-05-31 / 2026-06-07"),
    ("What did I tell you a fortnight ago?", "2026-05-31 / 2026-06-07"),
    ("What did I do a few days ago?", "2026-06-12 / 2026-06-16"),
    ("Where was I several months ago?", "2025-11-17 / 2026-03-18"),
    ("Where did I live five years ago?", "2020-11-01 / 2022-02-01"),
    ("What did we do two weekends ago?", "2026-06-06 / 2026-06-08"),
    ("What did I do this time last year?", "2025-06-02 / 2025-07-03"),
    ("What did I tell you just now?", "2026-06-17 14:50 / 2026-06-17 15:00"),
    # Weeks, months, years.
    ("What did I say last week about work?", "2026-06-08 / 2026-06-15"),
    ("What did I say this week about work?", "2026-06-15 / 2026-06-22"),
    ("What happened the week before last?", "2026-06-01 / 2026-06-08"),
    ("What did I read in the past week?", "2026-06-10 / 2026-06-17 15:00"),
    ("What did I do in the last three days?", "2026-06-14 / 2026-06-17 15:00"),
    ("What did I do these last few weeks?", "2026-05-13 / 2026-06-17 15:00"),
    ("Who did I meet last month?", "2026-05-01 / 2026-06-01"),
    ("Where did I go last year?", "2025-01-01 / 2026-01-01"),
    ("What did I cook last weekend?", "2026-06-13 / 2026-06-15"),
    ("What did I cook at the weekend?", "2026-06-13 / 2026-06-15"),
    ("How was this past weekend?", "2026-06-13 / 2026-06-15"),
    ("What have I read recently?", "2026-05-18 / 2026-06-17 15:00"),
    ("How have I been sleeping lately?", "2026-05-18 / 2026-06-17 15:00"),
    ("What did I tell you the other day?", "2026-06-03 / 2026-06-17 15:00"),
    ("What did I plan at the beginning of the month?", "2026-06-01 / 2026-06-11"),
    ("What happened at the end of the year?", "2025-10-02 / 2026-01-01"),
    ("What happened at the end of last month?", "2026-05-22 / 2026-06-01"),
    ("What happened in the second week of November?", "2025-11-08 / 2025-11-15"),
    ("What happened in the first half of 2024?", "2024-01-01 / 2024-07-02"),
    ("What happened in late 2023?", "2023-10-02 / 2024-01-01"),
    # Days of the week.
    ("What did I tell you last Tuesday?", "2026-06-16 / 2026-06-17"),
    ("What did I tell you on Tuesday about Tom?", "2026-06-16 / 2026-06-17"),
    ("What did I tell you on Wednesday?", "2026-06-10 / 2026-06-11"),
    ("What did I say on Tuesday last week?", "2026-06-09 / 2026-06-10"),
    ("What did I say last week on Tuesday?", "2026-06-09 / 2026-06-10"),
    ("What did I say Monday about the car?", "2026-06-15 / 2026-06-16"),
    ("How was Saturday's party?", "2026-06-13 / 2026-06-14"),
    ("What did I say last Fri?", "2026-06-12 / 2026-06-13"),
    # Months and dates.
    ("What did I do in May?", "2026-05-01 / 2026-06-01"),
    ("what did i do in may?", "2026-05-01 / 2026-06-01"),
    ("What did I do in May 2024?", "2024-05-01 / 2024-06-01"),
    ("What did I do last May?", "2026-05-01 / 2026-06-01"),
    ("What did I do last June?", "2025-06-01 / 2025-07-01"),
    ("What did I do in June?", "2026-06-01 / 2026-07-01"),
    ("What did I do in May last year?", "2025-05-01 / 2025-06-01"),
    ("What did we do in early May?", "2026-05-01 / 2026-05-11"),
    ("What did I do in mid-May?", "2026-05-11 / 2026-05-22"),
    ("What did I do on 7 May?", "2026-05-07 / 2026-05-08"),
    ("What did I do on the 7th of May?", "2026-05-07 / 2026-05-08"),
    ("What did I do on the second of May?", "2026-05-02 / 2026-05-03"),
    ("What did I do on May 7th?", "2026-05-07 / 2026-05-08"),
    ("What did I do on Sept. 7?", "2025-09-07 / 2025-09-08"),
    ("What did I do on May 7, 2024?", "2024-05-07 / 2024-05-08"),
    ("What did I do on the 7th?", "2026-06-07 / 2026-06-08"),
    ("What did I do on the 20th?", "2026-05-20 / 2026-05-21"),
    ("What did I do on the 31st?", "2026-05-31 / 2026-06-01"),
    ("What happened on the 7th of last month?", "2026-05-07 / 2026-05-08"),
    ("What did I tell you on Friday, 5 June?", "2026-06-05 / 2026-06-06"),
    ("What did I do on 29 February?", "2024-02-29 / 2024-03-01"),
    ("What did I say on 2024-05-07?", "2024-05-07 / 2024-05-08"),
    ("What did I say on 7/5/2024?", "2024-05-07 / 2024-05-08"),
    ("What did I say on 7.5.2024?", "2024-05-07 / 2024-05-08"),
    ("What did I say on 5/7/24?", "2024-07-05 / 2024-07-06"),
    ("What did I say on 7/25/2024?", "2024-07-25 / 2024-07-26"),
    ("What did I say on 7/9/2026?", "2026-09-07 / 2026-09-08"),
    ("What happened in 2023?", "2023-01-01 / 2024-01-01"),
    # Seasons and festivals.
    ("Where did we go in the summer?", "2026-06-01 / 2026-09-01"),
    ("Where did we go last summer?", "2025-06-01 / 2025-09-01"),
    ("Where did we go last winter?", "2025-12-01 / 2026-03-01"),
    ("Where did I go in the summer of 2023?", "2023-06-01 / 2023-09-01"),
    ("What did I do at Christmas?", "2025-12-24 / 2025-12-27"),
    ("What did I do around Christmas?", "2025-12-20 / 2025-12-31"),
    ("What happened over Christmas in 2023?", "2023-12-24 / 2023-12-27"),
    ("What did I do on New Year's Eve?", "2025-12-31 / 2026-01-01"),
    ("What did I wish for on New Year’s Eve?", "2025-12-31 / 2026-01-01"),
    ("What did I dress up as for Halloween?", "2025-10-31 / 2025-11-01"),
    ("Whom did I visit at Easter?", "2026-04-03 / 2026-04-07"),
    ("What did I get for Valentine's Day?", "2026-02-14 / 2026-02-15"),
    ("What did I do on Black Friday?", "2025-11-28 / 2025-11-29"),
    ("What did I do on my birthday?", "2026-03-14 / 2026-03-15"),
    ("What did I do on my birthday last year?", "2025-03-14 / 2025-03-15"),
    # Ranges.
    ("What did I do between March and May?", "2026-03-01 / 2026-06-01"),
    ("What did I do between November and February?", "2025-11-01 / 2026-03-01"),
    ("What did I say between the 3rd and the 9th?", "2026-06-03 / 2026-06-10"),
    ("What did I do from last Monday to Thursday?", "2026-06-08 / 2026-06-12"),
    ("What have I done since Monday?", "2026-06-15 / 2026-06-17 15:00"),
    ("What did I think before June?", "1900-01-01 / 2026-06-01"),
    ("What happened until last week?", "1900-01-01 / 2026-06-15"),
    ("What did I say after the 5th?", "2026-06-06 / 2026-06-17 15:00"),
    ("What did I do the day after Christmas?", "2025-12-27 / 2025-12-28"),
    ("What happened the week before my birthday?", "2026-03-07 / 2026-03-14"),
    ("What happened two weeks before Easter?", "2026-03-17 / 2026-03-24"),
    ("What happened on the Sunday before 7 May?", "2026-05-03 / 2026-05-04"),
    # Two times in one question.
    ("What did I say in March and April?", ["2026-03-01 / 2026-04-01", "2026-04-01 / 2026-05-01"]),
    ("Was I ill yesterday or in 2023?", ["2026-06-16 / 2026-06-17", "2023-01-01 / 2024-01-01"]),
    # Only about the future.
    ("What am I doing on Friday?", "2026-06-19 / 2026-06-20"),
    ("What will I be doing on the 20th?", "2026-06-20 / 2026-06-21"),
    ("What will I do next week?", "2026-06-22 / 2026-06-29"),
    ("What are my plans for the weekend?", "2026-06-20 / 2026-06-22"),
]


@pytest.mark.parametrize(("question", "dates"), ASKED)
def test_a_question_is_read_as_its_dates(question: str, dates: str | list[str]):
    assert shown(spans_in(question, NOW, ZONE, **KNOWN)) == ([dates] if isinstance(dates, str) else dates)


@pytest.mark.parametrize(
    "question",
    [
        "May I ask you something?",
        "may I have 7 may be 8?",
        "I may 7 times fail.",
        "This may help.",
        "We march on.",
        "They march 3 abreast.",
        "Wait a second, the second thing is wrong.",
        "Spring up and fall down!",
        "What is my favourite spring flower?",
        "Did she break her leg in the fall down the stairs?",
        "I have 3 days and 2 weeks.",
        "I read it in two days.",
        "How is my friend June?",
        "Did April call me?",
        "What did June tell me in the kitchen?",
        "Since April left me, am I sad?",
        "Was August at home before May went out?",
        "Do you believe in May?",
        "What did I say about Christmas?",
        "Where are my Christmas presents?",
        "What do I do on Mondays?",
        "What do I do on Monday nights?",
        "What do I usually do on Monday?",
        "What do I do every Christmas?",
        "What do I drink in the morning?",
        "Good morning! What did I tell you about tea?",
        "Happy Friday!",
        "What happens on a Monday?",
        "When is my birthday?",
        "What did you get on your birthday?",
        "I live on the 5th floor on the 5th Avenue.",
        "Sat on the sofa in the sun, I wed Jan.",
        "Is 24/7 the same as 12/12/12/12?",
        "Version 1.2.2024.5 has 2000 lines, in 2000 words.",
        "What happened on 31/02/2024 or 2023-13-01?",
        "What was the first time I told you about Tom?",
        "When was the last time I saw Tom?",
        "When we first met Tom, what did he say?",
        "How many years, months, weeks and nights?",
        "99999999 years ago and 9999 years ago.",
        "2026 years before Easter and 9000 years after Christmas.",
        "Is the last week of school nice?",
        "",
    ],
)
def test_other_words_are_no_times(question: str):
    assert spans_in(question, NOW, ZONE, **KNOWN) == []


TOLD = [
    ("I went to a support group yesterday.", "2026-06-16 / 2026-06-17"),
    ("I ran a race last week.", "2026-06-08 / 2026-06-15"),
    ("A friend made it ten years ago.", "2015-03-19 / 2017-09-17"),
    ("I just joined a new group last Tues.", "2026-06-16 / 2026-06-17"),
    ("We played on Friday and won.", "2026-06-12 / 2026-06-13"),
    ("The exam is on Friday.", "2026-06-19 / 2026-06-20"),
    ("See you on Monday!", "2026-06-22 / 2026-06-23"),
    ("We eat together on Wednesday.", "2026-06-24 / 2026-06-25"),
    ("See you next Friday.", "2026-06-26 / 2026-06-27"),
    ("See you this coming Friday.", "2026-06-19 / 2026-06-20"),
    ("I have the dentist tomorrow at 5 pm.", "2026-06-18 16:30 / 2026-06-18 17:30"),
    ("The day after tomorrow is the big day.", "2026-06-19 / 2026-06-20"),
    ("Tomorrow evening we eat out.", "2026-06-18 17:00 / 2026-06-19"),
    ("I'll be back in two weeks.", "2026-06-28 / 2026-07-05"),
    ("The concert is a week from now.", "2026-06-21 / 2026-06-28"),
    ("We are moving next month.", "2026-07-01 / 2026-08-01"),
    ("I'll be there in the next few months.", "2026-06-17 15:00 / 2026-11-18"),
    ("This weekend we are hiking.", "2026-06-20 / 2026-06-22"),
    ("We got married in May.", "2026-05-01 / 2026-06-01"),
    ("We get married in May.", "2027-05-01 / 2027-06-01"),
    ("I met my team on the 15th.", "2026-06-15 / 2026-06-16"),
    ("I saw my mother at Christmas.", "2025-12-24 / 2025-12-27"),
    ("I'm seeing my mother at Christmas.", "2026-12-24 / 2026-12-27"),
    ("In the first week of July we are in Rome.", "2026-07-01 / 2026-07-08"),
    ("Next summer I'm going to Peru.", "2027-06-01 / 2027-09-01"),
    ("I moved here in 2019.", "2019-01-01 / 2020-01-01"),
    ("I've been a vegan since 2019.", "2019-01-01 / 2020-01-01"),
    ("I want to be done by Friday.", "2026-06-19 / 2026-06-20"),
    ("The wedding will be on 7 May 2027.", "2027-05-07 / 2027-05-08"),
    ("My cousin arrives on the 29th of February.", "2028-02-29 / 2028-03-01"),
    ("The meeting is on 5/6/2026.", "2026-06-05 / 2026-06-06"),
    ("We are on holiday from Monday to Friday.", "2026-06-15 / 2026-06-20"),
    ("My friend May was at home in May.", "2026-05-01 / 2026-06-01"),
]


@pytest.mark.parametrize(("message", "dates"), TOLD)
def test_a_message_tells_its_dates(message: str, dates: str):
    assert shown(dates_told(message, NOW, ZONE)) == [dates]


@pytest.mark.parametrize(
    "message",
    [
        "I've known them for 4 years.",
        "Recently I changed jobs, the other day I quit.",
        "When we first talked I was shy. What about last time?",
        "Every summer we go to Italy, usually in May.",
        "In the evening we ate.",
        "April is my best friend.",
    ],
)
def test_a_message_without_a_date_tells_none(message: str):
    assert dates_told(message, NOW, ZONE) == []


@pytest.mark.parametrize(
    "question",
    [
        "What did I tell you when we first talked?",
        "What did I say when I first met you?",
        "When did we first talk?",
        "What did I say the first time we talked?",
        "What was the first thing I told you?",
        "What did I say in our first conversation?",
    ],
)
def test_the_first_talk_is_its_first_day(question: str):
    (span,) = spans_in(question, NOW, ZONE, **KNOWN)
    assert (span.talk, span.start) == ("first", KNOWN["first_met"])
    assert span.end - span.start == timedelta(days=1)
    (unknown,) = spans_in(question, NOW, ZONE)
    assert (unknown.talk, unknown.end) == ("first", NOW)
    assert unknown.start < datetime(1901, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "question",
    [
        "What did we talk about last time?",
        "What did you say the last time we spoke?",
        "What did I tell you the last time I wrote to you?",
        "What was our last conversation about?",
    ],
)
def test_the_last_talk_is_marked_as_the_previous_session(question: str):
    (span,) = spans_in(question, NOW, ZONE, **KNOWN)
    assert (span.talk, span.start, span.end) == ("previous", KNOWN["first_met"], NOW)


def test_dates_carry_no_mark_of_a_talk():
    assert [span.talk for span in spans_in("What did I say yesterday?", NOW, ZONE)] == [""]


def test_a_birthday_needs_to_be_known():
    assert spans_in("What did I do on my birthday?", NOW, ZONE) == []
    assert shown(spans_in("What did I do on my birthday?", NOW, ZONE, birthday=(2, 29))) == ["2026-02-28 / 2026-03-01"]
    assert spans_in("What did I do on my birthday?", NOW, ZONE, birthday=(13, 40)) == []


def test_the_words_are_those_of_the_question_and_can_be_taken_out():
    question = "On Monday, in May and on  7 May last year, what did I tell you about the garden?"
    spans = spans_in(question, NOW, ZONE)
    assert [span.text for span in spans] == ["On Monday", "in May", "on  7 May last year"]
    assert without_time_words(question, spans) == "and, what did I tell you about the garden?"


def test_a_topic_keeps_its_preposition():
    question = "What did I tell you about yesterday?"
    assert without_time_words(question, spans_in(question, NOW, ZONE)) == "What did I tell you about?"


def test_the_same_words_twice_are_taken_out_twice():
    question = "Yesterday? No, yesterday at home."
    assert without_time_words(question, spans_in(question, NOW, ZONE)) == "? No, at home."


def test_without_spans_the_query_stays():
    assert without_time_words("What is my cat called?", []) == "What is my cat called?"


def test_a_slash_date_puts_the_month_first_in_the_united_states():
    asked = "What did I say on 7/5/2024?"
    assert shown(spans_in(asked, NOW, "America/New_York"), "America/New_York") == ["2024-07-05 / 2024-07-06"]
    assert shown(spans_in(asked, NOW, "Europe/London"), "Europe/London") == ["2024-05-07 / 2024-05-08"]
    assert shown(spans_in("on 7/5/2026?", NOW, "America/New_York"), "America/New_York") == ["2026-05-07 / 2026-05-08"]
    assert shown(dates_told("on 7/5/2026", NOW, "America/New_York"), "America/New_York") == ["2026-07-05 / 2026-07-06"]


def test_summer_is_in_december_south_of_the_equator():
    asked = "Where did I go last summer?"
    assert shown(spans_in(asked, NOW, "Australia/Sydney"), "Australia/Sydney") == ["2025-12-01 / 2026-03-01"]


def test_the_day_is_that_of_the_persons_zone():
    late = datetime(2026, 6, 17, 23, 30, tzinfo=UTC)
    (there,) = spans_in("What did I say today?", late, "Asia/Tokyo")
    assert (there.start, there.end) == (datetime(2026, 6, 17, 15, tzinfo=UTC), datetime(2026, 6, 18, 15, tzinfo=UTC))
    assert there.start.tzinfo is UTC


@pytest.mark.parametrize("zone", ["", "Nowhere/City", "Europe", "../../etc/passwd", "x" * 300])
def test_an_unknown_zone_is_utc(zone: str):
    (span,) = spans_in("What did I say today?", NOW, zone)
    assert (span.start, span.end) == (datetime(2026, 6, 17, tzinfo=UTC), datetime(2026, 6, 18, tzinfo=UTC))


def test_a_day_on_which_the_clock_changes_has_its_own_length():
    spring = datetime(2026, 3, 30, 12, tzinfo=ZoneInfo(ZONE))
    (short,) = spans_in("What did I say yesterday?", spring, ZONE)
    assert short.end - short.start == timedelta(hours=23)
    autumn = datetime(2026, 10, 26, 12, tzinfo=ZoneInfo(ZONE))
    (long,) = spans_in("What did I say yesterday?", autumn, ZONE)
    assert long.end - long.start == timedelta(hours=25)


def test_hours_ago_are_counted_in_time_that_has_passed():
    # 04:30 in the night in which 02:00 becomes 03:00: three hours ago it was 00:30.
    after = datetime(2026, 3, 29, 4, 30, tzinfo=ZoneInfo(ZONE))
    (span,) = spans_in("What did I say 3 hours ago?", after, ZONE)
    assert span.start + (span.end - span.start) / 2 == after.astimezone(UTC) - timedelta(hours=3)
    # 02:30 comes twice in autumn; the second is one hour after the first.
    second = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo(ZONE))
    (span,) = spans_in("What did I say an hour ago?", second, ZONE)
    assert span.start + (span.end - span.start) / 2 == second.astimezone(UTC) - timedelta(hours=1)


def test_a_day_without_a_midnight_begins_after_it():
    # In Cairo the clock jumps from 00:00 to 01:00 on 24 April 2026.
    (span,) = spans_in("What did I say yesterday?", datetime(2026, 4, 25, 12, tzinfo=UTC), "Africa/Cairo")
    assert span.end - span.start == timedelta(hours=23)


def test_before_five_in_the_morning_tonight_is_the_night_that_passes():
    small_hours = NOW.replace(hour=2)
    night = ["2026-06-16 18:00 / 2026-06-17 06:00"]
    assert shown(spans_in("What are we doing tonight?", small_hours, ZONE)) == night
    assert shown(spans_in("What did I say last night?", small_hours, ZONE)) == night


def test_a_month_ago_exists_on_the_last_day_of_every_month():
    for asked in (date(2026, 3, 31), date(2024, 2, 29), date(2026, 12, 31)):
        now = datetime(asked.year, asked.month, asked.day, 12, tzinfo=ZoneInfo(ZONE))
        for question in ("a month ago", "one year ago", "last month", "on the 31st", "in February", "on 29 February"):
            (span,) = spans_in(f"What did I do {question}?", now, ZONE)
            assert span.start < span.end <= now + timedelta(days=1)


@pytest.mark.parametrize(
    ("year", "day"),
    [
        (1961, (4, 2)),
        (2000, (4, 23)),
        (2008, (3, 23)),
        (2019, (4, 21)),
        (2024, (3, 31)),
        (2026, (4, 5)),
        (2038, (4, 25)),
    ],
)
def test_easter_is_computed(year: int, day: tuple[int, int]):
    assert easter(year) == date(year, *day)


SHORT = (
    "on thu, on Thur, on THURS, on tue, on tues, on mon, on wed, on fri, on sat, on sun, in jan, in sep, in sept. 2024",
    "on 3 feb, on 4 mar, on 5 apr, on 6 jun, on 7 jul, on 8 aug, on 9 oct, on 10 nov, on the 11 of dec, on the 1st",
    "at noon, at midday, at midnight, at 5 o’clock, Boxing Day, Black Friday, Good Friday, xmas, valentines",
    "Valentine’s Day, St. Patrick’s Day, New Year’s Eve, Halloween, Thanksgiving, in the fall, 3 days back",
)


@pytest.mark.parametrize("text", [*SHORT, *(text for text, _ in (*ASKED, *TOLD))])
def test_whatever_a_form_finds_holds_a_word_that_it_needs(text: str):
    for form in (*relative.FORMS, *dates.FORMS):
        for match in form.pattern.finditer(text):
            assert not form.needs.isdisjoint(spoken(match[0])), (form.read.__name__, match[0])


HOSTILE = [
    "last ", "the ", "a ", "1 ", "12/", "1/1/", "2024-", "May ", "may may 3 ", "Monday ", "on Monday ", "between ",
    "between May and ", "from 1 to ", "the first time we ", "last time we ", "in 3 days ", "at 5:00 pm ", "half an ",
    "the day before the day before ", "two weeks before ", "Tuesday, last week ", "5 pm in the evening on Tuesday ",
    "the end of the end of ", "christmas eve new year ", "new year's ", "our first ", "was was ", "'", "’", " ", "\n",
    "0", "\u0130", "가", "٣ days ago ",
]  # fmt: skip


@pytest.mark.parametrize("words", HOSTILE)
def test_a_hostile_text_is_read_to_its_end_without_harm(words: str):
    text = (words * READ_CHARS)[: READ_CHARS - 10] + " yesterday"
    for spans in (spans_in(text, NOW, ZONE, **KNOWN), dates_told(text, NOW, ZONE)):
        assert all(span.start < span.end and span.text in text for span in spans)
        assert len(spans) <= 40


def test_what_stands_behind_the_limit_is_not_read():
    assert spans_in("x " * READ_CHARS + "yesterday", NOW, ZONE) == []


WORDS = re.findall(
    r"\S+",
    """last this next past coming on in at since before after until by from between and to around the a an my of 7 7th
    31st 2024 0 9999 two few couple May june March Monday fri weekend week month year day days weeks ago now first
    second time we met talked birthday Christmas easter eve New Year's summer winter evening night morning pm 5 : / , .
    yesterday tomorrow tonight today recently beginning end early half will did going every ?""",
)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join),
    st.datetimes(datetime(1971, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC)),
    st.sampled_from([ZONE, "America/New_York", "Pacific/Apia", "Asia/Kathmandu", "Australia/Lord_Howe", "nowhere"]),
)
def test_any_words_at_any_time_give_ordered_spans_of_these_words(words: str, now: datetime, zone: str):
    known = {"first_met": now - timedelta(days=400), "birthday": (2, 29)}
    for spans in (spans_in(words, now, zone, **known), dates_told(words, now, zone)):
        at = 0
        for span in spans:
            assert span.start < span.end
            at = words.index(span.text, at) + len(span.text)
        assert isinstance(without_time_words(words, spans), str)
