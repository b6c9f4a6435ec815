from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whisperengine.discord.chunks import split
from whisperengine.discord.mentions import Names, display_name, names_in, postable, readable

ATOMS = st.sampled_from(
    [
        *("word", "A sentence. ", "Ein Satz! ", "\n", "\n\n", "\n```python\n", "\n```\n", "`x`", " ", "    indented\n"),
        *(
            "<@123456789012345678>",
            "<:smile:123>",
            "👨\u200d👩\u200d👧",
            "。",
            "日本語",
            "http://x.y/" + "a" * 60,
            "e\u0301",
        ),
    ]
)
TEXTS = st.lists(ATOMS, max_size=120).map("".join)


def bare(text: str) -> str:
    return re.sub(r"\s+", "", re.sub(r"```(python)?(?=\n|$)", "", text))


@settings(max_examples=40)
@given(TEXTS, st.sampled_from([100, 120, 300]))
def test_parts_are_short_enough_and_nothing_is_lost(text: str, limit: int) -> None:
    parts = split(text, limit)
    assert all(0 < len(part) <= limit for part in parts)
    assert bare("\n".join(parts)) == bare(text)


@settings(max_examples=40)
@given(TEXTS)
def test_every_part_closes_the_fences_it_opens(text: str) -> None:
    assert all(part.count("```") % 2 == 0 for part in split(text, 120))


@settings(max_examples=40)
@given(TEXTS, TEXTS)
def test_as_an_answer_grows_its_earlier_parts_stay_as_they_are(text: str, more: str) -> None:
    before = split(text, 120)
    assert split(text + more, 120)[: len(before[:-1])] == before[:-1]


def test_code_goes_on_in_its_language() -> None:
    lines = "\n".join(f"    line_{number} = {number}" for number in range(200))
    parts = split(f"Look:\n```python\n{lines}\n```\nDone.", 500)
    assert all(part.startswith("```python\n    line_") for part in parts[1:])
    assert all(part.endswith("\n```") for part in parts[:-1])
    assert parts[-1].endswith("Done.")


def test_a_cut_prefers_paragraphs_then_sentences_then_words() -> None:
    sentence = "Seven words make up this one sentence. "
    assert split(sentence * 2 + "\n\n" + sentence * 2, 120)[0] == (sentence * 2).strip()
    assert all(part.endswith(".") for part in split(sentence * 20, 200))
    assert all(part.split()[-1] == "word" for part in split("word " * 300, 100))


def test_mentions_and_joined_characters_are_not_torn() -> None:
    parts = split("x" * 95 + "<@123456789012345678>" + "y" * 40, 100)
    assert any("<@123456789012345678>" in part for part in parts)
    family = "👨\u200d👩\u200d👧"
    assert not any(part.startswith("\u200d") or part.endswith("\u200d") for part in split(family * 60, 100))


@pytest.mark.parametrize("text", ["", "  \n\n ", "\t"])
def test_nothing_gives_no_part(text: str) -> None:
    assert split(text) == []


def test_a_short_answer_stays_whole() -> None:
    assert split("Hello there.\n\nHow are you?") == ["Hello there.\n\nHow are you?"]


NAMES = Names(
    users={"1": "Elena", "2": "Anna"}, roles={"5": "divers"}, channels={"7": "reef"}, emoji={"wave": "<:wave:99>"}
)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("<@1> hello", "hello"),
        ("<@!1>, <@1> hello", "hello"),
        ("hello <@1>, meet <@!2>", "hello @Elena, meet @Anna"),
        ("<@3>?", "@someone?"),
        ("<@&5> in <#7> and <#8>", "@divers in #reef and #a channel"),
        ("nice <:wave:99> <a:dance:98>", "nice :wave: :dance:"),
        ("at <t:0:R>", "at 1970-01-01 00:00 UTC"),
        ("at <t:999999999999:R>", "at some time"),
        ("use </memory show:12>", "use /memory show"),
        ("a < b and <x> stay", "a < b and <x> stay"),
    ],
)
def test_the_model_reads_names_instead_of_ids(raw: str, shown: str) -> None:
    assert readable(raw, NAMES, me="1") == shown


def test_emoji_of_the_server_are_shown_outside_code_only() -> None:
    assert postable("hi :wave: `:wave:` at 12:30:45 :unknown:", NAMES) == "hi <:wave:99> `:wave:` at 12:30:45 :unknown:"
    assert postable("```\n:wave:\n``` :wave:", NAMES) == "```\n:wave:\n``` <:wave:99>"


def test_half_a_surrogate_pair_is_not_posted() -> None:
    assert postable("fine \ud83d end \U0001f600", NAMES) == "fine \ufffd end \U0001f600"


def test_people_are_called_as_the_server_calls_them() -> None:
    author = {"username": "anna_1990", "global_name": "Anna"}
    assert display_name(author, {"nick": "Queen\nAnna"}) == "Queen Anna"
    assert display_name(author, {"nick": None}) == "Anna"
    assert display_name({"username": "anna_1990"}) == "anna_1990"
    assert display_name({}) == "someone"


def test_mentioned_people_are_known_by_name() -> None:
    message = {"mentions": [{"id": "2", "username": "a", "member": {"nick": "Anna"}}, {"odd": 1}, "odd"]}
    assert names_in(message) == {"2": "Anna"}
