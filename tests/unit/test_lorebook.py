from __future__ import annotations

import json
import random
from typing import Any

import pytest

from whisperengine.characters.lorebook import Book, Selection, Talk


def book(*entries: dict[str, Any], **settings: Any) -> Book:
    return Book({**settings, "entries": list(entries)})


def entry(*keys: str, content: str = "", **fields: Any) -> dict[str, Any]:
    return {"keys": list(keys), "content": content or f"About {', '.join(keys)}.", **fields}


def select(chosen_from: Book, *messages: str, budget: int | None = None, chance: int = 1, **talk: Any) -> Selection:
    return chosen_from.select(
        Talk(messages, **{"turn": 1, **talk}),
        chance=random.Random(chance),
        count_tokens=lambda text: len(text.split()),
        token_budget=budget,
    )


def contents(selection: Selection) -> list[str]:
    return [item.content for item in selection.entries]


def names(chosen_from: Book, *messages: str, **talk: Any) -> list[str]:
    return [item.name for item in select(chosen_from, *messages, **talk).entries]


def test_an_entry_enters_when_one_of_its_keys_is_said():
    lore = book(entry("seal", "pup"), entry("dragon"))
    assert names(lore, "I saw a PUP today") == ["seal, pup"]
    assert names(lore, "nothing of the kind") == []
    assert select(lore, "a pup").entries[0].why == "'pup' was said"


def test_an_empty_book_chooses_nothing():
    assert select(Book({}), "anything").entries == ()


def test_entries_that_are_disabled_or_empty_never_enter():
    lore = book(
        entry("a", enabled=False, constant=True),
        {"keys": ["a"], "content": " \n"},
        {"keys": [], "content": "x"},
        entry("", " "),
    )
    assert names(lore, "a b c") == []


def test_a_constant_entry_is_always_there_except_beside_patterns():
    lore = book(entry("x", constant=True), entry("y", constant=True, use_regex=True))
    assert names(lore, "nothing") == ["x"]


@pytest.mark.parametrize(
    ("fields", "text", "found"),
    [
        ({}, "CATS", True),
        ({"case_sensitive": True}, "CATS", False),
        ({"match_whole_words": True}, "cats", False),
        ({"match_whole_words": True}, "cats, cat!", True),
        ({"match_whole_words": True}, "concat", False),
    ],
)
def test_how_a_word_is_looked_for(fields, text, found):
    assert bool(names(book(entry("cat", **fields)), text)) is found


def test_names_in_keys_stand_for_the_people():
    lore = book(entry("{{user}}'s sword"), entry("{{char}}"))
    assert names(lore, "Sam's sword is here", user="Sam", char="Mira") == ["{{user}}'s sword"]
    assert names(lore, "mira!", user="Sam", char="Mira") == ["{{char}}"]
    assert names(lore, "anything", user="", char="") == []


@pytest.mark.parametrize(
    ("logic", "text", "found"),
    [
        ("and_any", "wolf night", True),
        ("and_any", "wolf", False),
        ("and_all", "wolf night moon", True),
        ("and_all", "wolf night", False),
        ("not_any", "wolf", True),
        ("not_any", "wolf moon", False),
        ("not_all", "wolf moon", True),
        ("not_all", "wolf night moon", False),
    ],
)
def test_secondary_keys(logic, text, found):
    lore = book(entry("wolf", selective=True, secondary_keys=["night", "moon"], secondary_logic=logic))
    assert bool(names(lore, text)) is found


def test_secondary_keys_count_only_when_the_entry_is_selective():
    assert names(book(entry("wolf", secondary_keys=["night"])), "wolf") == ["wolf"]


def test_only_the_last_messages_are_searched():
    lore = book(entry("old"), entry("older", scan_depth=3), entry("never", scan_depth=0), scan_depth=2)
    talk = ("older never", "old", "new")
    assert names(lore, *talk) == ["old", "older"]
    assert names(lore, "old", "x", "y") == []
    assert names(book(entry("x", content="@@scan_depth 1\nText."), scan_depth=9), "x", "y") == []


def test_patterns_in_keys():
    lore = book(
        entry("drag(on|ons)$", use_regex=True, name="regex"),
        entry("/wol(f|ves)/i", name="slashed"),
        entry("a+b", name="plain"),
    )
    assert names(lore, "here be DRAGONS") == ["regex"]
    assert names(lore, "Wolves and a+b") == ["slashed", "plain"]
    assert names(lore, "aab") == []


def test_a_pattern_that_cannot_be_used_matches_nothing_and_is_told():
    lore = book(entry("(a", "b", use_regex=True, name="Broken"))
    assert names(lore, "b") == ["Broken"]
    (problem,) = lore.problems
    assert "'Broken'" in problem
    assert "is not closed" in problem


def test_patterns_of_a_whole_book_cost_bounded_work():
    hostile = [
        entry(f"(a|b)*a[ab]{{{40 + number % 10}}}[c-{'defgh'[number % 5]}]", use_regex=True) for number in range(700)
    ]
    lore = book(*hostile)
    assert any("too many patterns" in problem for problem in lore.problems)
    text = "".join(random.Random(3).choices("ab", k=20_000))
    selection = select(lore, text, text, text)
    assert selection.entries == ()
    assert any("too much work" in left.why for left in selection.left)


def test_entries_that_speak_of_others_bring_them_along():
    entries = [
        entry("castle", content="The king lives here."),
        entry("king", content="He owns a sword."),
        entry("sword", content="It is cursed."),
        entry("cursed", content="End."),
    ]
    assert names(book(*entries), "the castle") == ["castle"]
    assert names(book(*entries, recursive_scanning=True), "the castle") == ["castle", "king", "sword", "cursed"]


def test_recursion_can_be_kept_out_kept_in_and_waited_for():
    entries = [
        entry("castle", content="king queen"),
        entry("king", exclude_recursion=True),
        entry("queen", prevent_recursion=True, content="prince"),
        entry("prince"),
        entry("castle", delay_until_recursion=True, name="waits"),
    ]
    assert names(book(*entries, recursive_scanning=True), "castle") == ["castle", "queen"]
    assert names(
        book(entry("a", content="b"), entry("b", delay_until_recursion=True), recursive_scanning=True), "a b"
    ) == ["a", "b"]


def test_hidden_keys_are_found_by_recursion_and_comments_are_not():
    entries = [entry("a", content="{{hidden_key:b}}{{// c}}"), entry("b"), entry("c")]
    assert names(book(*entries, recursive_scanning=True), "a") == ["a", "b"]


def test_a_circle_of_entries_ends():
    lore = book(entry("a", content="b"), entry("b", content="a"), recursive_scanning=True)
    assert names(lore, "a") == ["a", "b"]


def test_entries_stand_in_the_order_of_insertion():
    lore = book(
        entry("x", name="late", insertion_order=5),
        entry("x", name="early", insertion_order=-1),
        entry("x", name="also late", insertion_order=5),
    )
    assert names(lore, "x") == ["early", "late", "also late"]


def test_when_the_budget_is_short_the_lowest_priority_goes_first():
    lore = book(
        entry("x", name="low", content="one two three", priority=1, insertion_order=1),
        entry("x", name="high", content="one two three", priority=9, insertion_order=2),
        entry("x", name="free", content="one two three", priority=0, insertion_order=3, ignore_budget=True),
        token_budget=5,
    )
    selection = select(lore, "x")
    assert [item.name for item in selection.entries] == ["high", "free"]
    assert [(left.name, left.why) for left in selection.left] == [("low", "its 3 tokens do not fit the book's 5")]
    assert [item.name for item in select(lore, "x", budget=2).entries] == ["free"]


def test_closeness_in_meaning_chooses_too():
    lore = book(
        entry("zzz", name="default", meaning=True),
        entry("zzz", name="strict", meaning=0.8, id=7),
        entry("zzz", name="off", meaning=False),
    )
    keys = list(lore.meanings)
    assert len(keys) == 2
    assert "id:7" in keys
    close = dict.fromkeys(keys, 0.6)
    selection = select(lore, "something near", similarity=close)
    assert [item.name for item in selection.entries] == ["default"]
    assert selection.entries[0].why == "its meaning is close (0.60)"


def test_chance_decides_and_is_told():
    lore = book(entry("x", probability=50))
    outcomes = [select(lore, "x", chance=seed) for seed in range(40)]
    entered = sum(bool(outcome.entries) for outcome in outcomes)
    assert 8 < entered < 32
    assert all(outcome.entries or "chance (50%)" in outcome.left[0].why for outcome in outcomes)
    assert not select(book(entry("x", probability=0)), "x").entries


def play(lore: Book, *said: str) -> list[bool]:
    """Whether anything entered, turn by turn, with what was remembered carried on as JSON."""
    memory: dict[str, Any] = {}
    entered = []
    for turn, message in enumerate(said, 1):
        selection = select(lore, message, turn=turn, memory=memory)
        entered.append(bool(selection.entries))
        memory = json.loads(json.dumps(selection.memory))
    return entered


def test_a_sticky_entry_stays_for_its_turns():
    assert play(book(entry("x", sticky=2)), "x", "", "", "", "x") == [True, True, True, False, True]


def test_an_entry_rests_for_its_cooldown():
    assert play(book(entry("x", cooldown=2)), "x", "x", "x", "x", "x") == [True, False, False, True, False]
    assert play(book(entry("x", sticky=1, cooldown=1)), "x", "x", "x", "x") == [True, True, False, True]


def test_a_turn_that_is_taken_again_chooses_as_it_did_the_first_time():
    lore = book(entry("x", cooldown=5), entry("x", content="@@dont_activate_after_match\nOnce."))
    first = select(lore, "x", turn=3)
    again = select(lore, "x", turn=3, memory=first.memory)
    assert contents(again) == contents(first) != []
    assert again.memory == first.memory


def test_a_delay_waits_for_enough_messages():
    lore = book(entry("x", delay=3))
    assert names(lore, "x", "x") == []
    assert names(lore, "x", "x", "x") == ["x"]


def test_memory_forgets_entries_that_are_gone_and_survives_nonsense():
    lore = book(entry("x", id=1, sticky=3))
    selection = select(lore, "", turn=5, memory={"id:1": "nonsense", "id:9": [1, 4]})
    assert selection.entries == ()
    assert "id:9" not in selection.memory


def test_of_a_group_only_one_enters():
    lore = book(*(entry("x", name=str(number), group="weather") for number in range(3)))
    found = {name for seed in range(30) for name in (item.name for item in select(lore, "x", chance=seed).entries)}
    assert found == {"0", "1", "2"}
    assert all(len(select(lore, "x", chance=seed).entries) == 1 for seed in range(30))
    preferred = book(
        entry("x", name="a", group="g", insertion_order=9), entry("x", name="b", group="g", group_override=True)
    )
    assert names(preferred, "x") == ["b"]
    weighted = book(entry("x", name="a", group="g", group_weight=0), entry("x", name="b", group="g", group_weight=5))
    assert names(weighted, "x") == ["b"]


def test_decorators_are_taken_out_of_the_text():
    lore = book(entry("x", content="@@depth 2\n@@role user\n\nThe text.\n@@not a decorator"))
    (chosen,) = select(lore, "x").entries
    assert chosen.content == "The text.\n@@not a decorator"
    assert (chosen.position, chosen.depth, chosen.role) == ("at_depth", 2, "user")


@pytest.mark.parametrize(
    ("content", "talk", "found"),
    [
        ("@@activate_only_after 3\nT.", {"answers": 2}, False),
        ("@@activate_only_after 3\nT.", {"answers": 3}, True),
        ("@@activate_only_every 2\nT.", {"answers": 3}, False),
        ("@@activate_only_every 2\nT.", {"answers": 4}, True),
        ("@@activate_only_every 0\nT.", {"answers": 1}, True),
        ("@@is_greeting 1\nT.", {"greeting": 0}, False),
        ("@@is_greeting 1\nT.", {"greeting": 1}, True),
        ("@@dont_activate\nT.", {}, False),
        ("@@dont_activate\n@@activate\nT.", {}, True),
        ("@@additional_keys moon, sun\nT.", {}, False),
        ("@@additional_keys said, sun\nT.", {}, True),
        ("@@exclude_keys said\nT.", {}, False),
        ("@@exclude_keys moon\nT.", {}, True),
        ("@@scan_depth nonsense\nT.", {}, True),
    ],
)
def test_decorators_decide(content, talk, found):
    assert bool(names(book(entry("x", content=content)), "x was said", **talk)) is found


def test_activate_brings_an_entry_in_whatever_was_said():
    assert names(book(entry("x", content="@@activate\nT.")), "") == ["x"]


def test_decorators_remember_earlier_matches():
    assert play(book(entry("x", content="@@keep_activate_after_match\nT.")), "", "x", "", "") == [
        False,
        True,
        True,
        True,
    ]
    assert play(book(entry("x", content="@@dont_activate_after_match\nT.")), "x", "x", "x") == [True, False, False]


def test_an_unknown_decorator_gives_way_to_its_fallback():
    lines = "@@unheard_of 1\n@@@also_unheard_of\n@@@depth 7\n@@@depth 8\n@@depth 9\n@@@role user\nT."
    (chosen,) = select(book(entry("x", content=lines)), "x").entries
    assert (chosen.depth, chosen.role, chosen.content) == (7, "system", "T.")


def test_positions_and_what_goes_first():
    lore = book(
        entry("x", content="@@position scenario\n@@depth 3\nA."),
        entry("x", content="@@position nowhere\nB.", position="before_char"),
        entry("x", content="@@ignore_on_max_context\nC."),
        entry("x", content="@@disable_ui_prompt system_prompt\nD."),
    )
    selection = select(lore, "x")
    assert [item.position for item in selection.entries] == ["scenario", "before_char", "after_char", "after_char"]
    assert [item.first_to_go for item in selection.entries] == [False, False, True, False]
    assert selection.disabled == {"system_prompt"}


def test_entries_keep_their_memory_when_others_are_edited():
    one, two = entry("x", cooldown=3), entry("y", cooldown=3)
    before = select(book(one, two), "x y").memory
    assert set(select(book(two), "z", turn=2, memory=before).memory) < set(before)
    same = book(entry("x"), entry("x"), entry("x", id=1), entry("y", id=1))
    assert len({item.key for item in same.entries}) == 4
