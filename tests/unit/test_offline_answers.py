"""What people get while no language model is connected: honest, warm, and never invented."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whisperengine.llm.asking import Want, asks, keys, tells, understand
from whisperengine.llm.offline import OfflineMemory, OfflineScene, answer
from whisperengine.llm.wording import DESPAIR, NOTHING, NOTICE, REACTIONS

NOW = datetime(2026, 3, 17, 12, tzinfo=UTC)


def told(text: str, days: float = 14, *, score: float = 1.0) -> OfflineMemory:
    return OfflineMemory(text, "Sam", NOW - timedelta(days=days), score, by_person=True)


def said_by_mira(text: str, days: float = 14) -> OfflineMemory:
    return OfflineMemory(text, "Mira", NOW - timedelta(days=days), 1.0, by_person=False)


def scene(message: str, *memories: OfflineMemory, salt: int = 1, **changes) -> OfflineScene:
    plain = OfflineScene(
        character_name="Mira",
        greeting="Mind the ladder, it is slimy.",
        catchphrases=(),
        message=message,
        person_name="Sam",
        first_turn=False,
        told_once=True,
        memories=memories,
        emotion="neutral",
        intensity=0.0,
        now=NOW,
        salt=salt,
    )
    return replace(plain, **changes)


def quotes(text: str) -> list[str]:
    return re.findall("“([^”]*)”", text)


CAT = told("My cat is called Miso and she hates the vacuum cleaner.")
SISTER = told("My sister Nadia lives in Lisbon.", 1)
WORK = told("I work as a nurse in the hospital of Porto.", 4)


# ── what a message wants ──

QUESTIONS_ABOUT_THE_PAST = """
What is my cat's name?
what's my cat called
whats my sisters name
When is my birthday?
Do you remember my birthday?
do you remember when we talked about Lisbon
Did I tell you about my new job?
did i ever mention my brother
Tell me what I said about my sister.
tell me again where I work
Remind me what I'm allergic to
Where do I live?
How old is my son
Am I allergic to anything?
Which hotel did we stay at
what city do I live in
I forgot what my doctor is called
I can’t remember when my flight leaves
Hi Mira, what is my dog's name?
hi what is my dog's name
I had a long day. What did I say about my sister?
My sister called. Do you remember her?
what was your advice about the interview
And do I have any pets?
Can you remind me what my car is called?
Remember my trip to Rome?
How do I take my coffee?
What happened on my trip to Rome
What's my name?
""".strip().splitlines()

OTHER_WANTS = [
    ("What do you remember about me?", Want.ABOUT_PERSON),
    ("tell me everything you know about me", Want.ABOUT_PERSON),
    ("Do you remember me?", Want.ABOUT_PERSON),
    ("who am I?", Want.ABOUT_PERSON),
    ("What have I told you so far?", Want.ABOUT_PERSON),
    ("what do you remember about my sister?", Want.PAST),
    ("What is the capital of France?", Want.QUESTION),
    ("Can you help me?", Want.QUESTION),
    ("What should I cook tonight?", Want.QUESTION),
    ("How do I bake bread?", Want.QUESTION),
    ("Why am I so tired?", Want.QUESTION),
    ("Who are you?", Want.WHO_ARE_YOU),
    ("Are you a real person?", Want.WHO_ARE_YOU),
    ("Hi, how are you?", Want.HOW_ARE_YOU),
    ("hi", Want.GREETING),
    ("Good morning, Mira!", Want.GREETING),
    ("Hey there :)", Want.GREETING),
    ("Good night, talk to you tomorrow", Want.FAREWELL),
    ("Thank you so much!", Want.THANKS),
    ("Thanks! I got the job.", Want.STATEMENT),
    ("Thanks to my sister I found a flat.", Want.STATEMENT),
    ("I have to go to the dentist on Friday.", Want.STATEMENT),
    ("Later we went to the beach.", Want.STATEMENT),
    ("Please remember that my cat is called Miso.", Want.KEEP),
    ("Remember: I'm allergic to nuts", Want.KEEP),
    ("I remember when we went to Rome.", Want.STATEMENT),
    ("What I love about my job is the people.", Want.STATEMENT),
    ("When I was a child I lived in Rome.", Want.STATEMENT),
    ("Where my sister lives it is always cold.", Want.STATEMENT),
    ("What a day!", Want.STATEMENT),
    ("Hi, my name is Sam and I work as a nurse.", Want.STATEMENT),
    ("hello my cat is called Miso", Want.STATEMENT),
    ("Have a nice day", Want.STATEMENT),
    ("I told my boss that I quit.", Want.STATEMENT),
    ("I don’t want to live anymore", Want.DESPAIR),
    ("", Want.STATEMENT),
    ("😀", Want.STATEMENT),
]


@pytest.mark.parametrize("message", QUESTIONS_ABOUT_THE_PAST)
def test_a_question_about_the_past_is_recognised(message: str):
    assert understand(message).want is Want.PAST


@pytest.mark.parametrize(("message", "want"), OTHER_WANTS)
def test_everything_else_is_told_from_it(message: str, want: Want):
    assert understand(message).want is want


def test_forms_of_a_word_are_one():
    assert keys("allergies") == keys("allergic")
    assert keys("My cat's") == keys("cats")
    assert keys("running") == keys("runs")
    assert keys("café") == keys("CAFE")


def test_a_question_tells_nothing_and_a_statement_beside_it_does():
    assert not tells("What is my cat's name?")
    assert not tells("hi")
    assert tells("My cat is called Miso. What is yours called?")
    assert not asks("my cat is called miso.")


@settings(max_examples=100)
@given(st.text(max_size=200), st.text(max_size=200), st.integers())
def test_any_text_at_all_gets_an_answer(message: str, memory: str, salt: int):
    assert answer(scene(message, told(memory), salt=salt)).strip()


# ── quoting ──


def test_the_memory_that_answers_is_quoted_with_its_date():
    text = answer(scene("What is my cat's name?", SISTER, CAT, WORK))
    assert quotes(text) == [CAT.text]
    assert "you told me on 3 march 2026:" in text.lower()


def test_what_the_search_liked_better_is_shown_beside_what_shares_a_word():
    nurse = replace(WORK, score=2.0)
    interview = told("My job interview is on Friday.", 3)
    assert quotes(answer(scene("What is my job?", nurse, interview))) == [interview.text, nurse.text]


@pytest.mark.parametrize(
    ("days", "date"),
    [
        (0.1, "today, 17 March 2026"),
        (1, "yesterday, 16 March 2026"),
        (4, "on Friday, 13 March 2026"),
        (30, "on 15 February 2026"),
    ],
)
def test_a_date_is_said_as_people_say_it_and_in_full(days: float, date: str):
    assert date in answer(scene("What is my cat's name?", told("My cat is called Miso.", days)))


def test_days_are_those_of_the_time_zone_of_now():
    late = datetime(2026, 3, 17, 1, tzinfo=timezone(timedelta(hours=9)))
    memory = replace(CAT, when=datetime(2026, 3, 16, 14, tzinfo=UTC))
    assert "yesterday, 16 March 2026" in answer(scene("What is my cat's name?", memory, now=late))


def test_earlier_questions_small_talk_and_the_message_itself_are_no_answer():
    asked = told("Do you know what my cat's name is?", 2)
    text = answer(scene("What is my cat's name?", asked, told("hi"), told("What is my cat's name?"), CAT))
    assert quotes(text) == [CAT.text]


def test_an_earlier_answer_of_this_mode_does_not_come_back_as_a_memory():
    earlier = said_by_mira(f"I remember. You told me on 3 March 2026: “{CAT.text}”")
    assert quotes(answer(scene("What did you say my cat is called?", earlier, CAT))) == [CAT.text]


def test_the_characters_own_words_are_quoted_when_they_are_asked_for():
    octopus = said_by_mira("Octopuses have three hearts, and I think that is greedy.")
    text = answer(scene("What did you tell me about octopuses?", CAT, octopus))
    assert quotes(text) == [octopus.text]
    assert "I said on 3 March 2026" in text
    assert quotes(answer(scene("What do I think of octopuses?", octopus))) == []


def test_what_another_person_said_is_theirs():
    anna = OfflineMemory("The meeting moved to Thursday.", "Anna", NOW - timedelta(days=1), 1.0, by_person=False)
    assert "Anna said yesterday" in answer(scene("When is our meeting?", anna))


def test_nothing_twice():
    assert quotes(answer(scene("What is my cat's name?", CAT, replace(CAT, when=NOW)))) == [CAT.text]


def test_finding_nothing_is_said_plainly():
    assert answer(scene("What is my cat's name?")) in NOTHING
    assert answer(scene("What is my cat's name?", told("hello there"))) in NOTHING


def test_the_nearest_memory_is_offered_as_no_more_than_that():
    text = answer(scene("What is my shoe size?", CAT))
    assert quotes(text) == [CAT.text]
    assert re.search("nearest|closest", text, re.IGNORECASE)


def test_of_a_long_memory_the_part_that_matters_is_quoted():
    chatter = "The weather was grey and the tram was late again. " * 12
    text = answer(scene("Who is my dentist?", told(f"{chatter}My dentist is called Doctor Olsen. {chatter}")))
    (quote,) = quotes(text)
    assert "My dentist is called Doctor Olsen." in quote
    assert quote.startswith("… ")
    assert quote.endswith(" …")
    assert len(quote) < 260


def test_what_is_remembered_about_a_person_is_listed_in_order_of_time():
    text = answer(scene("What do you remember about me?", SISTER, told("What time is it?"), CAT, WORK))
    assert quotes(text) == [CAT.text, WORK.text, SISTER.text]
    assert "Sam" in text


def test_a_day_that_is_named_is_preferred():
    assert quotes(answer(scene("What did I tell you yesterday?", CAT, WORK, SISTER))) == [SISTER.text]


def test_a_name_that_is_known_is_told():
    assert answer(scene("What's my name?", CAT)) == "I know you as Sam."
    samuel = told("My name is Samuel, but call me Sam.")
    assert quotes(answer(scene("What's my name?", CAT, samuel))) == [samuel.text]


def test_a_question_about_the_world_is_not_answered_but_own_words_on_it_are():
    assert "language model" in answer(scene("What is the capital of France?", CAT))
    assert quotes(answer(scene("Who is Nadia?", CAT, SISTER))) == [SISTER.text]


def test_nothing_is_invented():
    """Whatever is asked, what stands in quotation marks was said."""
    memories = (CAT, SISTER, WORK)
    for message in [*QUESTIONS_ABOUT_THE_PAST, *(message for message, _ in OTHER_WANTS)]:
        for salt in range(5):
            assert set(quotes(answer(scene(message, *memories, salt=salt)))) <= {memory.text for memory in memories}


# ── the rest of a conversation ──


@pytest.mark.parametrize("emotion", sorted(REACTIONS))
def test_a_feeling_is_answered_when_it_is_strong_enough(emotion: str):
    said = "I spent the whole day in the garden."
    assert answer(scene(said, emotion=emotion, intensity=0.8)).startswith(REACTIONS[emotion])
    assert not answer(scene(said, emotion=emotion, intensity=0.1)).startswith(REACTIONS[emotion])


def test_a_statement_is_joined_to_what_it_goes_with():
    assert quotes(answer(scene("My sister Nadia moved away from Lisbon.", CAT, SISTER))) == [SISTER.text]
    assert quotes(answer(scene("I had soup.", CAT, SISTER))) == []


def test_the_first_turn_begins_with_the_greeting():
    first = answer(scene("hello", first_turn=True))
    assert first == "Mind the ladder, it is slimy."
    assert answer(scene("My cat is called Miso.", first_turn=True)).startswith("Mind the ladder, it is slimy.\n\n")
    assert answer(scene("hello", first_turn=True, greeting="")) == "Hello, I am Mira."


def test_the_missing_model_is_admitted_once_with_the_way_to_connect_one():
    assert answer(scene("hello", told_once=False)).endswith(NOTICE)
    assert "LLM_CHAT_API_URL" in NOTICE
    assert "Ollama" in NOTICE
    assert NOTICE not in answer(scene("hello", told_once=True))


def test_catchphrases_come_back_now_and_then_but_not_to_somebody_who_is_sad():
    def said(salt: int, **changes) -> bool:
        return "Look closer." in answer(scene("I saw a crab.", salt=salt, catchphrases=("Look closer.",), **changes))

    assert 0 < sum(said(salt) for salt in range(60)) < 40
    assert not any(said(salt, emotion="sadness", intensity=0.8) for salt in range(60))


def test_despair_gets_care_and_nothing_else():
    message = "I want to kill myself"
    assert answer(scene(message, CAT, first_turn=True, told_once=False, catchphrases=("Look closer.",))) == DESPAIR


@pytest.mark.parametrize(
    "message", ["hi", "bye", "thanks", "I saw a crab.", "What is my cat's name?", "What is a quark?", "how are you?"]
)
def test_wording_varies_with_the_salt_and_only_with_it(message: str):
    answers = [answer(scene(message, CAT, salt=salt)) for salt in range(40)]
    assert len(set(answers)) >= 2
    assert answers == [answer(scene(message, CAT, salt=salt)) for salt in range(40)]


def test_a_person_without_a_name_is_not_called_anything():
    for salt in range(10):
        for message in ("hi", "bye", "thanks", "What do you remember about me?"):
            text = answer(scene(message, CAT, salt=salt, person_name=""))
            assert "{" not in text
            assert ", ." not in text
            assert "as ." not in text
