"""What the patterns read from a message, and above all what they leave alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from whisperengine.learning import patterns
from whisperengine.learning.statements import statements

SAID_AT = datetime(2023, 5, 8, 12, tzinfo=UTC)

# Message -> facts as "slot=value", the slot alone where it holds the value.
TOLD: dict[str, set[str]] = {
    # Names
    "My name is Sam.": {"name=Sam"},
    "my name is sam": {"name=Sam"},
    "Hi! My name's Ana María and I just found this place": {"name=Ana María"},
    "Hey, I'm Sam!": {"name=Sam"},
    "Hello there, I am Žiga 🌸": {"name=Žiga"},
    "I'm 明, nice to meet you": {"name=明"},
    "My name is अनिल.": {"name=अनिल"},
    "I'm Sam from Porto, and you?": {"name=Sam"},
    "My full name is Mary Jane Watson-Parker.": {"name=Mary Jane Watson-Parker"},
    "My name is O'Brien": {"name=O'Brien"},
    "Please call me Sammy.": {"nickname=Sammy"},
    "You can call me bee, everyone does": {"nickname=Bee"},
    "My friends call me Ziggy.": {"nickname=Ziggy"},
    "I'm Katherine but everyone calls me Kat": {"name=Katherine", "nickname=Kat"},
    "I go by Alex.": {"nickname=Alex"},
    # Pronouns, birthday, age
    "My pronouns are they/them.": {"pronouns=they/them"},
    "I use she/her pronouns": {"pronouns=she/her"},
    "btw i go by he / him": {"pronouns=he/him"},
    "My birthday is on the 14th of March.": {"birthday=14 March"},
    "My birthday's March 3rd, 1990": {"birthday=3 March 1990"},
    "I was born on 29 February 1992.": {"birthday=29 February 1992"},
    "I was born on 1990-07-01": {"birthday=1 July 1990"},
    "It's my birthday today!": {"birthday=8 May"},
    "Tomorrow is my birthday": {"birthday=9 May"},
    "I'm 34 years old.": {"age=34"},
    "I just turned 30!": {"age=30"},
    "I'm 19, and I study biology at the university": {"age=19", "studies=biology"},
    # Place and time zone
    "I live in Portland, Oregon with my dog Biscuit.": {"lives_in=Portland, Oregon", "pet:dog:biscuit"},
    "i live in berlin": {"lives_in=Berlin"},
    "I'm living in the Netherlands now": {"lives_in=the Netherlands"},
    "We live in New York.": {"lives_in=New York"},
    "I just moved to Rio de Janeiro!": {"lives_in=Rio de Janeiro"},
    "I'm currently based in São Paulo": {"lives_in=São Paulo"},
    "I'm from Slovenia.": {"from=Slovenia"},
    "I grew up in Ljubljana, and it shaped me.": {"from=Ljubljana"},
    "I was born in Lagos": {"from=Lagos"},
    "My hometown is Graz.": {"from=Graz"},
    "My time zone is Europe/Lisbon": {"time_zone=Europe/Lisbon"},
    "my timezone is UTC+2": {"time_zone=Etc/GMT-2"},
    "I'm in the Pacific time zone.": {"time_zone=America/Los_Angeles"},
    "I'm on CET time": {"time_zone=Europe/Paris"},
    # Work and studies
    "I'm a nurse.": {"job=nurse"},
    "I am a retired math teacher, by the way.": {"job=retired math teacher"},
    "I work as a bridge engineer.": {"job=bridge engineer"},
    "I'm actually an assistant manager at a hotel": {"job=assistant manager"},
    "I work at Siemens.": {"employer=Siemens"},
    "I work for a small bakery": {"employer=a small bakery"},
    "I'm studying computer science in Vienna": {"studies=computer science"},
    "I'm a student at the moment": {"job=student"},
    # Tastes
    "I love mushroom risotto.": {"taste:mushroom risotto=likes"},
    "I really like hiking": {"taste:hiking=likes"},
    "I love cheese, bread and red wine.": {"taste:cheese=likes", "taste:bread=likes", "taste:red wine=likes"},
    "I enjoy watching old films with my dad": {"taste:watching old films=likes"},
    "I love to cook!": {"taste:cooking=likes"},
    "i like cats and dogs": {"taste:cats=likes", "taste:dogs=likes"},
    "I'm a big fan of Lord of the Rings!": {"taste:lord of the rings=likes"},
    "I'm really into jazz": {"taste:jazz=likes"},
    "I've always liked turtles.": {"taste:turtles=likes"},
    "I love the ocean": {"taste:the ocean=likes"},
    "I don't like mushrooms.": {"taste:mushrooms=dislikes"},
    "I hate Mondays": {"taste:mondays=dislikes"},
    "I can't stand loud music.": {"taste:loud music=dislikes"},
    "I'm not a fan of horror movies": {"taste:horror movies=dislikes"},
    "I do like tea, but I hate coffee.": {"taste:tea=likes", "taste:coffee=dislikes"},
    "That's why I love volunteering": {"taste:volunteering=likes"},
    "I love pizza and went home early": {"taste:pizza=likes"},
    "I like **dark chocolate**": {"taste:dark chocolate=likes"},
    "- I love sushi\n- I hate olives": {"taste:sushi=likes", "taste:olives=dislikes"},
    "PS: I love ramen": {"taste:ramen=likes"},
    # Favourites
    "My favourite dish is mushroom risotto.": {"favourite:dish=mushroom risotto"},
    "My favorite color is green": {"favourite:color=green"},
    "Harry Potter is my favorite book.": {"favourite:book=Harry Potter"},
    "my fav band is Radiohead, hands down": {"favourite:band=Radiohead"},
    # Health and diet
    "I am allergic to peanuts.": {"allergy:peanuts=allergic"},
    "I'm severely allergic to bees and cat hair": {"allergy:bees=allergic", "allergy:cat hair=allergic"},
    "I'm not allergic to cats.": {"allergy:cats=not allergic"},
    "I have a peanut allergy": {"allergy:peanut=allergic"},
    "I'm lactose intolerant, so no milk for me": {"note:lactose intolerant=lactose intolerant"},
    "I'm vegan.": {"diet=vegan"},
    "I don't eat pork": {"note:does not eat pork=does not eat pork"},
    # People and pets
    "My sister Ana is visiting.": {"relative:sister:ana"},
    "My sister's name is Penelope.": {"relative:sister:penelope"},
    "my wife is called ana": {"relative:wife=Ana"},
    "I have a brother named Tom.": {"relative:brother:tom"},
    "I have a twin brother, Leo.": {"relative:brother:leo"},
    "I went swimming with my friend Jürgen yesterday.": {"relative:friend:jurgen=Jürgen"},
    "My mum, Judith, called.": {"relative:mother=Judith"},
    "My kids are called Tom, Lia and Max.": {
        "relative:child:tom",
        "relative:child:lia",
        "relative:child:max",
    },
    "My cat is called Schrödinger.": {"pet:cat:schrodinger=Schrödinger"},
    "My dog is called Biscuit": {"pet:dog:biscuit"},
    "I have two cats, Mio and Luna.": {"has:cats=two", "pet:cat:mio", "pet:cat:luna"},
    "We adopted a puppy named Zoë last week": {"pet:dog:zoe=Zoë"},
    "I have three kids": {"has:kids=three"},
    "I took my dog Rex to the vet, he is fine.": {"pet:dog:rex"},
    # Status, languages, play
    "I'm married.": {"status=married"},
    "I got divorced": {"status=divorced"},
    "I'm single again": {"status=single"},
    "I'm married to Ana.": {"status=married", "relative:spouse:ana"},
    "I speak French, German and Polish": {
        "language:french=speaks",
        "language:german=speaks",
        "language:polish=speaks",
    },
    "I'm learning Japanese": {"language:japanese=learning"},
    "My native language is Slovenian.": {"language:slovenian=native speaker of"},
    "I don't speak Spanish": {"language:spanish=does not speak"},
    "I play the cello on Thursdays.": {"plays:cello=plays"},
    "Yeah, I play clarinet!": {"plays:clarinet=plays"},
}

NOTHING: tuple[str, ...] = (
    # Questions
    "Do I live in Berlin?",
    "Am I a nurse?",
    "Is my name Sam?",
    "Do you think I like cheese?",
    "Did I tell you that my name is Sam?",
    "What is my favourite dish",
    "I live in Paris, right?",
    # Conditions, wishes, play
    "If I were a doctor I'd help.",
    "I wish I lived in Paris.",
    "Imagine I'm a pilot.",
    "Let's pretend my name is Bond.",
    "I would love a dog.",
    "I'd like a coffee",
    "Unless I am a nurse, no.",
    "One day I live in Rome",
    "In my dream I am a pilot.",
    "In my novel my name is Victor.",
    "My character says: I am a doctor",
    "*I am a doctor and I live in Paris*",
    "*smiles* _I am a baker_",
    "*walks in and says hello, my name is Bond",
    # What others said, quotes, code
    "She said I am a doctor.",
    'He told me "I love cheese".',
    "“My name is Sam”",
    "They think I'm a nurse, she says",
    "> I live in Rome",
    "```\nname = 'I am a doctor'\nI live in Rome\n```",
    "`I live in Rome`",
    "Tom: I love sushi",
    "[12:30] Bob: my name is Bob",
    "The song goes 'I am a passenger'",
    "My lyrics: I am a baker",
    "http://example.org/I'm-Sam",
    "Rumour has it I am a teacher, apparently.",
    # Jokes and figures of speech
    "I am a potato.",
    "I'm a mess.",
    "I'm Batman",
    "I'm a bit tired",
    "I'm allergic to Mondays",
    "I'm allergic to people",
    "I'm a doctor. Just kidding!",
    "I live in hope.",
    "I live in a house",
    "I live in the moment",
    "I'm married to my job",
    "I'm from the future",
    "Call me crazy, but that works",
    "Call me maybe later",
    "Call me tomorrow!",
    "I'm 100% sure",
    "I'm 10 minutes late",
    "I'm dead",
    # Moods and states that look like names
    "I'm Happy",
    "I'm SO tired",
    "I'm Catholic",
    "I'm German",
    "I'm Sorry",
    "I'm okay, thanks",
    "I'm Sam's brother",
    "I'm Team Edward",
    "I go by Alex these days.",
    "My cat Died yesterday",
    "I'm home",
    # What passes or means nothing
    "I love you",
    "I love it!",
    "I like that idea.",
    "I love your voice",
    "I love how calm you are",
    "I love the way you talk",
    "I love the colour and texture.",
    "I like stories that make me cry",
    "I love seeing your progress",
    "I hate to say it",
    "I hate when that happens",
    "I like this one",
    "I love being here",
    "My favourite part is the end.",
    "My favourite thing about it is you",
    "My name is not important.",
    "My name is on the list",
    "My name is hard to pronounce",
    "My birthday is soon",
    "My birthday is in a week",
    "My job is stressful",
    "I work at night",
    "I work for free",
    "I work hard",
    "I'm working as hard as I can",
    "I play with words",
    "I speak to my mother",
    "I speak my mind",
    "I use them/these",
    # What is over, or not yet
    "I used to live in Madrid.",
    "When I was a nurse I lived in Rome.",
    "I no longer like cheese",
    "I was a teacher",
    "I don't like cheese anymore",
    "We are moving to Porto next spring.",
    # Not of themselves
    "You are a nurse.",
    "Your name is Sam",
    "He is from Spain and loves cheese.",
    "My sister lives in Porto.",
    "My brother is a doctor",
    "My friend is vegan",
    "My sister And I went out",
    "Maybe I am a good cook",
    "I'm not a doctor",
    "I'm no teacher",
    "",
    "...",
    "👍",
)


def read(text: str) -> set[str]:
    found = set()
    for fact in patterns.find(text, 7, SAID_AT):
        last = fact.slot.rsplit(":", 1)[-1]
        found.add(fact.slot if last == fact.value.casefold() and fact.kind != "note" else f"{fact.slot}={fact.value}")
    return found


@pytest.mark.parametrize("text", TOLD)
def test_a_told_fact_is_read(text: str):
    assert read(text) == TOLD[text]


@pytest.mark.parametrize("text", NOTHING)
def test_nothing_is_read_where_nothing_is_told(text: str):
    assert read(text) == set()


def test_the_table_is_as_large_as_it_claims_to_be():
    assert len(TOLD) + len(NOTHING) >= 200
    assert len(NOTHING) >= 50


def test_a_fact_carries_its_source_and_reads_as_a_phrase():
    (fact,) = patterns.find("I love mushroom risotto.", 7, SAID_AT)
    assert (fact.text, fact.message_id, fact.said_at) == ("likes mushroom risotto", 7, SAID_AT)
    assert fact.origin == "pattern"
    assert 0.5 <= fact.confidence <= 1
    (fact,) = patterns.find("My name is Sam.", 7, SAID_AT)
    assert fact.text == "name: Sam"


def test_the_same_thing_liked_and_later_disliked_stands_in_one_slot():
    (liked,) = patterns.find("I love cheese.", 1, SAID_AT)
    (disliked,) = patterns.find("I hate cheese.", 2, SAID_AT)
    assert liked.slot == disliked.slot
    assert liked.value != disliked.value


def test_a_birthday_today_is_that_day_in_the_persons_own_zone():
    from zoneinfo import ZoneInfo

    evening = datetime(2023, 5, 8, 23, tzinfo=UTC).astimezone(ZoneInfo("Asia/Tokyo"))
    (fact,) = patterns.find("It's my birthday!", 1, evening)
    assert fact.value == "9 May"


def test_a_message_gives_twenty_facts_at_most():
    text = "\n".join(f"I love dish{number}." for number in range(50))
    assert len(patterns.find(text, 1, SAID_AT)) == 20


def test_what_stands_in_round_single_quotes_is_somebody_elses():
    assert read("She keeps on: ‘I live in Rome’ and ‘I don’t like tea’.") == set()
    assert read("I live in Rome.") != set()


def test_what_is_taken_out_is_not_read_across():
    assert statements('I am "quite surely not" a doctor') == ["I am  \x1f  a doctor"]
    assert read('I am "quite surely not" a doctor') == set()


@pytest.mark.parametrize(
    "piece",
    [
        "I love ",
        "my sister ",
        "and I ",
        '"',
        "*",
        "`",
        "```",
        "'",
        "_",
        "I'm a ",
        "my favourite ",
        "x",
        " ",
        ",",
        "a, ",
        "I live in A ",
        "(",
        "\n",
        "is my favourite ",
        "https://",
        "Tom: ",
        "my dog, Rex, ",
        "and ",
        "so ",
        "remember that ",
        "I've ",
        "“",
        "1.",
        "you?",
        "? ",
    ],
)
def test_time_grows_no_faster_than_the_message(piece: str):
    # Counted in steps of work rather than on a clock: twice the text may take no more than about twice the calls.
    import sys

    def steps(length: int) -> int:
        count = 0

        def profile(frame: object, event: str, argument: object) -> None:
            nonlocal count
            count += 1

        text = (piece * (length // len(piece) + 1))[:length]
        sys.setprofile(profile)
        try:
            patterns.find(text, 1, SAID_AT)
        finally:
            sys.setprofile(None)
        return count

    assert steps(1_000) <= 2.6 * steps(500) + 200
