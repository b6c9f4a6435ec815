"""What a character keeps from turn to turn: its mood, the entries in use, what it brought up by itself."""

import json
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.prompts import NOW, character, composed, everything, feeling, memory, system, talk
from whisperengine.chat import state as states
from whisperengine.chat.budget import count_tokens
from whisperengine.chat.moments import EVERY_TURNS
from whisperengine.chat.mood import Mood
from whisperengine.chat.state import State

LORE = {
    "entries": [{"id": "seal", "keys": ["seal"], "content": "Grey seals pup in November.", "sticky": 2, "cooldown": 2}]
}


def kept(state: State) -> State:
    """As it comes back from the store."""
    return states.from_json(json.loads(json.dumps(state.as_json())))


def test_a_mood_is_moved_by_what_is_said_and_passes_with_time():
    definition = character(emotions={"recovery_minutes": 60})
    sad = composed(definition, "My dog died.", read=feeling("sadness")).state
    assert sad.mood.off["sadness"] > 0.1
    assert "a little sad" in system(composed(definition, state=kept(sad), turns=1))
    later = composed(definition, state=kept(sad), turns=1, now=NOW + timedelta(hours=1)).state.mood
    assert later.off["sadness"] == pytest.approx(sad.mood.off["sadness"] / 2, rel=0.01)
    tomorrow = composed(definition, state=kept(sad), turns=1, now=NOW + timedelta(days=1))
    assert tomorrow.state.mood.off == {}
    assert "you feel" not in system(tomorrow)


def test_a_mood_never_leaves_its_bounds_however_often_it_is_stirred():
    definition = character(emotions={"baseline": {"joy": 0.6}})
    state = State()
    for turn in range(60):
        state = composed(definition, read=feeling("joy", 1.0), turns=turn, state=kept(state)).state
    assert 0.3 < state.mood.off["joy"] <= 0.4
    assert "very happy" in system(composed(definition, turns=60, state=kept(state)))


def test_anger_makes_an_agreeable_character_sad_and_another_angry():
    for agreeableness, name in ((0.9, "sadness"), (0.1, "anger")):
        definition = character(personality={"big_five": {"agreeableness": agreeableness}})
        mood = composed(definition, read=feeling("anger")).state.mood
        assert max(mood.off, key=lambda each: mood.off[each]) == name


def test_an_emotional_trigger_moves_the_mood_and_says_what_to_do():
    trigger = {
        "text": "plastic on a beach",
        "kind": "concern",
        "response": "Goes quiet, then practical.",
        "intensity": 10,
    }
    prompt = composed(character(emotions={"triggers": [trigger]}), "The beaches were full of plastic!")
    assert "What was said stirs you: plastic on a beach" in system(prompt)
    assert prompt.state.mood.off["fear"] > 0.3
    assert composed(character(emotions={"triggers": [trigger]}), "A fine beach.").state.mood == Mood({}, NOW)


def test_the_most_important_mode_whose_trigger_is_said_is_picked():
    modes = [
        {"name": "story", "text": "Tell at length.", "triggers": ["tell me"], "priority": 10},
        {
            "name": "brief",
            "length": "one sentence",
            "triggers": [{"text": r"quick(ly)?\b", "kind": "pattern"}],
            "priority": 90,
        },
        {"name": "calm", "triggers": [{"text": "panic", "kind": "keyword"}], "priority": 50},
    ]
    definition = character(conduct={"modes": modes})
    prompt = composed(definition, "Quickly, tell me!")
    assert prompt.mode == "brief"
    assert "brief (length: one sentence)" in system(prompt)
    assert composed(definition, "Tell me of the sea").mode == "story"
    assert composed(definition, "The panicking crowd").mode == ""


def test_a_pattern_that_could_hang_the_service_does_not():
    mode = {"name": "trap", "triggers": [{"text": "(a+)+b", "kind": "pattern"}]}
    prompt = composed(character(conduct={"modes": [mode]}), "a" * 8000)
    assert prompt.mode == ""


def test_a_mode_with_a_pattern_that_cannot_be_used_is_told_to_the_author():
    mode = {"name": "trap", "triggers": [{"text": "(unclosed", "kind": "pattern"}]}
    assert "(unclosed" in composed(character(conduct={"modes": [mode]})).problems[0]


def test_memories_scenarios_and_questions_of_its_own_are_called_up_by_their_words():
    definition = character(
        memories=[{"text": "The night the bay glowed.", "triggers": ["glow"]}],
        conduct={"scenarios": [{"name": "ai", "text": "Says it is an AI.", "triggers": ["are you an AI"]}]},
        curiosity={"questions": [{"text": "How far out?", "keywords": ["swim"]}]},
    )
    text = system(composed(definition, "Are you an AI? I like to swim in the glow.")).partition("</character>")[2]
    assert "memory of your own: The night the bay glowed." in text
    assert "answer so: ai: Says it is an AI." in text
    assert "How far out?" in text


def test_an_entry_stays_for_its_turns_and_then_rests():
    definition = character(lorebook=LORE)
    state, seen = State(), []
    for turn in range(8):
        message = "A seal!" if turn in (0, 4, 5) else "Hm."
        prompt = composed(definition, message, turns=turn, state=kept(state))
        seen.append("Grey seals" in system(prompt))
        state = prompt.state
    assert seen == [True, True, True, False, False, True, True, True]


def test_only_what_later_turns_need_is_kept():
    book = {"entries": [{"keys": ["seal"], "content": "Seals."}]}
    assert composed(character(lorebook=book), "seal").state.as_json() == {}


def test_an_entry_that_did_not_enter_says_why():
    book = {"entries": [{"name": "Seals", "keys": ["seal"], "content": "Seals.", "probability": 0}]}
    sections = {part.name: part for part in composed(character(lorebook=book), "seal").sections}
    assert sections["lore: Seals"].text == ""
    assert "chance" in sections["lore: Seals"].cut


def test_an_entry_close_in_meaning_enters_without_its_words():
    book = {"entries": [{"id": "seal", "keys": [], "content": "Grey seals pup in November.", "meaning": 0.5}]}
    definition = character(lorebook=book)
    assert "Grey seals" in system(composed(definition, similarity={"id:seal": 0.6}))
    assert "Grey seals" not in system(composed(definition, similarity={"id:seal": 0.4}))


def test_entries_keep_the_order_that_their_author_meant():
    places = ("after_char", "before_char", "scenario", "before_note", "at_depth")
    entries = [{"keys": ["sea"], "content": f"lies {place}", "position": place, "depth": 1} for place in places]
    prompt = composed(character(lorebook={"entries": entries}), "The sea", recent=talk("one", "two"))
    text = everything(prompt)
    order = sorted(places, key=lambda place: text.index(f"lies {place}"))
    assert order == ["before_char", "scenario", "after_char", "at_depth", "before_note"]
    assert prompt.messages[-1]["content"].endswith("lies before_note\n</note>")


def test_the_book_takes_at_most_a_quarter_of_the_prompt():
    entries = [{"keys": ["sea"], "content": f"{number} " + "x" * 400} for number in range(100)]
    prompt = composed(character(lorebook={"entries": entries}), "The sea", budget=4000)
    taken = sum(part.tokens for part in prompt.sections if part.name.startswith("lore: "))
    assert 500 < taken <= 1000
    assert prompt.tokens <= 4000


def test_a_mode_longer_than_the_context_is_shortened():
    mode = {"name": "long", "text": "word " * 3_900, "triggers": ["sea"]}
    prompt = composed(character(conduct={"modes": [mode]}), "The sea", budget=4000)
    part = next(part for part in prompt.sections if part.name == "called up")
    assert part.cut.startswith("shortened")
    assert prompt.tokens <= 4000


@settings(max_examples=30)
@given(st.integers(1500, 9000), st.integers(0, 60), st.integers(0, 4000), st.integers(0, 3000))
def test_the_budget_holds_whatever_an_author_writes(budget: int, entries: int, length: int, message: int):
    places = ("before_char", "after_char", "at_depth", "before_note", "scenario")
    definition = character(
        identity={"description": "long " * (length // 5)},
        conversation={
            "system_prompt": "s " * length,
            "post_history_instructions": "p " * length,
            "example_dialogues": "e " * length,
            "depth_prompt": {"text": "d " * length, "depth": 1},
        },
        lorebook={
            "entries": [
                {"keys": ["x"], "constant": n % 3 == 0, "content": "y" * length, "position": places[n % 5], "depth": n}
                for n in range(entries)
            ]
        },
    )
    prompt = composed(definition, "x" * message, budget=budget, recent=talk(*["x" * 300] * 20))
    assert "x" * message in prompt.messages[-1]["content"]
    assert sum(count_tokens(part["content"]) for part in prompt.messages) <= budget + message // 4 + 700


def test_something_told_once_is_brought_up_now_and_then():
    told = [
        memory(7, "I broke my leg on the ice last winter.", 40),
        memory(8, "My sister sails to Norway each summer.", 40),
    ]
    state, marked = State(), []
    for turn in range(30):
        prompt = composed(memories=told, turns=turn, state=kept(state))
        if "worth bringing up)" in everything(prompt):
            assert "in passing that you remember it" in system(prompt)
            marked.append((turn + 1, prompt.state.about))
        state = prompt.state
    turns = [turn for turn, _ in marked]
    assert turns[0] == 5
    assert all(two - one == EVERY_TURNS for one, two in pairwise(turns))
    assert [about for _, about in marked[:2]] == [7, 8]


def test_what_is_fresh_short_or_a_question_is_not_brought_up():
    others = [
        memory(1, "I broke my leg today.", 0),
        memory(2, "Yes.", 40),
        memory(3, "Do you ever feel lonely up there?", 40),
    ]
    assert "worth bringing up)" not in everything(composed(memories=others, turns=20))


def test_a_stored_state_of_another_form_counts_as_none():
    for value in ({}, {"mood": 3, "lore": [], "recalled": "x"}, {"mood": {"off": {"joy": 1}, "at": None}}):
        state = states.from_json(value)
        assert (dict(state.mood.off), dict(state.lore), state.recalled) == ({}, {}, 0)
