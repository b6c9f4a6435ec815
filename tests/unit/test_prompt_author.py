"""What authors write for the whole prompt: system prompt, closing note, examples, notes inside the talk, macros."""

from datetime import timedelta

from tests.support.prompts import NOW, SAM, character, composed, everything, stable, system, talk
from whisperengine.characters.definition import parse
from whisperengine.chat.greetings import greetings
from whisperengine.chat.prompt import Composed
from whisperengine.memory.groundwork import Turn
from whisperengine.memory.people import Person


def roles(prompt: Composed) -> list[str]:
    return [message["role"] for message in prompt.messages]


def test_an_authors_system_prompt_stands_first_and_in_place_of_our_style():
    prompt = composed(character(conversation={"system_prompt": "Speak in haiku."}))
    assert system(prompt).startswith("<author>\nSpeak in haiku.\n</author>")
    assert "Stay in character: answer as" not in system(prompt)


def test_original_in_a_system_prompt_stands_for_our_style():
    prompt = composed(character(conversation={"system_prompt": "{{original}}\nIn haiku."}))
    assert "<author>\nStay in character: answer as Mira Vale, in Mira Vale's voice" in system(prompt)


def test_post_history_instructions_stand_behind_the_message():
    prompt = composed(character(conversation={"post_history_instructions": "Be {{char}}.{{original}}"}), "What now?")
    assert prompt.messages[-1]["content"] == "What now?\n\n<note>\nBe Mira Vale.\n</note>"


def test_a_depth_prompt_stands_so_many_messages_before_the_end():
    definition = character(conversation={"depth_prompt": {"text": "The tide comes in.", "depth": 2}})
    prompt = composed(definition, "four", recent=talk("one", "two", "three", "reply"))
    text = everything(prompt)
    assert text.index("three") < text.index("The tide comes in.") < text.index("reply")
    assert roles(prompt) == ["system", "user", "assistant", "user", "assistant", "user"]


def test_a_line_of_the_character_inside_the_talk_never_stands_where_the_answer_comes():
    note = {"text": "I am listening.", "depth": 0, "role": "assistant"}
    prompt = composed(character(conversation={"depth_prompt": note}), "Hello", recent=talk("one", "two"))
    assert prompt.messages[-1] == {"role": "user", "content": "Hello"}
    assert prompt.messages[-2]["content"] == "two\n\nI am listening."


def test_example_dialogues_are_told_with_the_names():
    definition = character(conversation={"example_dialogues": "<START>\n{{user}}: Hi\n{{char}}: Ahoy"})
    assert "<START>\nSam: Hi\nMira Vale: Ahoy" in stable(composed(definition))


def test_macros_of_the_stable_part_hold_for_a_day():
    definition = character(
        identity={"description": "{{random:red,blue,green,grey,white}} {{roll:d1000}} on {{date}}, at {{time}}."}
    )
    one = stable(composed(definition))
    later = stable(composed(definition, "And now?", turns=3, now=NOW + timedelta(hours=2)))
    assert one == later
    assert "on 15 June 2026, at the hour told under NOW." in one
    days = {stable(composed(definition, now=NOW + timedelta(days=day))) for day in range(5)}
    assert len(days) == 5


def test_macros_behind_the_stable_part_are_of_the_moment():
    definition = character(conversation={"post_history_instructions": "{{time}} {{roll:d1000}}"})
    one = composed(definition, turns=1).messages[-1]["content"]
    assert "18:30 " in one
    assert composed(definition, turns=1).messages[-1]["content"] == one
    assert len({composed(definition, turns=turn).messages[-1]["content"] for turn in range(5)}) > 1


def test_the_stable_part_is_the_same_whatever_is_said_felt_and_remembered():
    definition = character(
        identity={"description": "Likes {{user}}. {{pick:a,b}}"},
        conduct={"modes": [{"name": "brief", "triggers": ["quick"]}]},
        lorebook={
            "entries": [
                {"keys": ["sea"], "content": "The sea is cold."},
                {
                    "keys": [],
                    "constant": True,
                    "content": "The lamp {{random:burns,glows}}.",
                    "position": "before_char",
                },
            ]
        },
    )
    prompts = [
        composed(definition),
        composed(definition, "A quick question about the sea", turns=4, recent=talk("sea", "yes")),
        composed(definition, "word " * 400, turns=40, recent=talk(*["long " * 50] * 20)),
    ]
    assert len({stable(prompt) for prompt in prompts}) == 1
    assert "The lamp" in stable(prompts[0])
    assert "The sea is cold." in system(prompts[1]).partition("</character>")[2]


def test_a_person_without_a_name_has_one_in_macros():
    prompt = composed(character(identity={"description": "Knows {{user}}."}), person=Person(1, "", "UTC"))
    assert "Knows User." in stable(prompt)


def test_all_greetings_are_read_with_the_persons_name():
    definition = character(
        conversation={"greeting": "Ahoy {{user}}, it is {{time}}.", "alternate_greetings": ["{{char}} waves.", ""]}
    )
    assert greetings(definition, SAM.display_name, NOW) == ("Ahoy Sam, it is 18:30.", "Mira Vale waves.")


def test_a_talk_that_the_character_began_is_told_as_all_model_families_take_it():
    recent = [Turn(1, False, "Ahoy Sam.", NOW, None), Turn(2, True, "Hello", NOW, None)]
    prompt = composed(character(conversation={"greeting": "Ahoy {{user}}."}), "What now?", recent=recent)
    assert roles(prompt) == ["system", "user", "assistant", "user"]
    assert prompt.messages[1]["content"].startswith("<note>\nThe talk begins")


def test_an_entry_for_one_greeting_enters_only_in_talks_that_began_with_it():
    definition = character(
        conversation={"greeting": "Ahoy.", "alternate_greetings": ["Psst, {{user}}."]},
        lorebook={"entries": [{"keys": ["sea"], "content": "@@is_greeting 1\nA secret meeting."}]},
    )
    for said, entered in (("Psst, Sam.", True), ("Ahoy.", False)):
        prompt = composed(definition, "The sea?", recent=[Turn(1, False, said, NOW, None)])
        assert ("A secret meeting." in system(prompt)) is entered


def test_a_character_that_is_too_large_is_cut_the_same_way_in_each_turn():
    definition = character(
        identity={"description": "long " * 3000},
        interests=["far " * 500],
        conduct={"guidelines": [{"text": "Never lie.", "critical": True}]},
    )
    short, long = composed(definition, "Hi"), composed(definition, "word " * 200, recent=talk("a", "b"), turns=1)
    assert stable(short) == stable(long)
    assert "Never lie." in stable(short)
    cuts = {part.name: part.cut for part in short.sections}
    assert cuts["interests"].startswith("left out")
    assert cuts["identity"].startswith("shortened")


def test_a_real_world_character_stays_honest_and_only_full_roleplay_of_fantasy_stays_in_its_story():
    for archetype, words in (
        ("real-world", "say truthfully that you are an AI"),
        ("narrative-ai", "never claim to be human"),
        ("fantasy", "say truthfully that you are an AI"),
    ):
        assert words in system(composed(character(identity={"archetype": archetype})))
    story = parse({"cdl": "3.0", "name": "m", "identity": {"archetype": "fantasy", "full_roleplay": True}})
    assert "stay in it" in system(composed(story))
    assert "say truthfully" not in system(composed(story))


def test_traits_and_moods_are_told_in_words_and_never_as_numbers():
    definition = character(
        personality={
            "big_five": {"openness": 0.93, "neuroticism": {"value": 0.07}},
            "traits": [{"name": "wit", "value": 0.97}],
        },
        emotions={"baseline": {"joy": 0.83}},
        goals=[{"text": "Paint the tower", "priority": 9}],
    )
    text = everything(composed(definition))
    assert "very curious" in text
    assert "very calm" in text
    assert "wit (strongly)" in text
    assert "Paint the tower (urgent)" in text
    assert not any(number in text for number in ("0.9", "0.07", "0.83", "93"))
