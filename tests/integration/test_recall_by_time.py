"""Questions that name a time find what was said then, although the same was said on many other days."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.support.service import test_config as config_for_tests
from whisperengine.db.ids import id_at
from whisperengine.db.pool import open_pool
from whisperengine.inference import models
from whisperengine.inference.encoder import Encoder
from whisperengine.memory import history, indexing, people, recall
from whisperengine.memory.asked import ask
from whisperengine.memory.history import Said
from whisperengine.memory.messages import Place, Read

ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 6, 17, 15, 0, tzinfo=ZONE)
"""A Wednesday."""
FIRST_MET = datetime(2025, 2, 3, 20, 0, tzinfo=ZONE)
BIRTHDAY = (3, 14)

# At each of these times the same three things are said, with another plant, dish and film: only time tells them apart.
DIARY = """
2025-02-03 20:00  roses         lasagne        Vertigo
2025-03-14 19:00  tulips        paella         Casablanca
2025-05-06 18:00  basil         goulash        Alien
2025-06-19 20:00  lavender      ramen          Amadeus
2025-08-12 21:00  sunflowers    gazpacho       Jaws
2025-09-20 17:00  asters        dumplings      Gladiator
2025-10-31 22:00  garlic        pumpkin soup   Psycho
2025-11-27 20:00  heather       turkey         Fargo
2025-12-25 13:00  holly         roast goose    Gremlins
2025-12-31 21:00  ivy           fondue         Metropolis
2026-01-15 19:00  hyacinths     ratatouille    Rashomon
2026-02-14 20:00  camellias     risotto        Titanic
2026-03-14 18:00  primroses     moussaka       Chinatown
2026-04-05 12:00  daffodils     roast lamb     Spartacus
2026-04-09 19:00  leeks         quiche         Fantasia
2026-04-21 19:00  radishes      falafel        Solaris
2026-05-07 20:00  peonies       tacos          Rocky
2026-05-26 19:00  strawberries  bouillabaisse  Goodfellas
2026-06-03 20:00  courgettes    sushi          Brazil
2026-06-05 20:00  cucumbers     couscous       Manhattan
2026-06-09 20:00  raspberries   lentil stew    Memento
2026-06-12 21:00  blueberries   pizza          Inception
2026-06-13 19:00  marigolds     barbecue       Babe
2026-06-15 20:00  dahlias       pancakes       Up
2026-06-16 09:00  mint          porridge       Bambi
2026-06-16 21:00  rosemary      curry          Heat
2026-06-17 08:00  thyme         omelette       Shrek
2026-06-17 12:00  sage          sandwiches     Cars
"""
PLANT, DISH, FILM = range(3)
TELLING = ("I planted {} in the garden.", "I cooked {} for dinner.", "I watched the film {}.")
ANSWERS = ("The garden will thank you.", "Dinner sounds good.", "I would like to hear more about that film.")

# Asked before, on other days: nothing is nearer to a question than the same question.
ASKED_BEFORE = [
    ("2025-07-20 19:00", "What did I cook for dinner? Which film did I watch?"),
    ("2025-12-05 19:00", "Which film did I watch? What did I cook for dinner?"),
    ("2026-03-28 19:00", "What did I plant in the garden? What did I cook for dinner? Which film did I watch?"),
]

CASES = [
    ("What did I tell you yesterday about the garden?", PLANT, "2026-06-16"),
    ("What did I plant in the garden the day before yesterday?", PLANT, "2026-06-15"),
    ("What did I cook for dinner yesterday evening?", DISH, "2026-06-16 21:00"),
    ("Which film did I watch yesterday morning?", FILM, "2026-06-16 09:00"),
    ("What did I plant in the garden last night?", PLANT, "2026-06-16 21:00"),
    ("What did I cook today?", DISH, "2026-06-17"),
    ("Which film did I tell you about this morning?", FILM, "2026-06-17 08:00"),
    ("What did I plant in the garden three hours ago?", PLANT, "2026-06-17 12:00"),
    ("What did I cook for dinner two days ago?", DISH, "2026-06-15"),
    ("Which film did I watch a few days ago?", FILM, "2026-06-12, 2026-06-13, 2026-06-15"),
    ("What did I plant in the garden two weeks ago?", PLANT, "2026-06-03, 2026-06-05"),
    ("What did I cook for dinner three weeks ago?", DISH, "2026-05-26"),
    ("Which film did I watch a couple of months ago?", FILM, "2026-04-05, 2026-04-09, 2026-04-21"),
    ("What did I plant in the garden several months ago?", PLANT, "2025-11, 2025-12, 2026-01, 2026-02, 2026-03-14"),
    ("What did I cook for dinner this time last year?", DISH, "2025-06-19"),
    ("What did I tell you last week about the garden?", PLANT, "2026-06-09, 2026-06-12, 2026-06-13"),
    ("Which film did I watch this week?", FILM, "2026-06-15, 2026-06-16, 2026-06-17"),
    ("What did I cook for dinner last weekend?", DISH, "2026-06-13"),
    ("What did I plant in the garden the week before last?", PLANT, "2026-06-03, 2026-06-05"),
    ("Which film did I watch last month?", FILM, "2026-05-07, 2026-05-26"),
    ("What did I plant in the garden in the last three days?", PLANT, "2026-06-15, 2026-06-16, 2026-06-17"),
    ("What did I cook for dinner last Tuesday?", DISH, "2026-06-16"),
    ("What did I tell you on Friday about the film?", FILM, "2026-06-12"),
    ("What did I plant in the garden on Tuesday last week?", PLANT, "2026-06-09"),
    ("What did I cook for dinner in May?", DISH, "2026-05-07, 2026-05-26"),
    ("Which film did I watch in May last year?", FILM, "2025-05-06"),
    ("What did I plant in the garden in August 2025?", PLANT, "2025-08-12"),
    ("What did I cook for dinner on 7 May?", DISH, "2026-05-07"),
    ("Which film did I watch on April 21st?", FILM, "2026-04-21"),
    ("What did I plant in the garden on the 5th?", PLANT, "2026-06-05"),
    ("What did I cook for dinner on 2026-01-15?", DISH, "2026-01-15"),
    ("Which film did I watch on 14/2/2026?", FILM, "2026-02-14"),
    ("What did I plant in the garden last summer?", PLANT, "2025-06-19, 2025-08-12"),
    ("What did I cook for dinner last autumn?", DISH, "2025-09-20, 2025-10-31, 2025-11-27"),
    ("Which film did I watch around Christmas?", FILM, "2025-12-25"),
    ("What did I cook for dinner on New Year's Eve?", DISH, "2025-12-31"),
    ("Which film did I watch at Halloween?", FILM, "2025-10-31"),
    ("What did I plant in the garden at Easter?", PLANT, "2026-04-05"),
    ("What did I cook for dinner on Valentine's day?", DISH, "2026-02-14"),
    ("What did I cook on Thanksgiving?", DISH, "2025-11-27"),
    ("Which film did I watch on my birthday?", FILM, "2026-03-14"),
    ("Which film did I watch on my birthday last year?", FILM, "2025-03-14"),
    ("What did I plant in the garden between September and October?", PLANT, "2025-09-20, 2025-10-31"),
    ("What did I cook for dinner since Monday?", DISH, "2026-06-15, 2026-06-16, 2026-06-17"),
    ("Which film did I watch before May 2025?", FILM, "2025-02-03, 2025-03-14"),
    ("What did I plant in the garden at the beginning of May?", PLANT, "2026-05-07"),
    ("What did I cook for dinner at the end of May?", DISH, "2026-05-26"),
    ("Which film did I watch the week after Easter?", FILM, "2026-04-09"),
    ("What did I tell you about the garden when we first talked?", PLANT, "2025-02-03"),
    ("Which film did I tell you about in our first conversation?", FILM, "2025-02-03"),
]  # fmt: skip

# What a message tells of counts like the time at which it was said.
PLANS = [
    ("2026-06-08 19:00", "I have an appointment with the dentist next Monday."),
    ("2026-06-02 19:00", "I have an appointment with the vet on 26 June."),
    ("2026-05-28 19:00", "I have an appointment with the hairdresser tomorrow."),
    ("2026-06-14 19:00", "I have an appointment with the lawyer on Thursday."),
    ("2026-03-20 19:00", "I flew to Lisbon last month."),
    ("2026-03-02 19:00", "I fly to Oslo next month."),
    ("2026-03-25 19:00", "I flew to Vienna yesterday."),
    ("2025-11-10 19:00", "I moved into a flat in 2019."),
    ("2025-11-24 19:00", "I moved into a flat in 2012."),
]
TOLD_CASES = [
    ("Which appointment did I have on Monday?", "dentist"),
    ("Which appointment do I have next Friday?", "vet"),
    ("Which appointment do I have tomorrow?", "lawyer"),
    ("Which appointment did I have on 29 May?", "hairdresser"),
    ("Where did I fly in February?", "Lisbon"),
    ("Where did I fly in April?", "Oslo"),
    ("Where did I fly on March 24th?", "Vienna"),
    ("Where did I move in 2019?", "2019"),
    ("Where did I move in 2012?", "2012"),
]


def at(when: str) -> datetime:
    return datetime.strptime(when, "%Y-%m-%d %H:%M").replace(tzinfo=ZONE)


def entries() -> list[tuple[str, list[str]]]:
    """When, and the three things said then."""
    lines = [re.split(r"  +", line) for line in DIARY.strip().splitlines()]
    return [
        (when, [telling.format(thing) for telling, thing in zip(TELLING, things, strict=True)])
        for when, *things in lines
    ]


def talk() -> list[Said]:
    said = [Said(at(when), True, "Sam", text) for when, text in [*ASKED_BEFORE, *PLANS]]
    for when, told in entries():
        for minute, (text, answer) in enumerate(zip(told, ANSWERS, strict=True)):
            said.append(Said(at(when) + timedelta(minutes=2 * minute), True, "Sam", text))
            said.append(Said(at(when) + timedelta(minutes=2 * minute + 1), False, "Mira", answer))
    return sorted(said, key=lambda message: message.said_at)


def expected(topic: int, dates: str) -> set[str]:
    return {told[topic] for when, told in entries() if any(when.startswith(date) for date in re.split(", ", dates))}


@asynccontextmanager
async def memory(database: str) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """The talk, stored; a question brings back the first memory."""
    async with AsyncExitStack() as stack:
        pool = await open_pool(database, 2)
        stack.push_async_callback(pool.close)
        config = config_for_tests()
        encoder = await Encoder.open(config, await asyncio.to_thread(models.ensure, config, str))
        stack.push_async_callback(encoder.close)
        model_id = await indexing.model_id(pool, encoder.model_name, encoder.dimensions)
        await pool.execute("insert into characters (id, name, definition) values (1, 'mira', '{}')")
        person = await people.resolve(pool, "test", "sam", "Sam")
        said = talk()
        reads = [
            Read(model_id, reading.embedding, reading.emotion.tolist(), "neutral", 0.0)
            for reading in await encoder.read([message.content for message in said])
        ]
        await history.store(pool, Place(person.user_id, 1, "here", False), said, reads)
        # Asked elsewhere, so that the latest of the talk is not left out as what is being talked about.
        place = Place(person.user_id, 1, "elsewhere", False)

        async def first_memory(question: str) -> str:
            asked = ask(
                question,
                person="Sam",
                character="Mira",
                now=NOW,
                zone=ZONE.key,
                first_met=FIRST_MET,
                birthday=BIRTHDAY,
            )
            (reading,) = await encoder.read([asked.embedded])
            found = await recall.recall(
                pool, place, asked, reading.embedding, model_id, before=id_at(NOW), now=NOW.astimezone(UTC)
            )
            return found.memories[0].content

        yield first_memory


async def test_a_time_in_a_question_brings_back_what_was_said_then(database: str):
    wrong = []
    async with memory(database) as first_memory:
        for question, topic, dates in CASES:
            found = await first_memory(question)
            if found not in expected(topic, dates):
                wrong.append((question, found))
        for question, word in TOLD_CASES:
            found = await first_memory(question)
            if word not in found:
                wrong.append((question, found))
    assert not wrong, "\n".join(f"{question} -> {found}" for question, found in wrong)
